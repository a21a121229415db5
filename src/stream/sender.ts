import type { Session } from '../session/session.ts'
import type { SupervisorOptions } from './options.ts'
import type { FrameReader, ReplayBuffer } from './replay-buffer.ts'
import type { SessionClock } from './session-clock.ts'

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
/** The same where its last sound was not quiet: the rest of a word may be late, and silence would cut it in two. */
const PAUSE_IN_SOUND_MS = 2000
/** So much of what came last is listened to for that. */
const LAST_SOUND_MS = 200
/** Silence that closes any open turn. */
const MOST_SILENCE_MS = 3000

/** Audio that the server could have worked on this long ago has been heard, whatever it says of itself. */
const HEARD_MS = 30_000
const MARK_MS = 1000

export interface SenderOptions extends Pick<
  SupervisorOptions,
  'catchUp' | 'live' | 'keepAlive' | 'frameMs' | 'silentFrame' | 'wire' | 'pending' | 'isQuiet'
> {
  /** Ms of audio per ms where nothing piles up; `Infinity` sends as fast as the server takes it. */
  rate: number
}

/** Sends the frames of a replay buffer into one session at the right pace; several may read one buffer. */
export class Sender implements Scheduled, FrameReader {
  readonly #session: Session
  readonly #buffer: ReplayBuffer
  readonly #clock: SessionClock
  readonly #options: SenderOptions
  readonly #wire: ((frame: Buffer) => Buffer) | undefined
  readonly #pacer: Pacer
  readonly #moved: (cursor: number) => void
  cursor: number
  #stopped = false
  /** The frame that is to be sent next, and what will send it where that is not at once. */
  #frame: Buffer | undefined
  /** Whether that is a frame of the buffer, which has not been sent yet; and how many frames are left out behind it. */
  #sending = false
  #skipped = 0
  #tick = 0
  #immediate: NodeJS.Immediate | undefined
  /** Since when there is nothing to send, in ms of `performance.now()`, and what there was of the next frame then. */
  #idleSince: number | undefined
  #idlePending = 0
  #idleTimer: NodeJS.Timeout | undefined
  #silenceMs = 0
  /** Bytes of the frame at the cursor that were sent ahead of the rest, because the source paused behind them. */
  #ahead = 0
  /** When a server that works no faster than it plays is done with what it was sent, in ms of `performance.now()`. */
  #doneAt = 0
  /** How far the cursor was when that was so, oldest first. */
  #marks: { at: number; cursor: number }[] = []
  #markedAt = Number.NEGATIVE_INFINITY
  #atHeartbeat = 0
  #heard = 0

  /** @param replay - whether what is kept goes first, as a burst. `moved` is told the cursor. */
  constructor(
    session: Session,
    buffer: ReplayBuffer,
    clock: SessionClock,
    from: number,
    replay: boolean,
    options: SenderOptions,
    moved: (cursor: number) => void,
  ) {
    this.#session = session
    this.#buffer = buffer
    this.#clock = clock
    this.cursor = from
    this.#options = options
    this.#wire = options.wire?.()
    // What a live source gave while the session was opened would stay behind for ever at the source's own pace.
    const burst = replay ? BURST_MS : options.live ? options.catchUp : 0
    this.#pacer = new Pacer(options.rate, burst, options.catchUp)
    this.#moved = moved
    this.#next(false, performance.now())
  }

  /** Whether audio is sent at a pace of its own, rather than as fast as the server takes it. */
  get paced(): boolean {
    return this.#options.rate !== Infinity
  }

  /** Ms of audio that such a server has still to work on: a burst, and what was sent to catch up. */
  get lagMs(): number {
    return Math.max(0, this.#doneAt - performance.now())
  }

  get drained(): boolean {
    return this.cursor >= this.#buffer.next
  }

  /** The first frame that the server may not have heard: it acknowledges none, but a later heartbeat says as much. */
  get heard(): number {
    this.#passMarks()
    return this.#heard
  }

  heartbeat(): void {
    this.#heard = Math.max(this.#heard, this.#atHeartbeat)
    this.#atHeartbeat = this.#worked
  }

  /** How far a server is that works no faster than it plays. */
  get #worked(): number {
    if (this.lagMs <= MARK_MS) return this.cursor
    const now = performance.now()
    return this.#marks.findLast(({ at }) => at <= now)?.cursor ?? this.#heard
  }

