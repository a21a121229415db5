import { addAbortSignal, Readable } from 'node:stream'
import type { AudioFormat } from '../audio/format.ts'
import { liveSource, requestFormat, type RequestedFormat, streamStartedAt, type UpstreamStage } from '../stage.ts'
import { AudioQueue } from '../audio/audio-queue.ts'
import { HeldAudio } from './held-audio.ts'
import { LiveTimeline } from './live-timeline.ts'
import type { ReconnectingSourceOptions, SourceReconnecting } from './reconnecting-source-options.ts'
import { Reopening } from './reopening.ts'
import { SourceAttempt } from './source-attempt.ts'
import { inputLost, inputStalled } from './source-loss.ts'
import { StallWatch } from './stall-watch.ts'
import { WavOutput } from './wav-output.ts'
import { toError } from '../to-error.ts'
import { LoopYield } from '../loop-yield.ts'

/** 100 ms of 16 kHz mono, in bytes. */
const OUTPUT_BYTES = 3200
/** How long the first audio after an outage is held, in ms, until it is known how late it comes. */
const SETTLE_MS = 500

type Phase = 'idle' | 'opening' | 'settling' | 'flowing' | 'waiting' | 'ending'

/**
 * A source that does not end with its input: WAV of one format, put together from as many openings of the input as it
 * takes. One that is lost, or stalls, is closed whole and opened again, after a delay that grows with each failure. What
 * is missing is made good for by silence, so that a sample's place in the stream stays the time at which it was recorded.
 *
 * Emits `reconnecting` ({@link SourceReconnecting}), `gap` (`SourceGap`) when the audio is there again, and what the
 * openings emit as `warning`.
 */
export class ReconnectingSource extends Readable {
  readonly [liveSource] = true
  readonly #options: ReconnectingSourceOptions
  readonly #now: () => number
  readonly #closing = new Set<Promise<void>>()
  readonly #stop = (): void => this.#finish()
  #phase: Phase = 'idle'
  #asked: RequestedFormat | undefined
  #format: AudioFormat | undefined
  #timeline: LiveTimeline | undefined
  /** What `now` is to be added to for a time of day. */
  #wallOffset = 0
  #attempt: SourceAttempt | undefined
  #opened = 0
  /** What goes out next: audio, and bytes of silence. */
  readonly #queue = new AudioQueue()
  /** Audio whose place is not known yet. */
  readonly #held = new HeldAudio()
  /** Bytes of audio that were there before. */
  #repeated = 0
  readonly #output = new WavOutput()
  readonly #loop = new LoopYield(() => this.#pump())
  #ended = false
  #hungry = false
  readonly #watch: StallWatch
  readonly #reopening: Reopening
  #settleTimer: NodeJS.Timeout | undefined

  constructor(options: ReconnectingSourceOptions) {
    super({ highWaterMark: OUTPUT_BYTES })
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
    this.#watch = new StallWatch({
      now: this.#now,
      limit: () => (this.#attempt?.firstAt === undefined ? options.connectTimeout : options.stallTimeout),
      awaited: () => this.#hungry || this.#phase !== 'flowing',
      stalled: (limit) => this.#stalled(limit),
    })
    this.#reopening = new Reopening(options, () => this.#fill())
    // By option the signal would act inside super(), before the fields above exist.
    if (options.signal !== undefined) addAbortSignal(options.signal, this)
    options.stop?.addEventListener('abort', this.#stop)
  }

