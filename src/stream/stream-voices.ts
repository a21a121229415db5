import type { Warning } from '../errors.ts'
import type { Word } from '../model.ts'
import { waitAtMost } from '../stream-helpers.ts'
import type { Voice } from '../voices/voice.ts'
import type { LabelMap } from './label-map.ts'
import { ORDINARY_WORD_MS } from './turns/splice.ts'

/** What makes voices of speech, as `openEmbedder()` gives it. */
export interface VoiceMaker {
  /** The voice in mono PCM16 at 16 kHz; absent where too little is audible. */
  voiceIn(samples: Int16Array): Promise<Voice | undefined>
  /** Time of processors that all voices took so far, ms: the time that passes tells how busy the machine is. */
  cpuMs(): number
  close(): Promise<void>
}

/** How a stream comes by voices. */
export interface VoiceSource {
  /** Whether they are wanted at once, whatever the time it takes, and not only when a second session may need them. */
  isWanted?: boolean
  /** Opens what makes them; rejects where it is not installed. */
  open(): Promise<VoiceMaker>
  /** Frames of the stream as mono PCM16 at 16 kHz. */
  samplesOf(frames: Buffer): Int16Array
}

export interface StreamVoicesListener {
  /** Some speech was listened to, so that letters may have become others. */
  heard(): void
  /** No voices will be heard any more. */
  failed(): void
  warning(warning: Warning): void
}

/** Speech of a label is kept up to this length until it is needed, the newest, ms. */
const KEPT_MS = 5000
/** And of all labels together (1 MB at 16 kHz), ms. */
const ALL_KEPT_MS = 30_000
/** So much speech of a label is listened to in a session, ms: more makes no voice much clearer. */
const ENOUGH_MS = 8000
/** Time of one core that voices may take: a share of the audio, and at the beginning so much, ms. */
const TIME_SHARE = 0.02
const TIME_AT_ONCE_MS = 3000
/** A source that can wait is held back while as much speech waits, ms: half of what is kept. */
const HELD_BACK_MS = 15_000
/** Nothing waits for voices any more that has seen none for so long, ms, on a machine that has no time at all. */
const PATIENCE_MS = 10_000
/** Nor, at the end of a session, for longer than this in all, ms. */
const MOST_PATIENCE_MS = 60_000
/** A process that fails as often in a row is not asked again. */
const MOST_FAILURES = 3

interface Speech {
  labels: LabelMap
  label: string
  frames: Buffer
  ms: number
}

/**
 * Hears the voices of one stream's labels, beside everything else. Until a second session may need them, no voice is made
 * of anything: some speech of each label is kept, and forgotten when newer comes. Then voices are made of it and of what
 * follows, one stretch after the other, within a budget of time; of what does not fit,
 * the oldest is left out.
 */
export class StreamVoices {
  readonly #source: VoiceSource
  readonly #listener: StreamVoicesListener
  #maker: Promise<VoiceMaker> | undefined
  #waiting: Speech[] = []
  #working: Promise<void> | undefined
  #begun: boolean
  /** Resolves when the process is given back; absent while voices can still be heard. */
  #closing: Promise<void> | undefined
  #failures = 0
  /** When the last voice was made, or the first was asked for, ms of `performance.now()`. */
  #movedAt = 0
  /** Whether the model is loaded, which may take longer than any voice. */
  #isLoaded = false
  #spentMs = 0
  #audioMs = 0
  /** Speech of each label that voices were made of, ms. */
  readonly #listened = new WeakMap<LabelMap, Map<string, number>>()

  constructor(source: VoiceSource, listener: StreamVoicesListener) {
    this.#source = source
    this.#listener = listener
    this.#begun = source.isWanted === true
  }

  /** Whether voices can still be heard. */
  get isOn(): boolean {
    return this.#closing === undefined
  }

  /** Time of a core that voices took so far, ms. */
  get spentMs(): number {
    return this.#spentMs
  }

