import type { Readable } from 'node:stream'
import { backOff, delayAsked } from '../../back-off.ts'
import { type AudioFormat, msToBytes } from '../../audio/format.ts'
import { AudioQueue } from '../../audio/silence.ts'
import { writeWavHeader } from '../../audio/wav.ts'
import { InputError } from '../../errors.ts'
import { Moment } from '../../moment.ts'
import { LoopYield, onceAborted, STOOD_STILL_MS, toError } from '../../stream-helpers.ts'
import { type RequestedFormat, requestFormat, type UpstreamStage } from '../../stage.ts'
import { Attempt } from './attempt.ts'
import type { SourceReconnecting } from './options.ts'
import type { ReconnectingSourceOptions, SourceLoss } from './reconnecting.ts'
import { LiveTimeline, type SourceGap } from './timeline.ts'

/** How long the first audio after an outage is held, in ms, until it is known how late it comes; and most bytes of it. */
const SETTLE_MS = 500
const MOST_HELD_BYTES = 16 * 1024 * 1024
/** How long it is held, at most, while it comes faster than it was said: some stations send what they have said lately, in seconds. */
const MOST_BURST_MS = 10_000
/** Ms between portions of the silence that stands for a source that is away. */
const FILL_MS = 200
/** After nothing has come for so long, in ms, it is looked whether something is missing; and from how much on. */
const PAUSE_MS = 1000
const LEAST_LOST_MS = 250
/** How long what comes after a pause is held at most, in ms. */
const MOST_PAUSE_SETTLE_MS = 5000

/** The work of a {@link ReconnectingSource}: the openings of its input, one after the other, and what is put between them. */
export class Openings {
  readonly #source: Readable
  readonly #options: ReconnectingSourceOptions
  readonly #now: () => number
  /** When that was 0. */
  readonly #zero: Moment
  readonly #closing = new Set<Promise<void>>()
  readonly #ignoreStop: () => void
  #phase: 'idle' | 'opening' | 'settling' | 'flowing' | 'paused' | 'waiting' | 'ending' = 'idle'
  readonly #asked: () => RequestedFormat | undefined
  #format: AudioFormat | undefined
  #timeline: LiveTimeline | undefined
  #attempt: Attempt | undefined
  #attempts = 0
  /** Attempts in a row that brought no audio. */
  #failures = 0
  /** What goes out next: audio, and bytes of silence. */
  readonly #queue = new AudioQueue()
  /** Audio whose place is not known yet. */
  #held: Buffer[] = []
  #heldBytes = 0
  /** Bytes to come that were there before. */
  #repeated = 0
  /** Bytes of audio that may still go out. */
  #left = Infinity
  #hasHeader = false
  readonly #loop = new LoopYield(() => this.#pump())
  #ended = false
  #hungry = false
  /** When audio came last, or began to be awaited. */
  #lastAudioAt = 0
  /** The same, or when this whole process went on after it had stood still: what has come by then may be unread. */
  #awaitedSince = 0
  #stallTimer: NodeJS.Timeout | undefined
  #stallCheck: NodeJS.Immediate | undefined
  #retryTimer: NodeJS.Timeout | undefined
  #fillTimer: NodeJS.Timeout | undefined
  #settleTimer: NodeJS.Timeout | undefined

  constructor(source: Readable, options: ReconnectingSourceOptions, asked: () => RequestedFormat | undefined) {
    this.#source = source
    this.#options = options
    this.#asked = asked
    this.#now = options.now ?? (() => performance.now())
    this.#zero = new Moment(Date.now() - this.#now(), this.#now)
    this.#ignoreStop = onceAborted(options.stop, () => this.finish())
  }

  /** Whether the input has been opened, so that it is too late to ask for another format. */
  get hasBegun(): boolean {
    return this.#phase !== 'idle'
  }

  /** Wall time at which the first sample was recorded; `undefined` before it came. */
  get startedAt(): Date | undefined {
    return this.#timeline === undefined ? undefined : new Date(this.#zero.wall + this.#timeline.origin)
  }

