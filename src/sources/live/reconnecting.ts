import { addAbortSignal, Readable } from 'node:stream'
import { backOff, delayAsked } from '../../back-off.ts'
import { AudioQueue } from '../../audio/silence.ts'
import { BlockAligner } from '../../audio/block-aligner.ts'
import { type AudioFormat, blockSize, bytesToMs, describeFormat, msToBytes, sameFormat } from '../../audio/format.ts'
import { WavReader } from '../../audio/wav-reader.ts'
import { writeWavHeader } from '../../audio/wav.ts'
import { InputError } from '../../errors.ts'
import { LoopYield } from '../../loop-yield.ts'
import { liveSource, type RequestedFormat, requestFormat, streamStartedAt, type UpstreamStage } from '../../stage.ts'
import { toError } from '../../to-error.ts'
import { within } from '../../within.ts'
import type { ReconnectSettings } from './options.ts'
import { ArrivalClock, LiveTimeline } from './timeline.ts'

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

/** Ms between portions of what stands for a source that is away. */
const FILL_MS = 200

/** The waits between the loss of a source and its next opening, each longer than the one before while none brings audio. */
export class Reopening {
  readonly #options: Pick<ReconnectingSourceOptions, 'retries' | 'retryDelay' | 'maxRetryDelay'>
  readonly #fill: () => void
  #failures = 0
  #retryTimer: NodeJS.Timeout | undefined
  #fillTimer: NodeJS.Timeout | undefined

  /** @param fill - called now and then from a wait on, until there is audio. */
  constructor(options: Pick<ReconnectingSourceOptions, 'retries' | 'retryDelay' | 'maxRetryDelay'>, fill: () => void) {
    this.#options = options
    this.#fill = fill
  }

