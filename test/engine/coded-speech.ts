import { setImmediate as tick } from 'node:timers/promises'
import type {
  EngineListener,
  EngineRevision,
  EngineTurn,
  EngineUnrecognizedSpeech,
  EngineWarning,
} from '../../src/engine/engine.ts'
import type {
  Attribution,
  Recognition,
  TrackedUtterance,
  RecognisedWord,
  Recogniser,
  SpeakerTracker,
  Utterance,
  VoiceActivityDetector,
} from '../../src/engine/parts.ts'
import { randoms } from './signals.ts'

/**
 * Audio that is a code: silence is silence, and how loud every other millisecond is says which word is being said. So a
 * scripted recogniser can read back which words it was given, whole or in part, and where they were.
 */
export interface SaidWord {
  id: number
  start: number
  end: number
}

/** The "word" that is a noise, which a recogniser takes for a word at the beginning of an utterance only. */
export const noiseWord = 0

const loudness = (id: number): number => 3000 + 20 * id

/** Audio of `ms` in which the words are said. */
export function codedAudio(words: readonly SaidWord[], ms: number): Int16Array {
  const samples = new Int16Array(ms * 16)
  for (const { id, start, end } of words) {
    for (let at = start * 16; at < end * 16; at++) samples[at] = at % 2 === 0 ? loudness(id) : -loudness(id)
  }
  return samples
}

/** The words in coded audio; what is cut off is shorter. */
export function readWords(samples: Int16Array): RecognisedWord[] {
  const words: RecognisedWord[] = []
  for (let ms = 0; ms < samples.length / 16; ms++) {
    const loud = Math.abs(samples[ms * 16]!)
    if (loud === 0) continue
    const id = (loud - loudness(0)) / 20
    const last = words.at(-1)
    if (last?.text === String(id) && (last.end === ms || id === noiseWord)) last.end = ms + 1
    else if (id !== noiseWord || ms === 0) words.push({ text: String(id), start: ms, end: ms + 1 })
  }
  return words.map((word) => (word.text === String(noiseWord) ? { ...word, end: word.start + 100 } : word))
}

/** Hears speech in all that is not silent. Like Silero, it judges windows of 32 ms, and keeps what is no whole one. */
export class ScriptedActivity implements VoiceActivityDetector {
  thresholds: (number | undefined)[] = []
  closed = false
  gate: Promise<void> | undefined
  fail: Error | undefined
  #rest = new Int16Array(0)
  #samples = 0
  #frames = 0
  #speech: boolean[] = []

