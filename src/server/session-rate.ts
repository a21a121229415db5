const MINUTE = 60_000

/** Counts sessions begun within the last minute, against a limit. */
export class SessionRate {
  readonly #limit: number
  #begun: number[] = []

  /** @param limit - sessions that may begin within any 60 s; `Infinity` for no limit. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Whether one more session may begin at `now` (ms of any steady clock); if so, it counts. */
  admit(now: number): boolean {
    if (this.#limit === Infinity) return true
    this.#begun = this.#begun.filter((at) => at > now - MINUTE)
    if (this.#begun.length >= this.#limit) return false
    this.#begun.push(now)
    return true
  }
}
