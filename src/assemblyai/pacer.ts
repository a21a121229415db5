/**
 * When audio may be sent: an allowance in ms of audio that grows by the clock, so that late timers do not add up. The
 * caller gives the time, so this is a pure function of what it was told.
 */
export class Pacer {
  readonly #most: number
  #allowance: number
  #rate: number
  #at: number | undefined

  /**
   * @param rate - ms of audio per ms; 1 is real time.
   * @param allowance - ms of audio that may be sent at once at the start, beside the first frame.
   * @param most - ms of audio that may be sent at once after a stall.
   */
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
