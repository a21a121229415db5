/** Readings of a list by which it is known how late it usually is. */
const RECENT = 5

/** How much less late a list becomes in a ms where its lengths are longer than its segments; more is no such error. */
const DRIFT = 0.005

/**
 * Tells how much later than usual a live playlist lists its segments: as late as its source was away. All times in ms.
 *
 * Lengths are rounded, and the errors of weeks are longer than any outage: so what counts is how late it was lately. What
 * was listed ahead of its time, as an advert is, is followed by a pause, and changes nothing.
 */
export class Lateness {
  readonly #recent: number[] = []
  #usual = -Infinity
  #notedAt = 0

  /** How much later than usual segments up to `position` are there at `now`; negative where they are earlier. */
  of(now: number, position: number): number {
    return this.#recent.length === 0 ? 0 : now - position - this.#usual
  }

  /** Notes that segments up to `position` were there at `now`, and what was lost of them counted. */
  note(now: number, position: number): void {
    const isKnown = this.#recent.length === RECENT
    this.#recent.push(now - position)
    if (isKnown) this.#recent.shift()
    const least = Math.min(...this.#recent)
    this.#usual = isKnown ? Math.max(least, this.#usual - DRIFT * (now - this.#notedAt)) : least
    this.#notedAt = now
  }
}
