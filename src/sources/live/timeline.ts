import { type AudioFormat, blockSize, bytesToMs } from '../../audio/format.ts'

/** Ms by which more is missing than there is silence for, from which on that is said: less is a matter of how it arrives. */
const LEAST_UNFILLED_MS = 250

/** Time left for audio to come late, in ms, before it is taken for missing. */
const LEAST_MARGIN_MS = 1000

/** Audio of a live source that is missing. */
export interface SourceGap {
  /** First ms of the stream that is missing. */
  start: number
  /** First ms of the stream that is there again; equal to `start` where `gaps` is `'skip'`. */
  end: number
  /** Ms for which the source was away; where its clock runs fast, more than lie between the two. */
  missing: number
}

/**
 * Where in the stream the audio of each attempt belongs, by the clock: the stream's place in it is when the audio was
 * recorded. Counts the bytes of the stream; says how much silence makes good for what is missing.
 */
export class LiveTimeline {
  readonly #format: AudioFormat
  readonly #fills: boolean
  #position = 0
  /** Bytes that were missing and not filled. */
  #skipped = 0
  /** Bytes by which the stream was ahead of the clock when the attempt at hand began, for the fast clocks of those before. */
  #ahead = 0
  #first: ArrivalClock
  #firstAt: number
  #lost: { position: number; lead: number } | undefined

  /**
   * @param first - the clock of the first attempt.
   * @param firstAt - when its first audio came.
   * @param fills - whether what is missing is made good for by silence.
   */
  constructor(format: AudioFormat, first: ArrivalClock, firstAt: number, fills: boolean) {
    this.#format = format
    this.#first = first
    this.#firstAt = firstAt
    this.#fills = fills
  }

  /** When the stream's first sample was recorded. */
  get origin(): number {
    return this.#first.origin
  }

  /** Bytes of the stream so far. */
  get position(): number {
    return this.#position
  }

