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
import { dominantSpeaker, withSpeaker } from '../engine/turns/final-turns.ts'
import { type Check, checkBoolean, checkOptions, defined, integer, string } from '../options.ts'
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

const checks: Readonly<Record<string, Check>> = {
  name: string(),
  model: string(),
  fasterThanRealTime: checkBoolean,
  longestTurn: integer(1, undefined, 'ms'),
  finalDelay: integer(0, undefined, 'ms'),
  unattributedWords: integer(0),
  mistakenWords: integer(0),
  reviseEvery: integer(0, undefined, 'ms'),
}

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
  checkOptions('toneEngine()', options, checks)
  let opened = 0
  let live = 0
  return {
    name: options.name ?? 'tone',
    ...defined({ model: options.model }),
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
      const session = toneSession(settings, listener, behaviourFor(settings, options), () => live--)
      return Promise.resolve(session)
    },
  }
}

/** What a session does beside what its client asks for. */
type ToneBehaviour = Required<Omit<ToneEngineOptions, 'name' | 'model' | 'fasterThanRealTime'>>

function behaviourFor(settings: EngineSettings, options: ToneEngineOptions): ToneBehaviour {
  return {
    longestTurn: options.longestTurn ?? (settings.speakerLabels ? LONGEST_LABELLED : LONGEST_UNLABELLED),
    finalDelay: options.finalDelay ?? 0,
    unattributedWords: options.unattributedWords ?? 0,
    mistakenWords: options.mistakenWords ?? 0,
    reviseEvery: options.reviseEvery ?? settings.revisionInterval,
  }
}

const MOST_SPEAKERS = 10
const FIRST_LETTER = 65
const CONFIDENCE = 0.99

interface HeardWord {
  word: EngineWord
  right: string | undefined
}

