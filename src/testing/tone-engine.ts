import type {
  Engine,
  EngineListener,
  EngineRevision,
  EngineSession,
  EngineSettings,
  EngineSettingsUpdate,
  EngineTurn,
  EngineWord,
} from '../engine/engine.ts'
import { checkBoolean, checkInteger, checkKnown, checkString } from '../options.ts'
import { readToneWord, TONE_RATE, TONE_WORD_MS, type ToneSign, toneText, WORD_SAMPLES } from './tone-audio.ts'

/** Options of {@link toneEngine}. */
export interface ToneEngineOptions {
  /** Name of the engine. @defaultValue 'tone' */
  name?: string
  /** Model id that `Begin` echoes. @defaultValue none: the one that was asked for */
  model?: string
  /** Whether audio may come faster than it plays. @defaultValue true */
  fasterThanRealTime?: boolean
  /**
   * Milliseconds of the longest turn; one is cut between two words so as not to be longer.
   * @defaultValue 10000 with speaker labels, 60000 without
   */
  longestTurn?: number
  /**
   * Milliseconds of audio between the end of a turn and its final. What follows a delayed final waits with it.
   * @defaultValue 0
   */
  finalDelay?: number
  /** Words at the start of each session that carry no label until they are revised. @defaultValue 0 */
  unattributedWords?: number
  /**
   * Words after those that carry the label of another speaker, where one is known, until they are revised.
   * @defaultValue 0
   */
  mistakenWords?: number
  /**
   * Milliseconds of audio between revisions in mid-session; 0 for one at the end only.
   * @defaultValue what the client asked for by `speaker_labels_revision_interval_ms`
   */
  reviseEvery?: number
}

/** An {@link Engine} that understands {@link toneAudio}. */
export interface ToneEngine extends Engine {
  /** Sessions opened so far. */
  readonly opened: number
  /** Sessions that are not yet destroyed. */
  readonly live: number
}

const LONGEST_LABELLED = 10_000
const LONGEST_UNLABELLED = 60_000

const known = [
  'name',
  'model',
  'fasterThanRealTime',
  'longestTurn',
  'finalDelay',
  'unattributedWords',
  'mistakenWords',
  'reviseEvery',
]

/**
 * An engine for tests that truly hears: words, speakers and times are decoded from the tones in the audio it is given,
 * so that audio that was lost, doubled or moved on its way shows in the words. `toneAudio()` makes such audio.
 *
 * Words are reported as `w0`, `w1`, … with their exact times in whole ms, 240 ms long; of a word that was not heard
 * whole nothing is reported. Speakers are lettered in order of appearance in the session, so that a session that first
 * hears speaker 7 calls him A. A turn ends after the silence that the settings name, or before it gets too long.
 * Decoding takes about a thousandth of the time the audio plays. The audio may be louder or softer and a little noisy, but
 * must not have been resampled: a word that is off by one sample does not count.
 *
 * @throws ConfigurationError (`INVALID_OPTION`)
 */
export function toneEngine(options: ToneEngineOptions = {}): ToneEngine {
  checkOptions(options)
  let opened = 0
  let live = 0
  return {
    name: options.name ?? 'tone',
    ...(options.model === undefined ? {} : { model: options.model }),
    sampleRate: TONE_RATE,
    fasterThanRealTime: options.fasterThanRealTime ?? true,
    get opened() {
      return opened
    },
    get live() {
      return live
    },
    open(settings, listener) {
      opened++
      live++
      const session = new ToneSession(settings, listener, behaviourFor(settings, options), () => live--)
      return Promise.resolve(session)
    },
  }
}

function checkOptions(options: ToneEngineOptions): void {
  checkKnown('toneEngine()', options, known)
  checkString('name', options.name)
  checkString('model', options.model)
  checkBoolean('fasterThanRealTime', options.fasterThanRealTime)
  checkInteger('longestTurn', options.longestTurn, 1, undefined, 'ms')
  checkInteger('finalDelay', options.finalDelay, 0, undefined, 'ms')
  checkInteger('unattributedWords', options.unattributedWords, 0)
  checkInteger('mistakenWords', options.mistakenWords, 0)
  checkInteger('reviseEvery', options.reviseEvery, 0, undefined, 'ms')
}

function behaviourFor(settings: EngineSettings, options: ToneEngineOptions): ToneBehaviour {
  return {
    longestTurn: options.longestTurn ?? (settings.speakerLabels ? LONGEST_LABELLED : LONGEST_UNLABELLED),
    finalDelay: options.finalDelay ?? 0,
    unattributedWords: options.unattributedWords ?? 0,
    mistakenWords: options.mistakenWords ?? 0,
    reviseEvery: options.reviseEvery ?? settings.revisionInterval,
  }
}

/** What a tone session does beside what its client asks for; times in ms of audio. */
export interface ToneBehaviour {
  /** Longest turn; one is cut between words so as not to be longer. */
  longestTurn: number
  finalDelay: number
  /** Words at the start that have no letter until they are revised. */
  unattributedWords: number
  /** Words after those that have the letter of another speaker until they are revised. */
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
    this.#speakers = new ToneSpeakers(settings.maxSpeakers ?? MOST_SPEAKERS, behaviour)
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

/** A word as found in a stream of samples. */
export interface FoundWord extends ToneSign {
  /** Place of its first sample in the stream. */
  onset: number
}

/** Samples louder than this may begin a word. */
const LOUD = 400
/** Quiet samples (1 ms) that must come before a word; within a word there are never more than two in a row. */
const QUIET_SAMPLES = 16

/**
 * Finds tone words in a stream of samples, exact to the sample, however the stream is cut into pieces. Anything else,
 * half words included, is passed over. A word is found when its last sample has come.
 */
export class ToneFinder {
  readonly #burst = new Int16Array(WORD_SAMPLES)
  #filled = 0
  #collecting = false
  #onset = 0
  // The beginning of the stream counts as silence: a session may begin exactly with a word.
  #quiet = QUIET_SAMPLES
  #position = 0

