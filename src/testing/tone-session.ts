import type {
  EngineListener,
  EngineSession,
  EngineSettings,
  EngineSettingsUpdate,
  EngineTurn,
  EngineWord,
} from '../engine/engine.ts'
import { toneText } from './tone-audio.ts'
import { TONE_RATE, TONE_WORD_MS } from './tone-code.ts'
import { ToneFinder, type FoundWord } from './tone-finder.ts'
import { mostFrequent, ToneSpeakers } from './tone-speakers.ts'

/** What a tone session does beside what its client asks for; times in ms of audio. */
export interface ToneBehaviour {
  /** Longest turn; one is cut between words so as not to be longer. */
  longestTurn: number
  finalDelay: number
  unattributedWords: number
  mistakenWords: number
  /** Time between revisions in mid-session; 0 for one at the end only. */
  reviseEvery: number
}

const MOST_SPEAKERS = 10
const CONFIDENCE = 0.99

interface HeardWord {
  /** As reported in a final. */
  word: EngineWord
  /** The right letter. */
  right: string | undefined
}

/** A session of a tone engine: the words of the audio, gathered to turns. Reports follow from the audio alone. */
export class ToneSession implements EngineSession {
  readonly #settings: EngineSettings
  readonly #listener: EngineListener
  readonly #behaviour: ToneBehaviour
  readonly #onGone: () => void
  readonly #finder = new ToneFinder()
  readonly #speakers: ToneSpeakers
  /** Reports in their order, and when they are due. */
  #reports: { due: number; report: () => void }[] = []
  #turn: HeardWord[] = []
  #order = 0
  #reviseAt: number
  #gone = false

  constructor(settings: EngineSettings, listener: EngineListener, behaviour: ToneBehaviour, onGone: () => void) {
    this.#settings = { ...settings }
    this.#listener = listener
    this.#behaviour = behaviour
    this.#onGone = onGone
    this.#reviseAt = behaviour.reviseEvery || Infinity
    this.#speakers = new ToneSpeakers({
      maxSpeakers: settings.maxSpeakers ?? MOST_SPEAKERS,
      unattributedWords: behaviour.unattributedWords,
      mistakenWords: behaviour.mistakenWords,
    })
  }

  write(samples: Int16Array): Promise<void> {
    for (const found of this.#finder.push(samples)) this.#hear(found)
    this.#passTime(toMs(this.#finder.settled))
    this.#deliver(toMs(this.#finder.position))
    return Promise.resolve()
  }

  forceEndpoint(): Promise<void> {
    this.#endTurn(toMs(this.#finder.position))
    this.#deliver(Infinity)
    return Promise.resolve()
  }

  configure(update: EngineSettingsUpdate): void {
    Object.assign(this.#settings, update)
  }

  end(): Promise<void> {
    const now = toMs(this.#finder.position)
    this.#endTurn(now)
    this.#revise(now)
    this.#deliver(Infinity)
    return Promise.resolve()
  }

  destroy(): Promise<void> {
    if (!this.#gone) this.#onGone()
    this.#gone = true
    this.#reports = []
    return Promise.resolve()
  }

  #hear(found: FoundWord): void {
    const start = Math.round(toMs(found.onset))
    const end = start + TONE_WORD_MS
    this.#passTime(start)
    const opened = this.#turn[0]?.word.start
    if (opened !== undefined && end - opened > this.#behaviour.longestTurn) this.#endTurn(end)
    if (this.#turn.length === 0) this.#later(end, () => this.#listener.speechStarted(start, CONFIDENCE))
    const { given, right } = this.#settings.speakerLabels
      ? this.#speakers.label(found.speaker)
      : { given: undefined, right: undefined }
    const word: EngineWord = { text: toneText(found.word), start, end, confidence: CONFIDENCE, final: true }
    this.#turn.push({ word: given === undefined ? word : { ...word, speaker: given }, right })
    if (this.#settings.partials) {
      const partial = this.#assemble(false)
      this.#later(end, () => this.#listener.turn(partial))
    }
  }

  /** Does what is due by `now` in the order of time: turns end in silence, labels are revised. */
  #passTime(now: number): void {
    for (;;) {
      const lastEnd = this.#turn.at(-1)?.word.end
      const { minTurnSilence, maxTurnSilence } = this.#settings
      const endAt = lastEnd === undefined ? Infinity : lastEnd + Math.min(minTurnSilence, maxTurnSilence)
      if (Math.min(endAt, this.#reviseAt) > now) return
      if (endAt <= this.#reviseAt) {
        this.#endTurn(endAt)
      } else {
        this.#revise(this.#reviseAt)
        this.#reviseAt += this.#behaviour.reviseEvery
      }
    }
  }

  #endTurn(at: number): void {
    if (this.#turn.length === 0) return
    const final = this.#assemble(true)
    this.#speakers.note(
      final,
      this.#turn.map(({ right }) => right),
    )
    this.#turn = []
    this.#order++
    this.#later(at + this.#behaviour.finalDelay, () => this.#listener.turn(final))
  }

  #revise(at: number): void {
    const revisions = this.#speakers.revise()
    if (revisions.length > 0) this.#later(at, () => this.#listener.revision(revisions))
  }

  #assemble(endOfTurn: boolean): EngineTurn {
    const words = this.#turn.map(({ word }) => (endOfTurn ? word : asPartial(word)))
    const speaker = endOfTurn ? mostFrequent(words) : undefined
    return {
      order: this.#order,
      words,
      transcript: words.map((word) => word.text).join(' '),
      ...(speaker === undefined ? {} : { speaker }),
      endOfTurn,
      formatted: endOfTurn && this.#settings.formatTurns,
      endOfTurnConfidence: endOfTurn ? 1 : 0,
    }
  }

  /** Lines a report up; none overtakes another, so that what follows a delayed final waits with it. */
  #later(due: number, report: () => void): void {
    this.#reports.push({ due: Math.max(due, this.#reports.at(-1)?.due ?? 0), report })
  }

  #deliver(now: number): void {
    for (let [first] = this.#reports; first !== undefined && first.due <= now; [first] = this.#reports) {
      this.#reports.shift()
      first.report()
    }
  }
}

function toMs(sample: number): number {
  return (sample * 1000) / TONE_RATE
}

function asPartial({ speaker: _speaker, ...word }: EngineWord): EngineWord {
  return { ...word, final: false }
}
