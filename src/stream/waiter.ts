const MOST_MS = 2 ** 31 - 1

/**
 * Waits for conditions on a state that many things change: each of them says that something has changed, and whoever
 * waits looks again. Conditions must be cheap.
 */
export class Waiter {
  readonly #waiting = new Set<() => void>()

  /** Something may have become true. */
  changed(): void {
    for (const look of this.#waiting) look()
  }

  /**
   * Resolves with `true` as soon as `condition` holds, at once where it already does; with `false` where it does not
   * hold within `ms` milliseconds.
   */
  until(condition: () => boolean, ms = Infinity): Promise<boolean> {
    if (condition()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const finish = (met: boolean): void => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve(met)
      }
      const look = (): void => {
        if (condition()) finish(true)
      }
      const timer = ms === Infinity ? undefined : setTimeout(() => finish(false), Math.min(Math.max(0, ms), MOST_MS))
      this.#waiting.add(look)
    })
  }
  /** Resolves as soon as `condition` holds; until then calls `look` every `ms` milliseconds, which may make it true. */
  async poll(condition: () => boolean, ms: number, look: () => void): Promise<void> {
    while (!(await this.until(condition, ms))) look()
  }
}
