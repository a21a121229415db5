import { EngineError } from '../../errors.ts'
import { defined } from '../../options.ts'
import type { EngineListener, EngineSession, EngineSettings, EngineSettingsUpdate, EngineWarning } from '../engine.ts'
import { JobQueue } from '../job-queue.ts'
import {
  CrashingUtterance,
  speechFrameMs,
  type Recognition,
  type Recogniser,
  type SpeakerTracker,
  type Utterance,
  type VoiceActivityDetector,
} from '../parts.ts'
import { joinedSamples, SpeechBuffer } from '../speech-buffer.ts'
import { unrecognizedStretches } from '../words/missed-speech.ts'
import { cutAfter, quietestPlace } from './cut.ts'
import { FinalTurns } from './final-turns.ts'
import { TurnDetector } from './turn-detector.ts'

export interface SessionParts {
  activity: VoiceActivityDetector
  recogniser: Recogniser
  /** Absent where nobody asked for speaker labels. */
  speakers?: SpeakerTracker
  /** Gives back what the parts share with other sessions, once the recogniser is closed. */
  release?(): Promise<void>
}

/** Audio that may wait to be heard before `write()` makes its caller wait, in samples (1 s). */
const queueLimit = 16_000
/** Audio looked at in one go, in samples (0.5 s). */
const maxAtOnce = 8000
/** Audio before the detected start of speech, and behind its end, that the recogniser hears as well, in ms. */
const preRollMs = 200
const postRollMs = 200
/** Silence behind the audio that completes the detector's last window (32 ms) and the last frame of it (10 ms). */
const completing = new Int16Array(672)
/** Audio between two partials, in ms. */
const partialEveryMs = 1000
/** The longest utterance, in ms; Whisper does not hear what is behind 29.5 s. */
const longestMs = 28_000
/** Audio before that in which a place for a cut is looked for, in ms. */
const cutWithinMs = 14_000
/** Audio heard again after a cut behind the last word of an utterance, in ms. */
const rehearMs = 500
/** By how much audio may run ahead of the clock and still count as live, in ms. */
const liveWithinMs = 2000
/** Utterances in a row that may end the process of the recogniser before the session gives up. */
const maxCrashes = 3

interface OpenUtterance {
  /** Place in the stream of the first sample the recogniser heard. */
  startMs: number
  /** Place in the stream up to which it has heard. */
  fedMs: number
  utterance: Utterance
  /** Where the last partial was asked for, and what the last one said. */
  partialMs: number
  partialText: string
  isPrepared: boolean
}

/** An utterance that has ended, on its way to turns. */
interface EndedUtterance {
  startMs: number
  endMs: number
  samples: Int16Array
  /** Levels of speech of its frames. */
  speech: number[]
  recognition: Promise<Recognition>
  /** Whether it was cut in the middle of speech. */
  isCut: boolean
  /** Whether a partial of it has been reported. */
  isShown: boolean
}

/** Drives the parts: audio in, turns out, in order, also where several utterances are decoded at a time. */
export class EmbeddedSession implements EngineSession {
  readonly #parts: SessionParts
  readonly #listener: EngineListener
  readonly #detector: TurnDetector
  readonly #audio = new SpeechBuffer()
  readonly #queue = new JobQueue((error) => this.fail(error))
  readonly #turns: FinalTurns
  readonly #startedAt = performance.now()
  #settings: EngineSettings
  /** The piece of audio that is waiting, while nothing else waits behind it. */
  #waiting: { samples: Int16Array[] } | undefined
  #pendingSamples = 0
  #open: OpenUtterance | undefined
  #ended: EndedUtterance[] = []
  /** End of the last of them: no later one begins before it. */
  #lastEndMs = 0
  /** The work on ended utterances, in order. */
  #finishing: Promise<void> = Promise.resolve()
  #partialInWork = false
  #failed = false
  /** Where the audio ends, once that is known, in ms. */
  #audioEndMs = Infinity
  readonly #warnings: EngineWarning[] = []
  #crashes = 0
  #roomWaiters: (() => void)[] = []
  /** Settles when the session is destroyed or has failed. */
  readonly #stopped: Promise<void>
  #stop!: () => void
  #destroyed: Promise<void> | undefined

