/** By so much, in ms, the clock of the day differs from what it said before where somebody has set it. */
const SET_MS = 100

/**
 * A moment that is told by the clock of the day as that is set when it is asked. It may be set by days meanwhile, as where a small
 * computer without a battery gets the time from the network some time after it began; the clock that the moment is kept by never
 * is.
 */
export class Moment {
  readonly #at: number
  readonly #now: () => number
  #wall: number

  /**
   * @param wall - what the clock of the day says of it at present, ms of the epoch.
   * @param now - ms of a clock that is never set.
   */
  constructor(wall: number, now: () => number = () => performance.now()) {
    this.#now = now
    this.#wall = wall
    this.#at = now() - (Date.now() - wall)
  }

  /** What the clock of the day says of it at present, ms of the epoch: always the same while nobody sets that. */
  get wall(): number {
    const wall = Math.round(Date.now() - (this.#now() - this.#at))
    if (Math.abs(wall - this.#wall) >= SET_MS) this.#wall = wall
    return this.#wall
  }
}
