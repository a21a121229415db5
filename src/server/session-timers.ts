/** Milliseconds between two `Heartbeat` messages. */
const HEARTBEAT_INTERVAL = 5000

/** What happens when time passes in a session. */
export interface SessionTimersListener {
  heartbeat(): void
  /** No message came for as long as allowed. */
  inactive(): void
  /** The session has lasted as long as allowed. */
  expired(): void
}

/** The clocks of one session. None of them keeps the process alive. */
export class SessionTimers {
  readonly #listener: SessionTimersListener
  #heartbeat: NodeJS.Timeout | undefined
  #inactivity: NodeJS.Timeout | undefined
  #expiry: NodeJS.Timeout | undefined

  constructor(listener: SessionTimersListener) {
    this.#listener = listener
  }

  /** Ends the session at `time`, in Unix milliseconds, and never before it. */
  expireAt(time: number): void {
    const left = time - Date.now()
    if (left <= 0) return this.#listener.expired()
    // Timers may fire a little early by the clock of the day, and that clock may be set back.
    this.#expiry = setTimeout(() => this.expireAt(time), left).unref()
  }

  /** Turns heartbeats on or off; on when they are on changes nothing. */
  setHeartbeat(on: boolean): void {
    if (on && this.#heartbeat === undefined) {
      this.#heartbeat = setInterval(() => this.#listener.heartbeat(), HEARTBEAT_INTERVAL).unref()
    } else if (!on) {
      clearInterval(this.#heartbeat)
      this.#heartbeat = undefined
    }
  }

  /** Starts to count silence of the client from now; `undefined` stops counting. */
  expectMessageWithin(ms: number | undefined): void {
    clearTimeout(this.#inactivity)
    this.#inactivity = ms === undefined ? undefined : setTimeout(() => this.#listener.inactive(), ms).unref()
  }

  /** A message came. */
  touch(): void {
    this.#inactivity?.refresh()
  }

  stop(): void {
    clearTimeout(this.#expiry)
    clearInterval(this.#heartbeat)
    clearTimeout(this.#inactivity)
    this.#expiry = this.#heartbeat = this.#inactivity = undefined
  }
}