  constructor(parts: SessionParts, settings: EngineSettings, listener: EngineListener) {
    this.#parts = parts
    this.#settings = settings
    this.#listener = listener
    this.#detector = new TurnDetector(settings)
    this.#turns = new FinalTurns(settings)
    this.#stopped = new Promise((resolve) => (this.#stop = resolve))
  }

  /** Tells the client, when its next audio comes. */
  warn(warning: EngineWarning): void {
    this.#warnings.push(warning)
  }

  /** Has the recogniser listen for words; the client is told of those that have no effect. */
  setKeyterms(keyterms: readonly string[]): void {
    const message = this.#parts.recogniser.setKeyterms?.(keyterms)
    if (message !== undefined) this.warn({ code: 'KEYTERMS_IGNORED', message })
  }

  async write(samples: Int16Array): Promise<void> {
    if (this.#queue.closed) return
    for (const warning of this.#warnings.splice(0)) this.#listener.warning?.(warning)
    this.#pendingSamples += samples.length
    if (this.#waiting === undefined) {
      const piece = { samples: [samples.slice()] }
      this.#waiting = piece
      void this.#queue.add(() => {
        if (this.#waiting === piece) this.#waiting = undefined
        return this.#hearAll(piece.samples)
      })
    } else this.#waiting.samples.push(samples.slice())
    while (!this.#hasRoom && !this.#queue.closed) {
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve))
    }
  }

  forceEndpoint(): Promise<void> {
    return this.#add(async () => {
      await this.#finish()
      await Promise.race([this.#finishing, this.#stopped])
    })
  }

  configure(update: EngineSettingsUpdate): void {
    this.#settings = { ...this.#settings, ...defined(update) }
    this.#detector.settings = this.#settings
    this.#turns.settings = this.#settings
    if (update.keyterms !== undefined) this.setKeyterms(update.keyterms)
    if ('vadThreshold' in update) this.#parts.activity.setThreshold(update.vadThreshold)
  }

  end(): Promise<void> {
    this.#parts.recogniser.prioritise?.()
    return this.#add(async () => {
      // The detector judges whole windows: silence completes the last one, and is not heard itself.
      this.#audioEndMs = this.#audio.endMs
      await this.#hear(completing)
      await this.#finish()
      await Promise.race([this.#finishing, this.#stopped])
      await this.#revise()
    })
  }

  destroy(): Promise<void> {
    this.#destroyed ??= this.#close()
    return this.#destroyed
  }

  async #close(): Promise<void> {
    const { activity, recogniser } = this.#parts
    const idle = this.#queue.close()
    this.#wake()
    this.#stop()
    await Promise.all([activity.close(), recogniser.close().then(() => this.#parts.release?.())])
    await idle
  }

  /** Does a job when all audio before it has been heard. */
  #add(job: () => Promise<void>): Promise<void> {
    this.#waiting = undefined
    return this.#queue.add(job)
  }

  get #hasRoom(): boolean {
    return this.#pendingSamples <= queueLimit && this.#ended.length <= this.#parts.recogniser.parallel
  }

  #wake(): void {
    if (this.#hasRoom || this.#queue.closed) for (const resolve of this.#roomWaiters.splice(0)) resolve()
  }

  fail(error: unknown): void {
    if (this.#failed || this.#destroyed !== undefined) return
    this.#failed = true
    const failure =
      error instanceof EngineError
        ? error
        : new EngineError('ENGINE_FAILED', `the embedded engine failed: ${String(error)}; report it`, { cause: error })
    void this.#queue.close()
    this.#wake()
    this.#stop()
    this.#listener.failed(failure)
  }

  async #hearAll(pieces: readonly Int16Array[]): Promise<void> {
    const samples = joinedSamples(pieces)
    for (let at = 0; at < samples.length && !this.#queue.closed; at += maxAtOnce) {
      const block = samples.subarray(at, at + maxAtOnce)
      await this.#hear(block)
      this.#pendingSamples -= block.length
      this.#wake()
    }
  }

  async #hear(block: Int16Array): Promise<void> {
    const audio = this.#audio
    audio.push(block)
    for (const level of await this.#parts.activity.accept(block)) {
      audio.pushSpeech(level)
      const event = this.#detector.accept(level > 0)
      if (event?.type === 'start') this.#start(event.at, level)
      else if (event?.type === 'end') await this.#finish()
    }
    await this.#feed()
    await this.#cutIfTooLong()
    this.#prepare()
    this.#askForPartial()
    const needed = this.#open === undefined ? audio.speechEndMs - preRollMs - 200 : this.#open.startMs
    audio.forget(Math.min(needed, audio.speechEndMs))
  }

  #start(speechMs: number, confidence: number): void {
    if (this.#queue.closed) return
    const startMs = Math.max(this.#audio.startMs, this.#lastEndMs, speechMs - preRollMs)
    this.#listener.speechStarted(Math.max(startMs, speechMs), confidence)
    this.#begin(startMs)
  }

  #begin(startMs: number): void {
    const utterance = this.#parts.recogniser.begin()
    this.#open = { startMs, fedMs: startMs, utterance, partialMs: startMs, partialText: '', isPrepared: false }
  }

  /** Gives the recogniser what it has not heard of the open utterance; it need not hear long silence. */
  async #feed(): Promise<void> {
    const open = this.#open
    if (open === undefined || this.#queue.closed) return
    const known = Math.min(this.#audio.speechEndMs, this.#audioEndMs)
    const until = Math.min(known, this.#detector.lastSpeech + postRollMs)
    if (until <= open.fedMs) return
    const from = open.fedMs
    open.fedMs = until
    open.isPrepared = false
    await open.utterance.accept(this.#audio.samples(from, until), this.#audio.speech(from, until))
  }

  async #finish(): Promise<void> {
    const open = this.#open
    if (open === undefined) return
    this.#detector.close()
    await this.#feed()
    this.#end(open, open.fedMs, open.utterance.finish())
  }

  /** Puts an utterance that has ended in line. */
  #end(open: OpenUtterance, endMs: number, recognition: Promise<Recognition>, isCut = false): void {
    const { startMs } = open
    this.#open = undefined
    this.#lastEndMs = endMs
    const ended: EndedUtterance = {
      startMs,
      endMs,
      samples: this.#audio.samples(startMs, endMs),
      speech: this.#audio.speech(startMs, endMs),
      recognition,
      isCut,
      isShown: open.partialText !== '',
    }
    recognition.catch(() => {})
    this.#ended.push(ended)
    this.#finishing = this.#finishing.then(async () => {
      try {
        if (!this.#queue.closed) await this.#report(ended)
      } catch (error) {
        if (!this.#queue.closed) this.fail(error)
      }
      this.#ended.shift()
      this.#wake()
    })
  }

  /** Ends an utterance that has become too long where it is quietest, and begins the next one right there. */
  async #cutIfTooLong(): Promise<void> {
    const open = this.#open
    if (open === undefined || open.fedMs - open.startMs < longestMs || this.#queue.closed) return
    const { startMs, utterance } = open
    const lengthMs = longestMs
    const samples = this.#audio.samples(startMs, startMs + lengthMs)
    const speech = this.#audio.speech(startMs, startMs + lengthMs)
    const quiet = quietestPlace(samples, speech, lengthMs - cutWithinMs, lengthMs)
    const quietMs = Math.round(quiet.ms / speechFrameMs) * speechFrameMs
    let cutMs = startMs + (quiet.isPause ? quietMs : lengthMs)
    const finished = utterance.finish(cutMs - startMs)
    // What becomes of a failure is decided where the utterance is reported.
    const recognition = quiet.isPause ? undefined : await finished.catch(() => undefined)
    if (this.#queue.closed) return
    if (recognition === undefined) this.#end(open, cutMs, finished, true)
    else {
      const count = cutAfter(recognition.words, lengthMs)
      const last = recognition.words[count - 1]?.end ?? 0
      // What follows the last word of all was heard to hold none; only its end may be the beginning of one. Hearing more of
      // it again could go on for ever, with a word at the start of a long noise each time.
      const next = recognition.words[count]
      cutMs = startMs + (next === undefined ? Math.max(last, lengthMs - rehearMs) : (last + next.start) / 2)
      cutMs = Math.floor(cutMs / speechFrameMs) * speechFrameMs
      this.#end(open, cutMs, Promise.resolve({ ...recognition, words: recognition.words.slice(0, count) }), true)
    }
    this.#begin(cutMs)
    await this.#feed()
  }

  /** Whether audio comes as it is said, not out of a file. */
  get #isLive(): boolean {
    return this.#audio.endMs < performance.now() - this.#startedAt + liveWithinMs
  }

  /** Has the words found where a pause makes an end likely, so that a final need not wait for them. */
  #prepare(): void {
    const open = this.#open
    if (open === undefined || open.isPrepared || !this.#isLive) return
    open.utterance.splitAtPause?.()
    if (open.fedMs < this.#detector.lastSpeech + postRollMs) return
    open.isPrepared = true
    open.utterance.prepare?.()
  }

  /** Asks for the words so far; nothing waits for them. */
  #askForPartial(): void {
    const open = this.#open
    if (open === undefined || !this.#settings.partials || this.#partialInWork) return
    if (open.isPrepared || open.fedMs - open.partialMs < partialEveryMs || this.#ended.length > 0) return
    const endMs = open.fedMs
    open.partialMs = endMs
    this.#partialInWork = true
    const done = open.utterance.partial().then(
      (recognition) => {
        // What has ended meanwhile has its final, or will have, under an order that is not known yet.
        if (recognition === undefined || this.#open !== open || this.#ended.length > 0 || this.#queue.closed) return
        const text = recognition.words.map((word) => word.text).join(' ')
        if (text === '' || text === open.partialText) return
        open.partialText = text
        this.#listener.turn(this.#turns.partial(recognition, open.startMs, endMs))
      },
      // A partial may fail; if the recogniser has, the final says so.
      () => {},
    )
    void done.then(() => (this.#partialInWork = false))
  }

  async #report(ended: EndedUtterance): Promise<void> {
    const { startMs, endMs, samples, speech, isCut } = ended
    let recognition: Recognition
    try {
      recognition = await ended.recognition
      this.#crashes = 0
    } catch (error) {
      if (!(error instanceof CrashingUtterance) || ++this.#crashes >= maxCrashes) throw error
      this.#listener.warning?.({
        code: 'AUDIO_LOST',
        message: `${((endMs - startMs) / 1000).toFixed(1)} s of speech could not be heard: the recogniser ended twice on it (${error.message})`,
        lost: { start: startMs, end: endMs },
      })
      return
    }
    if (this.#queue.closed) return
    this.#tellUnrecognized(ended, recognition)
    if (recognition.words.length === 0) {
      // Heard to its end, it holds no words: those that were shown are not to be taken for what was said.
      if (ended.isShown) this.#listener.turn(this.#turns.partial(recognition, startMs, endMs))
      return
    }
    const words = this.#turns.place(recognition, startMs, endMs)
    const id = this.#turns.utterances
    const isSpeech = speech.map((level) => level > 0)
    const attribution = await this.#parts.speakers?.attribute({
      id,
      offset: startMs,
      samples,
      speech: isSpeech,
      words,
    })
    if (this.#queue.closed) return
    for (const turn of this.#turns.finals(words, attribution?.words ?? [], isCut, recognition.language)) {
      this.#listener.turn(turn)
    }
    if (this.#turns.revisionIsDue(endMs)) await this.#revise()
  }

  /** A model that rates no words cannot say of itself that it did not understand. */
  #tellUnrecognized({ startMs, endMs, speech }: EndedUtterance, { words, repeatedWords }: Recognition): void {
    for (const { start, end } of unrecognizedStretches(words, speech)) {
      this.#listener.unrecognized?.({ start: startMs + start, end: startMs + end, reason: 'noWords' })
    }
    if (repeatedWords === undefined) return
    this.#listener.unrecognized?.({ start: startMs, end: endMs, reason: 'repetition', repeatedWords })
  }

  async #revise(): Promise<void> {
    if (this.#parts.speakers === undefined || this.#queue.closed) return
    const revised = await this.#parts.speakers.revise()
    if (this.#queue.closed) return
    const revisions = this.#turns.revise(revised)
    if (revisions.length > 0) this.#listener.revision(revisions)
  }
}
