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

  /**
   * Notes that audio up to `position`, in ms from the first sample, had arrived at `now`.
   *
   * @returns by how much the origin has moved to an earlier time.
   */
  note(now: number, position: number): number {
    const before = this.#origin
    this.#origin = Math.min(before, now - position)
    return before === Infinity ? 0 : before - this.#origin
  }
}