/** A session of a tone engine: the words of the audio, gathered to turns. Reports follow from the audio alone. */
function toneSession(
  given: EngineSettings,
  listener: EngineListener,
  behaviour: ToneBehaviour,
  onGone: () => void,
): EngineSession {
  const settings = { ...given }
  const finder = new ToneFinder()
  /** Letters of the speakers, in order of appearance. */
  const letters = new Map<number, string>()
  let labelled = 0
  /** The right letters of finals that had others. */
  const revisions: EngineRevision[] = []
  /** Reports in their order, and when they are due. */
  let reports: { due: number; report: () => void }[] = []
  let heard: HeardWord[] = []
  let order = 0
  let reviseAt = behaviour.reviseEvery || Infinity
  let gone = false

  function write(samples: Int16Array): Promise<void> {
    for (const found of finder.push(samples)) hear(found)
    passTime(toMs(finder.settled))
    deliver(toMs(finder.position))
    return Promise.resolve()
  }

  function forceEndpoint(): Promise<void> {
    endTurn(toMs(finder.position))
    deliver(Infinity)
    return Promise.resolve()
  }

  function configure(update: EngineSettingsUpdate): void {
    Object.assign(settings, update)
  }

  function end(): Promise<void> {
    const now = toMs(finder.position)
    endTurn(now)
    revise(now)
    deliver(Infinity)
    return Promise.resolve()
  }

  function destroy(): Promise<void> {
    if (!gone) onGone()
    gone = true
    reports = []
    return Promise.resolve()
  }

  function hear(found: FoundWord): void {
    const start = Math.round(toMs(found.onset))
    const end = start + TONE_WORD_MS
    passTime(start)
    const opened = heard[0]?.word.start
    if (opened !== undefined && end - opened > behaviour.longestTurn) endTurn(end)
    if (heard.length === 0) later(end, () => listener.speechStarted(start, CONFIDENCE))
    const right = settings.speakerLabels ? letterOf(found.speaker) : undefined
    const word: EngineWord = { text: toneText(found.word), start, end, confidence: CONFIDENCE, final: true }
    heard.push({ word: withSpeaker(word, settings.speakerLabels ? asGiven(right) : right), right })
    if (settings.partials) {
      const partial = assemble(false)
      later(end, () => listener.turn(partial))
    }
  }

  /** Does what is due by `now` in the order of time: turns end in silence, labels are revised. */
  function passTime(now: number): void {
    for (;;) {
      const lastEnd = heard.at(-1)?.word.end
      const { minTurnSilence, maxTurnSilence } = settings
      const endAt = lastEnd === undefined ? Infinity : lastEnd + Math.min(minTurnSilence, maxTurnSilence)
      if (Math.min(endAt, reviseAt) > now) return
      if (endAt <= reviseAt) {
        endTurn(endAt)
      } else {
        revise(reviseAt)
        reviseAt += behaviour.reviseEvery
      }
    }
  }

  function letterOf(speaker: number): string | undefined {
    const { size } = letters
    if (!letters.has(speaker) && size < (settings.maxSpeakers ?? MOST_SPEAKERS)) {
      letters.set(speaker, String.fromCharCode(FIRST_LETTER + size))
    }
    return letters.get(speaker)
  }

  /** The letter with which the next word is reported, whose right one is `right`. */
  function asGiven(right: string | undefined): string | undefined {
    const { unattributedWords, mistakenWords } = behaviour
    const place = labelled++
    if (place < unattributedWords) return undefined
    if (place >= unattributedWords + mistakenWords) return right
    return [...letters.values()].find((other) => other !== right) ?? right
  }

  function endTurn(at: number): void {
    if (heard.length === 0) return
    const final = assemble(true)
    if (heard.some(({ word, right }) => word.speaker !== right)) {
      const words = heard.map(({ word, right }) => withSpeaker(word, right))
      const speaker = dominantSpeaker(words)
      revisions.push({ order: final.order, words, ...defined({ speaker }) })
    }
    heard = []
    order++
    later(at + behaviour.finalDelay, () => listener.turn(final))
  }

  function revise(at: number): void {
    const due = revisions.splice(0)
    if (due.length > 0) later(at, () => listener.revision(due))
  }

  function assemble(endOfTurn: boolean): EngineTurn {
    const words = heard.map(({ word }) => (endOfTurn ? word : { ...withSpeaker(word, undefined), final: false }))
    const speaker = dominantSpeaker(words)
    return {
      order,
      words,
      transcript: words.map((word) => word.text).join(' '),
      ...defined({ speaker }),
      endOfTurn,
      formatted: endOfTurn && settings.formatTurns,
      endOfTurnConfidence: endOfTurn ? 1 : 0,
    }
  }

  /** Lines a report up; none overtakes another, so that what follows a delayed final waits with it. */
  function later(due: number, report: () => void): void {
    reports.push({ due: Math.max(due, reports.at(-1)?.due ?? 0), report })
  }

  function deliver(now: number): void {
    for (let [first] = reports; first !== undefined && first.due <= now; [first] = reports) {
      reports.shift()
      first.report()
    }
  }

  return { write, forceEndpoint, configure, end, destroy }
}

function toMs(sample: number): number {
  return (sample * 1000) / TONE_RATE
}

export interface FoundWord extends ToneSign {
  /** Place of its first sample in the stream. */
  onset: number
}

/** Samples louder than this may begin a word. */
const LOUD = 400
/** Quiet samples (1 ms) that must come before a word; within a word there are never more than two in a row. */
const QUIET_SAMPLES = 16

/** Finds tone words, exact to the sample, however the stream is cut; half words are passed over. */
export class ToneFinder {
  readonly #burst = new Int16Array(WORD_SAMPLES)
  #filled = 0
  #collecting = false
  #onset = 0
  // The beginning of the stream counts as silence: a session may begin exactly with a word.
  #quiet = QUIET_SAMPLES
  position = 0

  /** Place in the stream up to which no word can be found any more: the onset of what may become one, or the end. */
  get settled(): number {
    return this.#collecting ? this.#onset : this.position
  }

  /** Takes the next samples and returns the words they complete. */
  push(samples: Int16Array): FoundWord[] {
    const found: FoundWord[] = []
    this.#scan(samples, this.position, found)
    this.position += samples.length
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