  /**
   * Begins a wait.
   *
   * @param filled - whether there is anything to fill.
   * @param open - called when the wait is over.
   * @param error - what the last attempt failed with.
   * @returns which attempt comes next, from 1, and the wait in ms; `undefined` where there have been too many.
   */
  wait(filled: boolean, open: () => void, error?: Error): { attempt: number; delay: number } | undefined {
    this.#failures += 1
    if (this.#failures > this.#options.retries) return undefined
    const delay = delayAsked(backOff(this.#failures, this.#options, false), error, this.#options)
    clearInterval(this.#fillTimer)
    if (filled) this.#fillTimer = setInterval(this.#fill, FILL_MS)
    this.#retryTimer = setTimeout(open, delay)
    return { attempt: this.#failures, delay }
  }

  /** There is audio again. */
  succeeded(): void {
    this.#failures = 0
    clearInterval(this.#fillTimer)
  }

  /** Nothing will be opened any more. */
  stop(): void {
    clearTimeout(this.#retryTimer)
    clearInterval(this.#fillTimer)
  }
}

/** How long an opening that is no longer wanted is waited for, in ms. */
const OPENING_WAIT_MS = 2000

/** One opening of an input that may be lost: reads its WAV, and notes when the audio came. */
export class SourceAttempt {
  readonly clock = new ArrivalClock()
  readonly #pending: Promise<Readable>
  readonly #wanted: AudioFormat | undefined
  readonly #now: () => number
  readonly #reader = new WavReader()
  #aligner: BlockAligner | undefined
  #format: AudioFormat | undefined
  #bytes = 0
  #firstAt: number | undefined
  #settledOrigin: number | undefined
  #over = false
  #stream: Readable | undefined

  /**
   * @param stream - gives WAV.
   * @param wanted - what the WAV must hold; any where `undefined`.
   * @param now - a clock in ms that never goes back.
   */
  constructor(stream: Promise<Readable>, wanted: AudioFormat | undefined, now: () => number) {
    this.#pending = stream
    this.#wanted = wanted
    this.#now = now
  }

  /** What the audio is, once the first of it has come. */
  get format(): AudioFormat | undefined {
    return this.#format
  }

  /** When the first audio came; `undefined` until then. */
  get firstAt(): number | undefined {
    return this.#firstAt
  }

  /** Ms by which the audio ran ahead of the clock since {@link settle}. */
  get lead(): number {
    return this.#settledOrigin === undefined ? 0 : Math.max(0, this.#settledOrigin - this.clock.origin)
  }

  /** Says that the first burst is over. */
  settle(): void {
    this.#settledOrigin = this.clock.origin
  }

  /**
   * Begins to read. `onOpened` is called with the stream, before anything is read; `onReadable` is called when there may be something to {@link read}; `onOver` once, when no more
   * will come: with the error, or without one if the stream ended.
   */
  start(onOpened: (stream: Readable) => void, onReadable: () => void, onOver: (error?: Error) => void): void {
    const over = (error?: Error): void => {
      if (this.#over) return
      this.#over = true
      onOver(error)
    }
    this.#pending.then((stream) => {
      if (this.#over) return
      this.#stream = stream
      onOpened(stream)
      stream.on('error', over)
      stream.on('end', () => over())
      stream.on('close', () => over())
      stream.on('readable', onReadable)
    }, over)
  }

  /**
   * The next audio, whole samples only; `undefined` where nothing has come.
   *
   * @throws InputError `UNSUPPORTED_AUDIO` where it is no WAV, or not of the format that is wanted.
   */
  read(): Buffer | undefined {
    for (;;) {
      const chunk: unknown = this.#stream?.read()
      if (!Buffer.isBuffer(chunk)) return undefined
      const audio = this.#take(chunk)
      if (audio.length > 0) return audio
    }
  }

  /** Ends it without a word; resolves when everything that belongs to it is gone. */
  async close(): Promise<void> {
    this.#over = true
    const gone = this.#pending.then(
      (stream) =>
        new Promise<void>((resolve) => {
          if (stream.closed) return resolve()
          // What it may still say about its end concerns nobody.
          stream.on('error', () => {})
          stream.once('close', () => resolve())
          stream.destroy()
        }),
      () => {},
    )
    // One that is open is waited for. What opens it may be a function of the user, which need not come to an end.
    await (this.#stream === undefined ? within(OPENING_WAIT_MS, gone) : gone)
  }

  #take(chunk: Buffer): Buffer {
    const audio = this.#reader.push(chunk)
    if (this.#reader.kind === 'other') {
      throw new InputError('UNSUPPORTED_AUDIO', 'the input of a live source must be WAV; put decode() behind it')
    }
    const found = this.#reader.header?.format
    if (found === undefined) return audio
    this.#format ??= found
    if (this.#wanted !== undefined && !sameFormat(found, this.#wanted)) {
      const message = `the live source came back with ${describeFormat(found)} instead of ${describeFormat(this.#wanted)}`
      throw new InputError('UNSUPPORTED_AUDIO', message)
    }
    this.#aligner ??= new BlockAligner(blockSize(found))
    const whole = this.#aligner.push(audio)
    if (whole.length === 0) return whole
    const now = this.#now()
    this.#firstAt ??= now
    this.#bytes += whole.length
    this.clock.note(now, bytesToMs(this.#bytes, found))
    return whole
  }
}

/** Most audio held, in bytes. */
const MOST_BYTES = 4 * 1024 * 1024

/** Audio whose place in the stream is not known yet. */
export class HeldAudio {
  #pieces: Buffer[] = []
  #bytes = 0

  /** Whether no more should be held. */
  get full(): boolean {
    return this.#bytes >= MOST_BYTES
  }

  push(audio: Buffer): void {
    this.#pieces.push(audio)
    this.#bytes += audio.length
  }

  /** All that was held, in order; nothing is held any more. */
  take(): Buffer[] {
    const pieces = this.#pieces
    this.#pieces = []
    this.#bytes = 0
    return pieces
  }
}

/** The error of an input that broke off. */
export function inputLost(inputName: string, cause: Error | undefined): InputError {
  return new InputError('INPUT_LOST', `${inputName} broke off; check the network and the device`, {
    retryable: true,
    ...(cause && { cause }),
  })
}

/**
 * The error of an input that gave no audio for `limit` ms.
 *
 * @param begun - whether it had given some before.
 */
export function inputStalled(inputName: string, limit: number, begun: boolean): InputError {
  const what = begun ? `has given no audio for ${limit} ms` : `gave no audio within ${limit} ms`
  return new InputError('INPUT_STALLED', `${inputName} ${what}; check the network and the device`, { retryable: true })
}

/** What a {@link StallWatch} asks. Times in ms. */
export interface StallWatchHost {
  now: () => number
  /** How long nothing may come. */
  limit: () => number
  /** Whether anything is awaited. */
  awaited: () => boolean
  /** Called when nothing has come for `limit` though it was awaited. */
  stalled: (limit: number) => void
}

/** Sees to it that something that gives nothing, though somebody wants it, is given up. */
export class StallWatch {
  readonly #host: StallWatchHost
  #since = 0
  #timer: NodeJS.Timeout | undefined
  #late: NodeJS.Immediate | undefined

  constructor(host: StallWatchHost) {
    this.#host = host
  }

  /** Something has come, or is awaited from now on. */
  touch(): void {
    this.#since = this.#host.now()
  }

  /** Begins to watch. */
  start(): void {
    const { now, limit, awaited } = this.#host
    const rest = awaited() ? this.#since + limit() - now() : limit() / 4
    this.stop()
    this.#timer = setTimeout(
      () => {
        if (rest > 0) this.start()
        // After a pause of this whole process what is awaited may be there, unread.
        else this.#late = setImmediate(() => this.#check())
      },
      Math.max(0, rest),
    )
  }

  stop(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#late)
  }

  #check(): void {
    const limit = this.#host.limit()
    if (!this.#host.awaited() || this.#host.now() - this.#since < limit) this.start()
    else this.#host.stalled(limit)
  }
}

/** Puts the header of a WAV of unknown length before the first audio, and cuts the audio off where it has become enough. */
export class WavOutput {
  #left = Infinity
  #begun = false

  /** Whether all is out that may be. */
  get full(): boolean {
    return this.#left <= 0
  }

  /** Lets no more than `duration` ms of audio in `format` out. */
  limit(duration: number, format: AudioFormat): void {
    this.#left = msToBytes(duration, format)
  }

  /** What goes out of `audio`, behind the header where it is the first; without one while `format` is unknown. */
  take(audio: Buffer, format: AudioFormat | undefined): Buffer {
    const piece = audio.subarray(0, this.#left)
    this.#left -= piece.length
    if (this.#begun || format === undefined) return piece
    this.#begun = true
    return Buffer.concat([writeWavHeader(format), piece])
  }
}

/** What a `ReconnectingSource` opens, and how it goes on. */
export interface ReconnectingSourceOptions extends ReconnectSettings {
  /** The input as people know it, for messages; free of credentials. */
  inputName: string
  /**
   * Opens the input once more: WAV of any length; a stage that can be asked for its format by `[requestFormat]` is
   * asked, others must come back with the format they had. Destroyed when it is no longer wanted.
   *
   * @param attempt - from 1.
   * @throws what ends the source for good. What a promise rejects with is told to `explain` first.
   */
  open: (attempt: number) => Readable | Promise<Readable>
  /**
   * What an opening that ended with `error`, or in order, means: the error that is tried again, or said where no retry is
   * left; or, in `final`, one that no retry mends; or `'complete'`, if that was all. By default an end is a loss.
   *
   * @param heard - whether the source has given audio, in this opening or before.
   */
  explain?: (error: Error | undefined, heard: boolean) => 'complete' | { error: Error; final: boolean }
  /** Called whenever an opening gives audio. */
  onAudio?: () => void
  /** A clock in ms that never goes back. @defaultValue `performance.now` */
  now?: () => number
}

/** An attempt to open a live source again, given to listeners of its `reconnecting` event. */
export interface SourceReconnecting {
  /** From 1; back to 1 once there was audio again. */
  attempt: number
  /** Ms until the attempt. */
  delay: number
  /** Why the last attempt ended. */
  error: Error
}
