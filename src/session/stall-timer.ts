/** A frame that the server has not taken for this long is worth a warning. */
const CONGESTED_MS = 3000

/**
 * Watches waits for a server to read. Nearly all end at once, so one timer looks now and then how old the present is.
 */
export class StallTimer {
  readonly #stallTimeout: number
  readonly #congestedAfter: number
  readonly #congested: () => void
  readonly #stalled: () => void
  /** When the present wait began, in ms of `performance.now()`. */
  #since: number | undefined
  #look: NodeJS.Timeout | undefined
  #stall: NodeJS.Timeout | undefined
  #stopped = false

  /** @param congested - called where a wait is worth a warning, `stalled` where it is longer than `stallTimeout` ms. */
  constructor(stallTimeout: number, congested: () => void, stalled: () => void) {
    this.#stallTimeout = stallTimeout
    this.#congestedAfter = Math.min(CONGESTED_MS, stallTimeout / 2)
    this.#congested = congested
    this.#stalled = stalled
  }

  begin(): void {
    if (this.#stopped) return
    this.#since = performance.now()
    this.#look ??= setTimeout(this.#lookAtWait, this.#congestedAfter)
  }

  end(): void {
    this.#since = undefined
    clearTimeout(this.#stall)
    this.#stall = undefined
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#look)
    this.end()
  }

  readonly #lookAtWait = (): void => {
    this.#look = undefined
    if (this.#since === undefined) return
    const left = this.#congestedAfter - (performance.now() - this.#since)
    if (left > 0) {
      this.#look = setTimeout(this.#lookAtWait, left)
      return
    }
    this.#stall = setTimeout(this.#stalled, this.#stallTimeout - this.#congestedAfter)
    this.#congested()
  }
}