  /** Somebody wants audio. */
  read(): void {
    if (!this.#hungry) this.#lastAudioAt = this.#awaitedSince = this.#now()
    this.#hungry = true
    if (this.#phase === 'idle') this.#open()
    this.#pump()
  }

  /** Gives up; resolves when nothing is left running. */
  async close(): Promise<void> {
    this.#ignoreStop()
    this.#loop.stop()
    this.#clearTimers()
    this.#stopFilling()
    this.#closeAttempt()
    await Promise.all(this.#closing)
  }

  #open(): void {
    this.#phase = 'opening'
    this.#attempts += 1
    let stream: Readable | Promise<Readable>
    try {
      stream = this.#options.open(this.#attempts)
    } catch (error) {
      this.#source.destroy(toError(error))
      return
    }
    const attempt = new Attempt(Promise.resolve(stream), this.#format, this.#now)
    this.#attempt = attempt
    const over = (error?: Error): void => {
      if (attempt === this.#attempt) this.#over(attempt, error)
    }
    attempt.opened.then((opened) => {
      if (attempt !== this.#attempt) return
      const format = this.#format ?? this.#asked()
      if (format !== undefined) (opened as UpstreamStage)[requestFormat]?.(format)
      opened.on('warning', (warning: unknown) => {
        if (attempt === this.#attempt) this.#source.emit('warning', warning)
      })
      opened.on('gap', (gap: SourceGap) => {
        attempt.gaps.push(gap)
        this.#tellGaps(attempt)
      })
      opened.on('error', over)
      opened.on('end', () => over())
      opened.on('close', () => over())
      opened.on('readable', () => {
        if (attempt === this.#attempt) this.#arrive(attempt)
      })
    }, over)
    this.#lastAudioAt = this.#awaitedSince = this.#now()
    this.#watch()
  }

  /** There may be audio: the first is looked at as soon as it comes, the rest when somebody wants it. */
  #arrive(attempt: Attempt): void {
    try {
      if (this.#phase === 'opening') this.#begin(attempt)
      if (this.#phase === 'settling' || this.#phase === 'paused') this.#hold(attempt)
    } catch (error) {
      this.#source.destroy(toError(error))
      return
    }
    this.#pump()
  }

  #begin(attempt: Attempt): void {
    const audio = attempt.read()
    const { format, firstAt } = attempt
    if (audio === undefined || format === undefined || firstAt === undefined) return
    const knownAt = this.#options.knownAt?.()
    if (knownAt !== undefined) attempt.clock.note(knownAt, 0)
    this.#format ??= format
    this.#countAudio()
    this.#watch()
    if (this.#timeline !== undefined) {
      this.#held.push(audio)
      this.#heldBytes = audio.length
      this.#phase = 'settling'
      this.#placeWhenCaughtUp(attempt, () => attempt.clock.origin, this.#now() + MOST_BURST_MS)
      return
    }
    const { gaps, maxDuration } = this.#options
    this.#timeline = new LiveTimeline(format, attempt.clock, firstAt, gaps === 'silence')
    if (maxDuration !== Infinity) this.#left = msToBytes(maxDuration, format)
    this.#timeline.add(audio.length)
    this.#queue.push(audio)
    this.#failures = 0
    this.#phase = 'flowing'
    attempt.at = 0
    this.#tellGaps(attempt)
  }

  #hold(attempt: Attempt): void {
    if (this.#phase === 'paused' && this.#hasPaused) attempt.pauses.pause()
    for (let audio = attempt.read(); audio !== undefined; audio = attempt.read()) {
      this.#held.push(audio)
      this.#heldBytes += audio.length
      this.#countAudio()
      if (this.#heldBytes >= MOST_HELD_BYTES) return this.#place(attempt)
    }
    if (this.#phase === 'paused' && attempt.pauses.lost < LEAST_LOST_MS) this.#place(attempt)
  }

  /** Puts what is held where it belongs, by what is known now. */
  #place(attempt: Attempt): void {
    if (this.#timeline === undefined || (this.#phase !== 'settling' && this.#phase !== 'paused')) return
    clearTimeout(this.#settleTimer)
    if (this.#phase === 'settling') this.#settle(attempt, this.#timeline)
    else this.#goOn(attempt, this.#timeline)
  }

  /**
   * Does so once what comes no longer makes up for how `late` it is, in ms, or at the time `until`. After a pause, nobody can tell
   * while nothing comes: TCP has what it held up come in two pieces, seconds apart, where its reader had stood still.
   */
  #placeWhenCaughtUp(attempt: Attempt, late: () => number, until: number): void {
    const [before, cameAt] = [late(), this.#lastAudioAt]
    this.#settleTimer = setTimeout(() => {
      const isUnknown = this.#phase === 'paused' && this.#lastAudioAt === cameAt
      // It grows where there was another pause.
      const mayCatchUp = isUnknown || Math.abs(late() - before) > LEAST_LOST_MS / 2
      if (mayCatchUp && this.#now() < until) this.#placeWhenCaughtUp(attempt, late, until)
      else this.#place(attempt)
    }, SETTLE_MS)
  }

  /** Puts the audio after an outage in its place. */
  #settle(attempt: Attempt, timeline: LiveTimeline): void {
    this.#stopFilling()
    this.#failures = 0
    attempt.settle()
    const { silence, repeated, gap } = timeline.resume(attempt.clock.origin)
    this.#queue.pushSilence(silence)
    this.#repeated = repeated
    attempt.at = timeline.ms(timeline.position - repeated)
    this.#flow(attempt, gap)
  }

  /** Audio comes again after a pause, later than it should: it is held until it is known how much is missing. */
  #pause(attempt: Attempt, audio: Buffer): void {
    this.#phase = 'paused'
    this.#held.push(audio)
    this.#heldBytes = audio.length
    this.#placeWhenCaughtUp(attempt, () => attempt.pauses.lost, this.#now() + MOST_PAUSE_SETTLE_MS)
    this.#hold(attempt)
  }

  /** Puts the audio after a pause in its place. */
  #goOn(attempt: Attempt, timeline: LiveTimeline): void {
    const { lost } = attempt.pauses
    if (lost < LEAST_LOST_MS) return this.#flow(attempt)
    attempt.pauses.makeGood()
    const { silence, gap } = timeline.miss(lost)
    this.#queue.pushSilence(silence)
    attempt.at = (attempt.at ?? 0) + timeline.ms(silence)
    this.#flow(attempt, gap)
  }

  /** Hands on what was held, and what comes, as it comes. */
  #flow(attempt: Attempt, gap?: SourceGap): void {
    for (const audio of this.#held) this.#queue.push(this.#fresh(audio))
    this.#held = []
    this.#heldBytes = 0
    this.#phase = 'flowing'
    this.#tell(gap)
    this.#tellGaps(attempt)
    this.#pump()
  }

  /** Tells what is missing; nothing is where the stream has ended. */
  #tell(gap: SourceGap | undefined): void {
    const last = this.#options.maxDuration
    if (gap === undefined || gap.start >= last) return
    const past = Math.max(0, gap.end - last)
    this.#source.emit('gap', { ...gap, end: gap.end - past, missing: gap.missing - past } satisfies SourceGap)
  }

  /** Tells what the input itself says is missing, once its place in the stream is known. */
  #tellGaps({ at, gaps }: Attempt): void {
    if (at === undefined || this.#source.destroyed) return
    for (const { start, end, missing } of gaps.splice(0)) {
      this.#source.emit('gap', {
        start: Math.round(at + start),
        end: Math.round(at + end),
        missing,
      } satisfies SourceGap)
    }
  }

  /** What of `audio` was not there before; counted. */
  #fresh(audio: Buffer): Buffer {
    const fresh = audio.subarray(this.#repeated)
    this.#repeated -= audio.length - fresh.length
    this.#timeline?.add(fresh.length)
    return fresh
  }

  #over(attempt: Attempt, error: Error | undefined): void {
    this.#place(attempt)
    this.#lose(this.#options.explain(error, this.#timeline !== undefined))
  }

  #lose({ error, final }: SourceLoss): void {
    const attempt = this.#attempt
    if (attempt === undefined || this.#source.destroyed) return
    this.#place(attempt)
    // A listener to the gap may have ended it all.
    if (this.#source.destroyed) return
    this.#timeline?.lose(attempt.lead)
    this.#closeAttempt()
    this.#clearTimers()
    this.#phase = 'waiting'
    this.#failures += 1
    if (final || this.#failures > this.#options.retries) {
      this.#source.destroy(error)
      return
    }
    const delay = delayAsked(backOff(this.#failures, this.#options, false), error, this.#options)
    this.#retryTimer = setTimeout(() => this.#openAgain(), delay)
    // Of attempts that fail faster than that, none begins it anew.
    if (this.#timeline !== undefined) this.#fillTimer ??= setInterval(() => this.#fill(), FILL_MS)
    this.#source.emit('reconnecting', { attempt: this.#failures, delay, error } satisfies SourceReconnecting)
  }

  /** Cameras often serve one or two clients: the last attempt must be gone before the next. */
  #openAgain(): void {
    void Promise.all(this.#closing).then(() => {
      if (this.#phase === 'waiting' && !this.#source.destroyed) this.#open()
    })
  }

  /** Silence flows while the source is away, or captions would stand still and then come in a flood. */
  #fill(): void {
    const away = this.#phase === 'waiting' || this.#phase === 'opening'
    if (away) this.#queue.pushSilence(this.#timeline?.fill(this.#now()) ?? 0)
    this.#pump()
  }

  /** Ends the stream in order, after what is in its queue. */
  finish(): void {
    if (this.#phase === 'ending' || this.#source.destroyed) return
    const attempt = this.#attempt
    if (attempt !== undefined) this.#place(attempt)
    this.#tell(this.#timeline?.end(this.#now()))
    this.#phase = 'ending'
    this.#loop.stop()
    this.#clearTimers()
    this.#stopFilling()
    this.#closeAttempt()
    this.#pump()
  }

  #pump(): void {
    while (this.#hungry && !this.#source.destroyed && !this.#ended) {
      if (this.#queue.isSilent && !this.#loop.take()) return
      const audio = this.#left > 0 ? this.#nextAudio() : undefined
      if (audio !== undefined) {
        this.#hungry = this.#source.push(this.#output(audio))
        continue
      }
      if (this.#left <= 0) this.finish()
      if (this.#phase === 'ending' && !this.#ended) this.#end()
      return
    }
  }

  #nextAudio(): Buffer | undefined {
    const queued = this.#queue.shift(this.#format)
    if (queued !== undefined || this.#phase !== 'flowing') return queued
    const attempt = this.#attempt
    const hasPaused = this.#hasPaused
    if (hasPaused) attempt?.pauses.pause()
    try {
      for (let audio = attempt?.read(); audio !== undefined; audio = attempt?.read()) {
        this.#countAudio()
        if (hasPaused && attempt !== undefined && attempt.pauses.lost >= LEAST_LOST_MS) {
          this.#pause(attempt, audio)
          return undefined
        }
        const fresh = this.#fresh(audio)
        if (fresh.length > 0) return fresh
      }
    } catch (error) {
      this.#source.destroy(toError(error))
    }
    return undefined
  }

  /** What may go out of `audio`, behind the header where it is the first. */
  #output(audio: Buffer): Buffer {
    const piece = audio.subarray(0, this.#left)
    this.#left -= piece.length
    if (this.#hasHeader || this.#format === undefined) return piece
    this.#hasHeader = true
    return Buffer.concat([writeWavHeader(this.#format), piece])
  }

  #end(): void {
    this.#ended = true
    // Ended means that nothing is left running.
    void Promise.all(this.#closing).then(() => this.#source.push(null))
  }

  get #hasPaused(): boolean {
    return this.#now() - this.#lastAudioAt >= PAUSE_MS
  }

  #countAudio(): void {
    this.#options.onAudio?.()
    this.#lastAudioAt = this.#awaitedSince = this.#now()
  }

  /** Longest time in ms for which nothing may come. */
  get #patience(): number {
    const { connectTimeout, stallTimeout } = this.#options
    return this.#attempt?.firstAt === undefined ? connectTimeout : stallTimeout
  }

  /** Ms until nothing has come for too long; nothing is held against a source whose reader pauses. */
  get #timeLeft(): number {
    const isAwaited = this.#hungry || this.#phase !== 'flowing'
    return isAwaited ? this.#awaitedSince + this.#patience - this.#now() : this.#patience / 4
  }

  /** Gives a source up that gives nothing though somebody wants it. */
  #watch(): void {
    clearTimeout(this.#stallTimer)
    clearImmediate(this.#stallCheck)
    const timeLeft = this.#timeLeft
    if (timeLeft <= 0) {
      // What is awaited may be there, unread.
      this.#stallCheck = setImmediate(() => (this.#timeLeft > 0 ? this.#watch() : this.#stall()))
      return
    }
    const due = this.#now() + timeLeft
    this.#stallTimer = setTimeout(() => {
      if (this.#now() - due >= STOOD_STILL_MS) this.#awaitedSince = this.#now()
      this.#watch()
    }, timeLeft)
  }

  #stall(): void {
    const limit = `${this.#patience} ms`
    const what =
      this.#attempt?.firstAt === undefined ? `gave no audio within ${limit}` : `has given no audio for ${limit}`
    const message = `${this.#options.inputName} ${what}; check the network and the device`
    this.#lose({ error: new InputError('INPUT_STALLED', message, { retryable: true }), final: false })
  }

  #closeAttempt(): void {
    const attempt = this.#attempt
    this.#attempt = undefined
    if (attempt === undefined) return
    const gone = attempt.close()
    this.#closing.add(gone)
    void gone.then(() => this.#closing.delete(gone))
  }

  #stopFilling(): void {
    clearInterval(this.#fillTimer)
    this.#fillTimer = undefined
  }

  #clearTimers(): void {
    clearTimeout(this.#stallTimer)
    clearImmediate(this.#stallCheck)
    clearTimeout(this.#retryTimer)
    clearTimeout(this.#settleTimer)
  }
}