  /** Whether so much speech waits that a source is to be held back, if it can wait: else some would be left out. */
  get isBehind(): boolean {
    if (this.#working === undefined || performance.now() > this.#patientUntil) return false
    return this.#waiting.reduce((sum, { ms }) => sum + ms, 0) >= HELD_BACK_MS
  }

  /** Takes the speech in final words of a turn that have the labels of the session. */
  take(labels: LabelMap, words: readonly Word[], read: (from: number, to: number) => Buffer | undefined): void {
    if (!this.isOn) return
    for (const { label, from, to } of cleanSpeech(words)) {
      this.#audioMs = Math.max(this.#audioMs, to)
      if (this.#heardOf(labels, label) >= ENOUGH_MS) continue
      const frames = read(from, to)
      if (frames !== undefined) this.#keep({ labels, label, frames, ms: to - from })
    }
    if (this.#begun) this.#work()
  }

  /** A second session comes: voices are needed from now on. */
  begin(): void {
    if (this.#begun || !this.isOn) return
    this.#begun = true
    this.#work()
  }

  /**
   * Resolves when voices are made of all that is there; where a machine has no time, `most` ms after that at the latest,
   * or when none was made for long.
   */
  async drained(most = MOST_PATIENCE_MS): Promise<void> {
    this.begin()
    const until = performance.now() + most
    for (;;) {
      const working = this.#working
      const left = Math.min(until, this.#patientUntil) - performance.now()
      if (working === undefined || left <= 0) return
      // Meanwhile the model may have been loaded.
      await waitAtMost(Math.min(left, PATIENCE_MS), working)
    }
  }

  get #patientUntil(): number {
    return this.#movedAt + (this.#isLoaded ? PATIENCE_MS : MOST_PATIENCE_MS)
  }

  /** Forgets all speech; resolves when the process is given back. */
  close(): Promise<void> {
    this.#waiting = []
    return (this.#closing ??= this.#giveBack())
  }

  async #giveBack(): Promise<void> {
    const maker = await this.#maker?.catch(() => undefined)
    await maker?.close()
  }

  #heardOf(labels: LabelMap, label: string): number {
    return this.#listened.get(labels)?.get(label) ?? 0
  }

  /** Puts speech with what waits; the oldest of the same label, and then of all, makes room. */
  #keep(speech: Speech): void {
    this.#waiting.push(speech)
    speech.labels.expect(speech.label)
    const isSame = ({ labels, label }: Speech): boolean => labels === speech.labels && label === speech.label
    this.#drop(isSame, this.#source.isWanted === true ? ENOUGH_MS : KEPT_MS)
    this.#drop(() => true, ALL_KEPT_MS)
  }

  #drop(isMeant: (speech: Speech) => boolean, mostMs: number): void {
    let ms = this.#waiting.filter(isMeant).reduce((sum, speech) => sum + speech.ms, 0)
    while (ms > mostMs) {
      const index = this.#waiting.findIndex(isMeant)
      const [gone] = this.#waiting.splice(index, 1)
      gone!.labels.expectLess(gone!.label)
      ms -= gone!.ms
    }
  }

  #work(): void {
    if (this.#waiting.length === 0 || this.#working !== undefined) return
    this.#movedAt = performance.now()
    this.#working = this.#hearAll().finally(() => (this.#working = undefined))
  }

  async #hearAll(): Promise<void> {
    try {
      this.#maker ??= this.#source.open()
      const maker = await this.#maker
      this.#isLoaded = true
      this.#movedAt = performance.now()
      // Newer speech may have come meanwhile.
      for (let speech = this.#next(); speech !== undefined; speech = this.#next()) await this.#hear(maker, speech)
    } catch (error) {
      if (this.isOn) this.#fail(error as Error)
    }
  }

  /** What is heard next, within the budget. */
  #next(): Speech | undefined {
    if (!this.isOn) return undefined
    // Whoever was heard least is the next.
    const heard = ({ labels, label }: Speech): number => this.#heardOf(labels, label)
    this.#waiting.sort((a, b) => heard(a) - heard(b))
    const budget = TIME_AT_ONCE_MS + TIME_SHARE * this.#audioMs
    // What names are made of is little enough by itself.
    if (this.#source.isWanted !== true && this.spentMs > budget) return undefined
    return this.#waiting.shift()
  }

  async #hear(maker: VoiceMaker, { labels, label, frames, ms }: Speech): Promise<void> {
    const heard = this.#listened.get(labels) ?? new Map<string, number>()
    this.#listened.set(labels, heard.set(label, (heard.get(label) ?? 0) + ms))
    const before = maker.cpuMs()
    let voice: Voice | undefined
    try {
      voice = await maker.voiceIn(this.#source.samplesOf(frames))
      this.#failures = 0
    } catch (error) {
      this.#failures += 1
      if (this.#failures === MOST_FAILURES) throw error
    }
    this.#movedAt = performance.now()
    this.#spentMs += maker.cpuMs() - before
    if (!this.isOn) return
    labels.expectLess(label)
    if (voice !== undefined) labels.hear(label, voice)
    this.#listener.heard()
  }

  #fail(error: Error): void {
    const message =
      `voices cannot be told apart here, so labels of a new session are matched by words alone: ${error.message}; ` +
      'voices: false asks for that'
    void this.close()
    this.#listener.warning({ code: 'VOICES_UNAVAILABLE', message, error })
    this.#listener.failed()
  }
}

/** A stretch of speech in which nobody else speaks, ms of the stream. */
export interface CleanSpeech {
  label: string
  from: number
  to: number
}

/** Shorter stretches are no voice, ms; longer ones are cut off. */
const LEAST_MS = 800
const LONGEST_MS = 4000
/** A word that is less sure than this is not taken for its speaker's. */
const LEAST_CONFIDENCE = 0.5
/** A pause between words within which others may have spoken, ms. */
const LONG_PAUSE_MS = 1500
/** Where the speaker changes, words are this far off at each side, ms. */
const CHANGE_MS = 200

/**
 * Where one speaker surely speaks alone in final words: within runs of sure words of one label, of each as much as
 * `longest` ms.
 */
export function cleanSpeech(words: readonly Word[], longest = LONGEST_MS): CleanSpeech[] {
  const found: CleanSpeech[] = []
  for (let from = 0, to = 0; from < words.length; from = to) {
    const { speaker: label } = words[from]!
    to = from + 1
    while (to < words.length && belongs(words[to - 1]!, words[to]!)) to += 1
    if (label === undefined || !isSure(words[from]!)) continue
    const [first, last] = [words[from]!, words[to - 1]!]
    // The service lets the first word of a turn begin up to a second early, and the last one end more than a second late.
    const begin = Math.max(first.start, first.end - ORDINARY_WORD_MS, words[from - 1]?.end ?? 0)
    const end = Math.min(last.end, last.start + ORDINARY_WORD_MS, words[to]?.start ?? Infinity)
    const speech = {
      label,
      from: begin + (from > 0 ? CHANGE_MS : 0),
      to: end - (to < words.length ? CHANGE_MS : 0),
    }
    speech.to = Math.min(speech.to, speech.from + longest)
    if (speech.to - speech.from >= LEAST_MS) found.push(speech)
  }
  return found
}

const isSure = ({ confidence = 1 }: Word): boolean => confidence >= LEAST_CONFIDENCE

/** Whether `next` goes on with what `word` is a part of. */
function belongs(word: Word, next: Word): boolean {
  return next.speaker === word.speaker && isSure(next) && isSure(word) && next.start - word.end < LONG_PAUSE_MS
}