  wake(): void {
    if (this.#idleSince === undefined || this.#stopped || this.drained) return
    this.#idleSince = undefined
    this.#next(true, performance.now())
  }

  /** Leaves out the frames before number `to`: they are too many ever to be caught up with. */
  skip(to: number): void {
    // Of a frame that was sent in part, the rest comes first.
    if (this.#stopped || this.#ahead > 0 || to <= this.cursor + 1) return
    if (this.#sending) this.#skipped += to - this.cursor - (this.#skipped === 0 ? 1 : 0)
    else this.#clock.skip((to - this.cursor) * this.#options.frameMs)
    this.cursor = to
  }

  stop(): void {
    this.#stopped = true
    sendClock.cancel(this, this.#tick)
    clearImmediate(this.#immediate)
    clearTimeout(this.#idleTimer)
  }

  /** Sends the next frame: its time has come. */
  due(): void {
    this.#session.send(this.#padded(this.#frame!), this.#sent)
  }

  /** @param awaited - whether the frame has only just come, and nothing stood before it. */
  #next(awaited: boolean, now: number): void {
    this.#frame = this.#buffer.get(this.cursor)
    if (this.#frame === undefined) {
      this.#idle(now)
      return
    }
    this.#silenceMs = 0
    this.#sending = true
    const delay = this.#delay(now)
    this.#pacer.sent(this.#options.frameMs)
    if (delay > 0) this.#tick = sendClock.schedule(this, delay, now)
    else if (awaited && this.#options.rate !== Infinity) this.due()
    // A willing kernel would take minutes of audio before one message of the server is read: each frame gives the event
    // loop a turn.
    else this.#immediate = setImmediate(sendAtOnce, this)
  }

  // One function for all frames: at a thousand streams, what is made for each is what sending costs.
  readonly #sent = (sent: boolean): void => {
    // The session has ended.
    if (!sent) return
    this.#count(this.#frame!)
    this.#ahead = 0
    this.#sending = false
    // The cursor stands behind what was left out already.
    if (this.#skipped > 0) this.#clock.skip(this.#skipped * this.#options.frameMs)
    else this.cursor += 1
    this.#skipped = 0
    const now = performance.now()
    this.#mark(this.#work(now))
    this.#moved(this.cursor)
    if (!this.#stopped) this.#next(false, now)
  }

  /** Counts what one more frame is for the server, and returns when that is done with it. */
  #work(now: number): number {
    if (!this.paced) return now
    const { rate, frameMs } = this.#options
    this.#doneAt = Math.max(now, this.#doneAt) + frameMs / Math.max(1, rate)
    return this.#doneAt
  }

  #mark(at: number): void {
    if (at - this.#markedAt < MARK_MS) return
    this.#markedAt = at
    this.#marks.push({ at, cursor: this.cursor })
    this.#passMarks()
  }

  #passMarks(): void {
    const before = performance.now() - HEARD_MS
    while ((this.#marks[0]?.at ?? Infinity) < before) {
      this.#heard = Math.max(this.#heard, this.#marks.shift()?.cursor ?? 0)
    }
  }

  #delay(now: number): number {
    const { rate, live, frameMs } = this.#options
    if (rate === Infinity) return 0
    const backlog = (this.#buffer.next - this.cursor) * frameMs
    const behind = backlog > (live ? LIVE_BACKLOG_MS : ORDINARY_BACKLOG_MS)
    this.#pacer.setRate(behind ? Math.max(rate, CATCH_UP_RATE) : rate, now)
    return this.#pacer.delay(now)
  }

  /** Waits for a frame, or for the time at which silence is due. */
  #idle(now: number): void {
    this.#idleSince = now
    if (!this.#options.keepAlive || this.#silenceMs >= MOST_SILENCE_MS) return
    this.#idlePending = this.#options.pending().length
    // One timer, not one for each frame: it looks how long the present wait has lasted.
    this.#idleTimer ??= setTimeout(this.#lookAtIdle, this.#patience)
  }

  /** Ms without audio after which a frame of silence is sent. */
  get #patience(): number {
    return this.#silenceMs > 0 ? this.#options.frameMs : PAUSE_MS
  }

  /** Whether what has come last is quiet; so is what is not kept any more, since all of it is final. */
  #endsQuietly(): boolean {
    const count = Math.ceil(LAST_SOUND_MS / this.#options.frameMs)
    const frames = Array.from({ length: count }, (_, index) => this.#buffer.get(this.cursor - count + index))
    return [...frames, this.#options.pending()].every((audio) => !audio?.length || this.#options.isQuiet(audio))
  }

  readonly #lookAtIdle = (): void => {
    this.#idleTimer = undefined
    if (this.#idleSince === undefined) return
    const now = performance.now()
    const left = this.#idleSince + this.#patience - now
    if (left > 0) {
      this.#idleTimer = setTimeout(this.#lookAtIdle, left)
      return
    }
    const audio = this.#options.pending()
    if (audio.length !== this.#idlePending) {
      // A few bytes more: the source goes on.
      this.#silenceMs = 0
      this.#idle(now)
      return
    }
    const leftInSound = this.#idleSince + PAUSE_IN_SOUND_MS - now
    if (this.#silenceMs === 0 && leftInSound > 0 && !this.#endsQuietly()) {
      this.#idleTimer = setTimeout(this.#lookAtIdle, Math.min(leftInSound, PAUSE_MS))
      return
    }
    // The first frame of silence stands behind the beginning of the next frame, where the source paused within one.
    this.#idleSince = undefined
    this.#silenceMs += this.#options.frameMs
    this.#frame = audio
    this.#session.send(this.#padded(audio), this.#silenceSent)
  }

  readonly #silenceSent = (sent: boolean): void => {
    if (!sent) return
    this.#count(this.#frame!)
    const now = performance.now()
    this.#work(now)
    if (!this.#stopped) this.#next(true, now)
  }

  /** A frame, or its beginning, with silence in place of what is missing and of what was sent ahead. */
  #padded(audio: Buffer): Buffer {
    const { silentFrame } = this.#options
    if (this.#wire !== undefined) return this.#wire(audio.length === 0 ? silentFrame : audio)
    if (this.#ahead === 0 && audio.length === silentFrame.length) return audio
    const frame = Buffer.from(silentFrame)
    audio.copy(frame, this.#ahead, this.#ahead)
    return frame
  }

  #count(audio: Buffer): void {
    const { frameMs, silentFrame } = this.#options
    if (this.#wire !== undefined) {
      if (audio.length === 0) this.#clock.silence(frameMs)
      else this.#clock.audio(frameMs)
      return
    }
    if (this.#ahead === 0 && audio.length === silentFrame.length) {
      this.#clock.audio(frameMs)
      return
    }
    const msPerByte = frameMs / silentFrame.length
    this.#clock.silence(this.#ahead * msPerByte)
    this.#clock.audio((audio.length - this.#ahead) * msPerByte)
    this.#clock.silence((silentFrame.length - audio.length) * msPerByte)
    this.#ahead = audio.length
  }
}

const sendAtOnce = (sender: Sender): void => sender.due()

/** When audio may be sent: an allowance that grows by the clock, so that late timers do not add up. Pure. */
export class Pacer {
  readonly #most: number
  #allowance: number
  #rate: number
  #at: number | undefined

  /** @param allowance - ms of audio that may be sent at once at the start, `most` after a stall. */
  constructor(rate: number, allowance: number, most: number) {
    this.#rate = rate
    this.#allowance = allowance
    this.#most = Math.max(most, allowance)
  }

  /** Changes the rate from `now` on. */
  setRate(rate: number, now: number): void {
    if (rate === this.#rate) return
    this.#grow(now)
    this.#rate = rate
  }

  /** Milliseconds to wait, from `now`, before the next audio may be sent; 0 when it is due or late. */
  delay(now: number): number {
    this.#grow(now)
    return Math.max(0, -this.#allowance / this.#rate)
  }

  /** Tells that audio of `ms` milliseconds has been sent. */
  sent(ms: number): void {
    this.#allowance -= ms
  }

  #grow(now: number): void {
    this.#at ??= now
    this.#allowance = Math.min(this.#most, this.#allowance + (now - this.#at) * this.#rate)
    this.#at = now
  }
}

/** Sends fall on multiples of this, ms: at a thousand streams one timer then serves a hundred of them. */
const TICK_MS = 5

export interface Scheduled {
  due(): void
}

/** Calls many at given times, at most a tick late: one timer for all streams, since waking the process costs most. */
export class SendClock {
  readonly #ticks = new Map<number, Scheduled[]>()
  #armed = Infinity
  #timer: NodeJS.Timeout | undefined

  /** Calls `one` once, at the first tick after `delay` ms. @returns the tick, for `cancel`. */
  schedule(one: Scheduled, delay: number, now: number): number {
    const tick = Math.ceil((now + delay) / TICK_MS)
    const sharing = this.#ticks.get(tick)
    if (sharing === undefined) this.#ticks.set(tick, [one])
    else sharing.push(one)
    if (tick < this.#armed) this.#arm(tick, now)
    return tick
  }

  /** Does not call `one` at this tick, where that has not happened yet. */
  cancel(one: Scheduled, tick: number): void {
    const sharing = this.#ticks.get(tick)
    const index = sharing?.indexOf(one) ?? -1
    if (sharing === undefined || index < 0) return
    sharing.splice(index, 1)
    if (sharing.length > 0) return
    this.#ticks.delete(tick)
    if (this.#ticks.size > 0) return
    clearTimeout(this.#timer)
    this.#armed = Infinity
  }

  #arm(tick: number, now: number): void {
    clearTimeout(this.#timer)
    this.#armed = tick
    this.#timer = setTimeout(this.#fire, Math.max(1, Math.ceil(tick * TICK_MS - now)))
  }

  readonly #fire = (): void => {
    this.#armed = Infinity
    // A timer may come a little before its time.
    const current = Math.floor((performance.now() + 0.1) / TICK_MS)
    const due = [...this.#ticks.keys()].filter((tick) => tick <= current).toSorted((a, b) => a - b)
    try {
      for (const tick of due) {
        const sharing = this.#ticks.get(tick) ?? []
        // One at a time: what one does may cancel another.
        for (let one = sharing.shift(); one !== undefined; one = sharing.shift()) one.due()
        this.#ticks.delete(tick)
      }
    } finally {
      // Also where one has thrown: the streams of others go on.
      if (this.#ticks.size > 0 && this.#armed === Infinity)
        this.#arm(Math.min(...this.#ticks.keys()), performance.now())
    }
  }
}

const sendClock = new SendClock()