  /** How long so many bytes are, in ms. */
  ms(bytes: number): number {
    return bytesToMs(bytes, this.#format)
  }

  /** Counts audio. */
  add(bytes: number): void {
    this.#position += bytes
  }

  /**
   * Says that an attempt was lost.
   *
   * @param lead - ms by which its audio ran ahead of the clock: a device whose clock is fast repeats nothing.
   */
  lose(lead: number): void {
    // Two outages without audio between them are one.
    this.#lost ??= { position: this.#position, lead }
  }

  /** Bytes of silence that are due at `now` while the source is away, less what may still come late. */
  fill(now: number): number {
    const silence = this.#fills ? this.#due(now) : 0
    this.#position += silence
    return silence
  }

  /** Bytes that have not come by `now` and no longer will, where the source is away. */
  #due(now: number): number {
    if (this.#lost === undefined) return 0
    const margin = Math.max(LEAST_MARGIN_MS, this.#firstAt - this.origin + LEAST_MARGIN_MS / 2)
    return Math.max(0, this.#toBytes(now - this.origin - margin) - this.#skipped - this.#position)
  }

  /**
   * Places audio whose first sample was recorded at `origin`, after a loss.
   *
   * @returns bytes of silence to write before it; bytes of it to leave out, since they were there before; and what is missing.
   */
  resume(origin: number): { silence: number; repeated: number; gap: SourceGap | undefined } {
    const lost = this.#lost ?? { position: this.#position, lead: 0 }
    this.#lost = undefined
    const away = this.#toBytes(origin - this.origin) - this.#skipped - this.#position
    const ahead = this.#ahead + this.#toBytes(lost.lead)
    const silence = this.#fills ? Math.max(0, away) : 0
    const repeated = Math.max(0, -away - ahead)
    this.#position += silence
    this.#ahead = Math.min(ahead, Math.max(0, -away))
    const missing = this.#fills ? this.#position - lost.position : Math.max(0, away)
    if (!this.#fills) this.#skipped += missing
    const unfilled = Math.max(0, away + ahead) - Math.max(0, away)
    return { silence, repeated, gap: this.#gap(lost.position, missing, unfilled) }
  }

  /**
   * Makes good for `ms` that are missing though the source was not away.
   *
   * @returns bytes of silence to write, and what is missing.
   */
  miss(ms: number): { silence: number; gap: SourceGap | undefined } {
    const bytes = this.#toBytes(ms)
    const from = this.#position
    if (this.#fills) this.#position += bytes
    else this.#skipped += bytes
    return { silence: this.#fills ? bytes : 0, gap: this.#gap(from, bytes) }
  }

  /** What is missing where the stream ends at `now` while the source is away. */
  end(now: number): SourceGap | undefined {
    if (this.#lost === undefined) return undefined
    return this.#gap(this.#lost.position, this.#fills ? this.#position - this.#lost.position : this.#due(now))
  }

  #gap(position: number, missing: number, unfilled = 0): SourceGap | undefined {
    const start = Math.round(bytesToMs(position, this.#format))
    const end = Math.round(bytesToMs(this.#position, this.#format))
    const more = Math.round(bytesToMs(unfilled, this.#format))
    const most = this.#fills ? end - start : Math.round(bytesToMs(missing, this.#format))
    const ms = more < LEAST_UNFILLED_MS ? most : most + more
    return ms > 0 ? { start, end, missing: ms } : undefined
  }

  #toBytes(ms: number): number {
    return Math.round((ms * this.#format.sampleRate) / 1000) * blockSize(this.#format)
  }
}

/**
 * Tells when the first sample of a live stream was recorded, from when its later ones arrive. The audio may come late,
 * in bursts, or with a start that was held back, but no sample comes before it was recorded: the earliest that any chunk
 * allows is right to within the delay that never goes below.
 *
 * All times in ms, fractions included.
 */
export class ArrivalClock {
  #origin = Infinity

  /** When the first sample was recorded, as far as is known; `Infinity` before the first chunk. */
  get origin(): number {
    return this.#origin
  }

  /** Notes that audio up to `position`, in ms from the first sample, had arrived at `now`. */
  note(now: number, position: number): void {
    this.#origin = Math.min(this.#origin, now - position)
  }
}

/** What an input sends at once when it is opened has come within so many ms of its first audio. */
const BURST_MS = 1000
/** How long it is remembered how late audio comes, in ms, at least; at most twice as long. */
const RECENT_MS = 2000

/**
 * Tells whether what follows a pause of a live stream was only held up on its way, or something is missing. What was held up
 * comes all at once, until it is no later than what came before; what comes as late as the pause was long was recorded then.
 *
 * All times in ms, fractions included.
 */
export class PauseClock {
  #firstAt: number | undefined
  /** When the first sample would have been recorded, by what came at first; by what came lately; and by what came since the pause. */
  #first = Infinity
  #recent = Infinity
  #before = Infinity
  #recentSince = 0
  #later = Infinity
  #hasPaused = false

  /** Notes that audio up to `position`, from the first sample, had arrived at `now`. */
  note(now: number, position: number): void {
    const origin = now - position
    if (this.#hasPaused) this.#begin(now)
    this.#firstAt ??= now
    if (now - this.#firstAt <= BURST_MS) this.#first = Math.min(this.#first, origin)
    if (now - this.#recentSince > RECENT_MS) {
      this.#before = this.#recent
      this.#recent = origin
      this.#recentSince = now
    }
    this.#recent = Math.min(this.#recent, origin)
    this.#later = Math.min(this.#later, origin)
  }

  /** Says that nothing came for a while, before the next audio is noted. */
  pause(): void {
    this.#hasPaused = true
  }

  #begin(now: number): void {
    this.#hasPaused = false
    this.#before = Math.min(this.#before, this.#recent)
    this.#recent = Infinity
    this.#recentSince = now
    this.#later = Infinity
  }

  /** How much is missing since {@link pause}, by what has come since. A stream that had run ahead of its time and waits for it lacks nothing. */
  get lost(): number {
    return this.#later - Math.max(this.#before, this.#first)
  }

  /** Says that what is {@link lost} has been made good for. */
  makeGood(): void {
    this.#first += this.lost
    this.#before = this.#later
  }
}
