import { Pacer } from './pacer.ts'
import type { ReplayBuffer } from './replay-buffer.ts'
import type { SessionClock } from './session-clock.ts'
import type { Session } from './session.ts'

/** Rate at which what has piled up is sent: the most the service was seen to take for long. */
const CATCH_UP_RATE = 1.25
/** Audio that may be sent at once to a new session: measured safe. */
const BURST_MS = 7000
/** Audio that piles up in a stream that is held back anyway; beyond it there is something to catch up. */
const ORDINARY_BACKLOG_MS = 1000
/** The same where the source cannot be held back: there, every delay stays until it is caught up. */
const LIVE_BACKLOG_MS = 150
/** A source that gives nothing for this long pauses. */
const PAUSE_MS = 500
/** Silence that closes any open turn. */
const MOST_SILENCE_MS = 3000

/** Audio sent this long ago has been heard, whatever the server says of itself. */
const HEARD_MS = 30_000
const MARK_MS = 1000

/** How a feed sends. */
export interface FeedOptions {
  /** Ms of audio per ms where nothing piles up; `Infinity` sends as fast as the server takes it. */
  rate: number
  /** Longest burst after a stall, ms. */
  catchUp: number
  /** Whether the source cannot be held back. */
  live: boolean
  /** Whether silence is sent while the source pauses. */
  silence: boolean
  frameMs: number
  /** A frame of silence. */
  silentFrame: Buffer
  /** The beginning of the next frame, as far as there is one. */
  pending: () => Buffer
}

/**
 * Sends the frames of a replay buffer into one session, in order and at the right pace, from one frame on and for as long
 * as it is told: several feeds may read the same buffer at different places.
 */
export class Feed {
  readonly #session: Session
  readonly #buffer: ReplayBuffer
  readonly #clock: SessionClock
  readonly #options: FeedOptions
  readonly #pacer: Pacer
  #cursor: number
  #wake: (() => void) | undefined
  #stopped = false
  #silenceMs = 0
  /** Bytes of the frame at the cursor that were sent ahead of the rest, because the source paused behind them. */
  #ahead = 0
  /** How far the cursor was at some times, oldest first. */
  #marks: { at: number; cursor: number }[] = []
  #atHeartbeat = 0
  #heard = 0

  /**
   * @param from - number of the first frame to send.
   * @param replay - whether what is kept goes first, as a burst.
   * @param moved - called with the cursor whenever it has moved.
   */
  constructor(
    session: Session,
    buffer: ReplayBuffer,
    clock: SessionClock,
    from: number,
    replay: boolean,
    options: FeedOptions,
    moved: (cursor: number) => void,
  ) {
    this.#session = session
    this.#buffer = buffer
    this.#clock = clock
    this.#cursor = from
    this.#options = options
    // What a live source gave while the session was opened would stay behind for ever at the source's own pace.
    const burst = replay ? BURST_MS : options.live ? options.catchUp : 0
    this.#pacer = new Pacer(options.rate, burst, options.catchUp)
    void this.#run(moved)
  }

  /** Number of the next frame to send. */
  get cursor(): number {
    return this.#cursor
  }

  /** Whether every frame there is has been sent. */
  get drained(): boolean {
    return this.#cursor >= this.#buffer.next
  }

  /**
   * Number of the first frame that the server may not have heard yet: where no final word came of the audio before it,
   * there was none. A server does not acknowledge audio; a heartbeat after the one that followed it says as much.
   */
  get heard(): number {
    this.#passMarks()
    return this.#heard
  }

  /** The server has sent a heartbeat. */
  heartbeat(): void {
    this.#heard = Math.max(this.#heard, this.#atHeartbeat)
    this.#atHeartbeat = this.#cursor
  }

  /** Tells that there are new frames. */
  wake(): void {
    this.#wake?.()
  }

  /** Sends nothing more. */
  stop(): void {
    this.#stopped = true
    this.#wake?.()
  }

  async #run(moved: (cursor: number) => void): Promise<void> {
    while (!this.#stopped) {
      const frame = this.#buffer.get(this.#cursor)
      if (frame === undefined) {
        if (await this.#idle()) continue
        if (!(await this.#sendSilence())) return
        continue
      }
      this.#silenceMs = 0
      const delay = this.#delay()
      this.#pacer.sent(this.#options.frameMs)
      if (!(await this.#session.send(this.#padded(frame), delay))) return
      this.#count(frame)
      this.#ahead = 0
      this.#cursor += 1
      this.#mark()
      moved(this.#cursor)
    }
  }

  #mark(): void {
    const now = performance.now()
    if (now - (this.#marks.at(-1)?.at ?? Number.NEGATIVE_INFINITY) < MARK_MS) return
    this.#marks.push({ at: now, cursor: this.#cursor })
    this.#passMarks()
  }

  #passMarks(): void {
    const before = performance.now() - HEARD_MS
    while ((this.#marks[0]?.at ?? Infinity) < before) {
      this.#heard = Math.max(this.#heard, this.#marks.shift()?.cursor ?? 0)
    }
  }

  #delay(): number {
    const { rate, live, frameMs } = this.#options
    if (rate === Infinity) return 0
    const backlog = (this.#buffer.next - this.#cursor) * frameMs
    const now = performance.now()
    const behind = backlog > (live ? LIVE_BACKLOG_MS : ORDINARY_BACKLOG_MS)
    this.#pacer.setRate(behind ? Math.max(rate, CATCH_UP_RATE) : rate, now)
    return this.#pacer.delay(now)
  }

  /** Waits for a frame; resolves with `false` where the source pauses and silence is due. */
  #idle(): Promise<boolean> {
    const { silence, frameMs, pending } = this.#options
    return new Promise((resolve) => {
      const due = silence && this.#silenceMs < MOST_SILENCE_MS
      const before = pending().length
      const timeUp = (): void => {
        // A few bytes more: the source goes on.
        const paused = pending().length === before
        if (!paused) this.#silenceMs = 0
        resolve(!paused)
      }
      const timer = due ? setTimeout(timeUp, this.#silenceMs > 0 ? frameMs : PAUSE_MS) : undefined
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve(true)
      }
    })
  }

  /** Sends a frame of silence; the first behind the beginning of the next frame, where the source paused within one. */
  async #sendSilence(): Promise<boolean> {
    if (this.#stopped) return false
    this.#silenceMs += this.#options.frameMs
    const audio = this.#options.pending()
    if (!(await this.#session.send(this.#padded(audio)))) return false
    this.#count(audio)
    return true
  }

  /** A frame, or its beginning, with silence in place of what is missing and of what was sent ahead. */
  #padded(audio: Buffer): Buffer {
    const { silentFrame } = this.#options
    if (this.#ahead === 0 && audio.length === silentFrame.length) return audio
    const frame = Buffer.from(silentFrame)
    audio.copy(frame, this.#ahead, this.#ahead)
    return frame
  }

  /** Tells the clock what has been sent. */
  #count(audio: Buffer): void {
    const { frameMs, silentFrame } = this.#options
    const msPerByte = frameMs / silentFrame.length
    this.#clock.silence(this.#ahead * msPerByte)
    this.#clock.audio((audio.length - this.#ahead) * msPerByte)
    this.#clock.silence((silentFrame.length - audio.length) * msPerByte)
    this.#ahead = audio.length
  }
}