  async accept(samples: Int16Array): Promise<number[]> {
    await this.gate
    if (this.fail !== undefined) throw this.fail
    const all = new Int16Array([...this.#rest, ...samples])
    let at = 0
    for (; at + 512 <= all.length; at += 512) {
      for (let ms = 0; ms < 32; ms++) this.#speech.push(all[at + ms * 16] !== 0)
    }
    this.#rest = all.slice(at)
    this.#samples += at
    const levels: number[] = []
    for (; (this.#frames + 1) * 160 <= this.#samples; this.#frames++) {
      levels.push(this.#speech[this.#frames * 10 + 5] === true ? 0.7 : 0)
    }
    return levels
  }

  setThreshold(threshold: number | undefined): void {
    this.thresholds.push(threshold)
  }

  async close(): Promise<void> {
    this.closed = true
    await this.gate
  }
}

/** How a {@link ScriptedRecogniser} goes about it. */
export interface RecogniserManner {
  parallel?: number
  /** How many turns of the event loop an utterance takes. */
  turns?: () => number
}

/** Reads coded audio, several utterances at a time. */
export class ScriptedRecogniser implements Recogniser {
  readonly parallel: number
  readonly utterances: ScriptedUtterance[] = []
  readonly keyterms: (readonly string[])[] = []
  /** Most utterances that had ended and whose words had not come yet. */
  mostPending = 0
  pending = 0
  hurried = false
  closed = false
  /** What holds every result up. */
  gate: Promise<void> | undefined
  /** What an utterance comes to in place of its words, by its number. */
  failures = new Map<number, Error>()
  /** Words of a repetition that were cut from an utterance, by its number. */
  repeated = new Map<number, number>()
  readonly #turns: () => number
  #release: (() => void)[] = []
  #busy = 0

  constructor({ parallel = 1, turns = () => 0 }: RecogniserManner = {}) {
    this.parallel = parallel
    this.#turns = turns
  }

  begin(): Utterance {
    const utterance = new ScriptedUtterance(this, this.utterances.length)
    this.utterances.push(utterance)
    return utterance
  }

  setKeyterms(keyterms: readonly string[]): undefined {
    this.keyterms.push(keyterms)
  }

  prioritise(): void {
    this.hurried = true
  }

  async close(): Promise<void> {
    this.closed = true
    for (const release of this.#release.splice(0)) release()
    await this.gate
  }

  /** Holds everything up until `release` is called. */
  hold(): () => void {
    let release = (): void => {}
    this.gate = new Promise((resolve) => (release = resolve))
    return () => {
      this.gate = undefined
      release()
    }
  }

  /** Finds the words, when there is a place for that. */
  async hear(number: number, samples: Int16Array): Promise<Recognition> {
    this.pending++
    this.mostPending = Math.max(this.mostPending, this.pending)
    while (this.#busy >= this.parallel) await new Promise<void>((resolve) => this.#release.push(resolve))
    this.#busy++
    try {
      for (let turn = this.#turns(); turn > 0 && !this.closed; turn--) await tick()
      await this.gate
      const failure = this.failures.get(number)
      if (failure !== undefined) throw failure
      const repeatedWords = this.repeated.get(number)
      return { words: readWords(samples), ...(repeatedWords !== undefined && { repeatedWords }) }
    } finally {
      this.#busy--
      this.pending--
      this.#release.shift()?.()
    }
  }
}

class ScriptedUtterance implements Utterance {
  heard: number[] = []
  frames = 0
  partials = 0
  partialsInWork = 0
  prepared = 0
  keptUp = 0
  /** Length of the audio when it was prepared last, in samples. */
  preparedAt = -1
  finishes = 0
  /** What holds a partial up. */
  partialGate: Promise<void> | undefined
  readonly #recogniser: ScriptedRecogniser
  readonly #number: number

  constructor(recogniser: ScriptedRecogniser, number: number) {
    this.#recogniser = recogniser
    this.#number = number
  }

  accept(samples: Int16Array, speech: readonly number[]): void {
    for (const sample of samples) this.heard.push(sample)
    this.frames += speech.length
  }

  async partial(): Promise<Recognition | undefined> {
    this.partials++
    this.partialsInWork++
    const samples = Int16Array.from(this.heard)
    await this.partialGate
    await tick()
    this.partialsInWork--
    return { words: readWords(samples) }
  }

  prepare(): void {
    this.prepared++
    this.preparedAt = this.heard.length
  }

  splitAtPause(): void {
    this.keptUp++
  }

  finish(untilMs?: number): Promise<Recognition> {
    this.finishes++
    return this.#recogniser.hear(this.#number, Int16Array.from(this.heard).subarray(0, (untilMs ?? Infinity) * 16))
  }
}

/** Gives every word the letter that `letterOf` says. */
export class ScriptedTracker implements SpeakerTracker {
  readonly heard: TrackedUtterance[] = []
  revisions: Attribution[][] = []
  revised = 0
  fail: { attribute?: Error; revise?: Error } = {}
  readonly #letterOf: (utterance: number, word: number) => string | undefined

  constructor(letterOf: (utterance: number, word: number) => string | undefined = () => undefined) {
    this.#letterOf = letterOf
  }

  async attribute(utterance: TrackedUtterance): Promise<Attribution> {
    this.heard.push(utterance)
    await tick()
    if (this.fail.attribute !== undefined) throw this.fail.attribute
    const { id, words } = utterance
    return { id, words: words.map((_word, index) => this.#letterOf(id, index)) }
  }

  async revise(): Promise<Attribution[]> {
    this.revised++
    await tick()
    if (this.fail.revise !== undefined) throw this.fail.revise
    return this.revisions.shift() ?? []
  }
}

/** Keeps all that a session tells, in order. */
export class Listener implements EngineListener {
  readonly finals: EngineTurn[] = []
  readonly partials: EngineTurn[] = []
  readonly revisions: EngineRevision[][] = []
  readonly warnings: EngineWarning[] = []
  readonly notUnderstood: EngineUnrecognizedSpeech[] = []
  readonly errors: Error[] = []
  readonly started: number[] = []
  /** How many things were told. */
  told = 0
  onTurn: (turn: EngineTurn) => void = () => {}

  speechStarted(atMs: number): void {
    this.told++
    this.started.push(atMs)
  }
  turn(turn: EngineTurn): void {
    this.told++
    ;(turn.endOfTurn ? this.finals : this.partials).push(turn)
    this.onTurn(turn)
  }
  revision(revisions: EngineRevision[]): void {
    this.told++
    this.revisions.push(revisions)
  }
  warning(warning: EngineWarning): void {
    this.told++
    this.warnings.push(warning)
  }
  unrecognized(speech: EngineUnrecognizedSpeech): void {
    this.told++
    this.notUnderstood.push(speech)
  }
  failed(error: Error): void {
    this.told++
    this.errors.push(error)
  }
}

/** Words of 80 to 660 ms with pauses of 0 to 1.2 s, mostly short, from 100 ms to about `until`. */
export function randomWords(seed: number, until: number): SaidWord[] {
  const random = randoms(seed)
  const words: SaidWord[] = []
  let at = 100
  while (at < until) {
    const length = 20 * (4 + Math.floor(random() * 30))
    words.push({ id: words.length + 1, start: at, end: at + length })
    at += length + 10 * Math.floor(random() ** 4 * 120)
  }
  return words
}