  /** Samples taken so far. */
  get position(): number {
    return this.#position
  }

  /** Place in the stream up to which no word can be found any more: the onset of what may become one, or the end. */
  get settled(): number {
    return this.#collecting ? this.#onset : this.#position
  }

  /** Takes the next samples and returns the words they complete. */
  push(samples: Int16Array): FoundWord[] {
    const found: FoundWord[] = []
    this.#scan(samples, this.#position, found)
    this.#position += samples.length
    return found
  }

  /** @param place - place in the stream of the first of `samples`. */
  #scan(samples: Int16Array, place: number, found: FoundWord[]): void {
    let at = 0
    while (at < samples.length) {
      if (this.#collecting) {
        const taken = Math.min(samples.length - at, WORD_SAMPLES - this.#filled)
        this.#burst.set(samples.subarray(at, at + taken), this.#filled)
        this.#filled += taken
        at += taken
        if (this.#filled === WORD_SAMPLES) this.#finish(found)
      } else {
        at = this.#search(samples, at, place)
      }
    }
  }

  /** Looks for the next onset; returns where collecting begins, or the end. */
  #search(samples: Int16Array, from: number, place: number): number {
    let quiet = this.#quiet
    for (let at = from; at < samples.length; at++) {
      const sample = samples[at]!
      if (sample < LOUD && sample > -LOUD) {
        quiet++
      } else if (quiet < QUIET_SAMPLES) {
        quiet = 0
      } else {
        this.#collecting = true
        this.#filled = 0
        this.#onset = place + at
        return at
      }
    }
    this.#quiet = quiet
    return samples.length
  }

  #finish(found: FoundWord[]): void {
    this.#collecting = false
    this.#quiet = 0
    const sign = readToneWord(this.#burst)
    if (sign !== undefined) found.push({ ...sign, onset: this.#onset })
    // What was no word may hold the onset of one: a half word at the start of a session, then a whole one.
    else this.#scan(this.#burst.slice(1), this.#onset + 1, found)
  }
}

const FIRST_LETTER = 65

/** Letter of the speaker of most words; absent where none has one. */
export function mostFrequent(words: readonly EngineWord[]): string | undefined {
  const counts = new Map<string, number>()
  for (const { speaker } of words) if (speaker !== undefined) counts.set(speaker, (counts.get(speaker) ?? 0) + 1)
  return [...counts].toSorted((a, b) => b[1] - a[1])[0]?.[0]
}

/** Gives the speakers of one session their letters in order of appearance, at first wrongly where it is told to. */
export class ToneSpeakers {
  readonly #maxSpeakers: number
  readonly #behaviour: ToneBehaviour
  readonly #letters = new Map<number, string>()
  /** Finals with words whose right letter is still to be told, by their order. */
  readonly #wrong = new Map<number, EngineTurn>()
  #words = 0

  /** @param maxSpeakers - speakers that get a letter; further ones get none. */
  constructor(maxSpeakers: number, behaviour: ToneBehaviour) {
    this.#maxSpeakers = maxSpeakers
    this.#behaviour = behaviour
  }

  /** The letter with which the next word is reported, and the right one; absent where there is none. */
  label(speaker: number): { given: string | undefined; right: string | undefined } {
    const { unattributedWords, mistakenWords } = this.#behaviour
    if (!this.#letters.has(speaker) && this.#letters.size < this.#maxSpeakers) {
      this.#letters.set(speaker, String.fromCharCode(FIRST_LETTER + this.#letters.size))
    }
    const right = this.#letters.get(speaker)
    const place = this.#words++
    if (place < unattributedWords) return { given: undefined, right }
    return { given: place < unattributedWords + mistakenWords ? this.#otherThan(right) : right, right }
  }

  /** Notes a final whose words' right letters are `right`, in case some were reported otherwise. */
  note(final: EngineTurn, right: readonly (string | undefined)[]): void {
    if (final.words.every((word, index) => word.speaker === right[index])) return
    const words = final.words.map((word, index) => withLetter(word, right[index]))
    this.#wrong.set(final.order, { ...final, words })
  }

  /** The right letters of all finals noted since the last time. */
  revise(): EngineRevision[] {
    const revisions = [...this.#wrong.values()].map(({ order, words }): EngineRevision => {
      const speaker = mostFrequent(words)
      return { order, words, ...(speaker === undefined ? {} : { speaker }) }
    })
    this.#wrong.clear()
    return revisions
  }

  #otherThan(letter: string | undefined): string | undefined {
    return [...this.#letters.values()].find((other) => other !== letter) ?? letter
  }
}

function withLetter(word: EngineWord, speaker: string | undefined): EngineWord {
  const { speaker: _before, ...rest } = word
  return { ...rest, ...(speaker === undefined ? {} : { speaker }) }
}
