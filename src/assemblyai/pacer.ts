/**
 * When the next audio may be sent, by an absolute clock: chained timers drift (60 frames in 3020 ms), a schedule counted
 * from the first frame does not. All values in milliseconds; the caller gives the time, so this is a pure function of
 * what it was told.
 */
export class Pacer {
  readonly #catchUp: number
  #start: number | undefined
  #sent = 0

  /** @param catchUp - the most milliseconds of audio that may be sent in one burst after a stall. */
  constructor(catchUp: number) {
    this.#catchUp = catchUp
  }

  /** Milliseconds to wait, from `now`, before the next audio may be sent; 0 when it is due or late. */
  delay(now: number): number {
    this.#start ??= now
    const late = now - (this.#start + this.#sent)
    // A longer stall moves the schedule: sent at once, all that was missed would reach the server as a dump.
    if (late > this.#catchUp) this.#start += late - this.#catchUp
    return Math.max(0, -late)
  }

  /** Tells that audio of `ms` milliseconds has been sent. */
  sent(ms: number): void {
    this.#sent += ms
  }
}
