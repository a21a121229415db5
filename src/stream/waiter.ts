const MOST_MS = 2 ** 31 - 1

/** Waits for conditions on a state: whoever changes it says so, and whoever waits looks again. */
export class Waiter {
  readonly #waiting = new Set<() => void>()

  /** Something may have become true. */
  changed(): void {
    for (const look of this.#waiting) look()
  }

  /** Resolves with whether `condition` came to hold within `ms`. */
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