  /** Asks for WAV in `format`. `false` once the source has been opened, if it was not asked for the same before. */
  [requestFormat](format: RequestedFormat): boolean {
    if (this.#phase === 'idle') this.#asked ??= { ...format }
    const asked = this.#asked
    return asked?.sampleRate === format.sampleRate && asked.channels === format.channels
  }

  /** Wall time at which the first sample was recorded; `undefined` before it came. */
  get [streamStartedAt](): Date | undefined {
    return this.#timeline === undefined ? undefined : new Date(this.#wallOffset + this.#timeline.origin)
  }

  override _read(): void {
    if (!this.#hungry) this.#watch.touch()
    this.#hungry = true
    if (this.#phase === 'idle') {
      if (this.#options.stop?.aborted === true) this.#phase = 'ending'
      else this.#open()
    }
    this.#pump()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#options.stop?.removeEventListener('abort', this.#stop)
    this.#clearTimers()
    this.#closeAttempt()
    Promise.all(this.#closing).then(
      () => callback(error),
      (trouble: Error) => callback(error ?? trouble),
    )
  }

  #open(): void {
    this.#phase = 'opening'
    this.#opened += 1
    let stream: Readable | Promise<Readable>
    try {
      stream = this.#options.open(this.#opened)
    } catch (error) {
      this.destroy(toError(error))
      return
    }
    const attempt = new SourceAttempt(Promise.resolve(stream), this.#format, this.#now)
    this.#attempt = attempt
    this.#watch.touch()
    attempt.start(
      (opened) => {
        const format = this.#format ?? this.#asked
        if (format !== undefined) (opened as UpstreamStage)[requestFormat]?.(format)
        opened.on('warning', (warning: unknown) => {
          if (attempt === this.#attempt) this.emit('warning', warning)
        })
      },
      () => {
        if (attempt === this.#attempt) this.#arrive(attempt)
      },
      (error) => {
        if (attempt === this.#attempt) this.#over(attempt, error)
      },
    )
    this.#watch.start()
  }

  /** There may be audio: the first is looked at as soon as it comes, the rest when somebody wants it. */
  #arrive(attempt: SourceAttempt): void {
    try {
      if (this.#phase === 'opening') this.#begin(attempt)
      if (this.#phase === 'settling') this.#hold(attempt)
    } catch (error) {
      this.destroy(toError(error))
      return
    }
    this.#pump()
  }

  #begin(attempt: SourceAttempt): void {
    const audio = attempt.read()
    const { format, firstAt } = attempt
    if (audio === undefined || format === undefined || firstAt === undefined) return
    this.#format ??= format
    this.#options.onAudio?.()
    this.#watch.touch()
    this.#watch.start()
    if (this.#timeline !== undefined) {
      this.#held.push(audio)
      this.#phase = 'settling'
      this.#settleTimer = setTimeout(() => this.#settle(attempt), SETTLE_MS)
      return
    }
    this.#timeline = new LiveTimeline(format, attempt.clock, firstAt, this.#options.gaps === 'silence')
    this.#wallOffset = Date.now() - this.#now()
    if (this.#options.maxDuration !== Infinity) this.#output.limit(this.#options.maxDuration, format)
    this.#timeline.add(audio.length)
    this.#queue.push(audio)
    this.#reopening.succeeded()
    this.#phase = 'flowing'
  }

  #hold(attempt: SourceAttempt): void {
    for (let audio = attempt.read(); audio !== undefined; audio = attempt.read()) {
      this.#held.push(audio)
      this.#options.onAudio?.()
      this.#watch.touch()
      if (this.#held.full) return this.#settle(attempt)
    }
  }

  /** Puts the audio after an outage in its place. */
  #settle(attempt: SourceAttempt): void {
    const timeline = this.#timeline
    if (this.#phase !== 'settling' || timeline === undefined) return
    clearTimeout(this.#settleTimer)
    this.#reopening.succeeded()
    attempt.settle()
    const { silence, repeated, gap } = timeline.resume(attempt.clock.origin)
    this.#queue.pushSilence(silence)
    this.#repeated = repeated
    for (const audio of this.#held.take()) this.#queue.push(this.#fresh(audio))
    this.#phase = 'flowing'
    if (gap !== undefined) this.emit('gap', gap)
    this.#pump()
  }

  /** What of `audio` was not there before; counted. */
  #fresh(audio: Buffer): Buffer {
    const fresh = audio.subarray(this.#repeated)
    this.#repeated -= audio.length - fresh.length
    this.#timeline?.add(fresh.length)
    return fresh
  }

  #over(attempt: SourceAttempt, error: Error | undefined): void {
    if (this.#phase === 'settling') this.#settle(attempt)
    const { explain, inputName } = this.#options
    const verdict = explain?.(error, this.#timeline !== undefined) ?? {
      error: error ?? inputLost(inputName, error),
      final: false,
    }
    if (verdict === 'complete') this.#finish()
    else this.#lose(verdict.error, verdict.final)
  }

  #lose(error: Error, final: boolean): void {
    const attempt = this.#attempt
    if (attempt === undefined || this.destroyed) return
    if (this.#phase === 'settling') this.#settle(attempt)
    // Whoever heard of the gap may have ended it all.
    if (this.destroyed) return
    this.#timeline?.lose(attempt.lead)
    this.#closeAttempt()
    this.#watch.stop()
    this.#phase = 'waiting'
    const wait = final ? undefined : this.#reopening.wait(this.#timeline !== undefined, () => this.#openAgain(), error)
    if (wait === undefined) this.destroy(error)
    else this.emit('reconnecting', { ...wait, error } satisfies SourceReconnecting)
  }

  /** Cameras often serve one or two clients: the last attempt must be gone before the next. */
  #openAgain(): void {
    void Promise.all(this.#closing).then(() => {
      if (this.#phase === 'waiting' && !this.destroyed) this.#open()
    })
  }

  /** Silence flows while the source is away, or captions would stand still and then come in a flood. */
  #fill(): void {
    const away = this.#phase === 'waiting' || this.#phase === 'opening'
    if (away) this.#queue.pushSilence(this.#timeline?.fill(this.#now()) ?? 0)
    this.#pump()
  }

  /** Ends the stream in order, after what is in its queue. */
  #finish(): void {
    if (this.#phase === 'ending' || this.destroyed) return
    const attempt = this.#attempt
    if (this.#phase === 'settling' && attempt !== undefined) this.#settle(attempt)
    const gap = this.#timeline?.end()
    if (gap !== undefined) this.emit('gap', gap)
    this.#phase = 'ending'
    this.#clearTimers()
    this.#closeAttempt()
    this.#pump()
  }

  #pump(): void {
    while (this.#hungry && !this.destroyed && !this.#ended) {
      if (this.#queue.isSilent && !this.#loop.take()) break
      const piece = this.#next()
      if (piece === undefined) break
      if (piece === null) {
        this.#end()
        return
      }
      this.#hungry = this.push(piece)
    }
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    // Ended means that nothing is left running.
    void Promise.all(this.#closing).then(() => this.push(null))
  }

  /** The next bytes; `undefined` where there are none yet, `null` at the end. */
  #next(): Buffer | null | undefined {
    const audio = this.#output.full ? undefined : this.#nextAudio()
    if (audio !== undefined) return this.#output.take(audio, this.#format)
    if (this.#output.full) this.#finish()
    return this.#phase === 'ending' ? null : undefined
  }

  #nextAudio(): Buffer | undefined {
    const queued = this.#queue.shift(this.#format)
    return queued === undefined && this.#phase === 'flowing' ? this.#fromAttempt() : queued
  }

  #fromAttempt(): Buffer | undefined {
    try {
      for (let audio = this.#attempt?.read(); audio !== undefined; audio = this.#attempt?.read()) {
        this.#options.onAudio?.()
        this.#watch.touch()
        const fresh = this.#fresh(audio)
        if (fresh.length > 0) return fresh
      }
    } catch (error) {
      this.destroy(toError(error))
    }
    return undefined
  }

  #stalled(limit: number): void {
    this.#lose(inputStalled(this.#options.inputName, limit, this.#attempt?.firstAt !== undefined), false)
  }

  #closeAttempt(): void {
    const attempt = this.#attempt
    this.#attempt = undefined
    if (attempt === undefined) return
    const gone = attempt.close()
    this.#closing.add(gone)
    void gone.then(() => this.#closing.delete(gone))
  }

  #clearTimers(): void {
    this.#watch.stop()
    this.#loop.stop()
    this.#reopening.stop()
    clearTimeout(this.#settleTimer)
  }
}
