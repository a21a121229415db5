/** Sends fall on multiples of this, ms: at a thousand streams one timer then serves a hundred of them. */
const TICK_MS = 5

/** What waits for its time. */
export interface Sleeper {
  /** It is time. */
  due(): void
}

/**
 * Wakes many sleepers at given times, never before them and at most a tick after. All streams of a process share one: to
 * wake the process costs as much as what is done then, so that what is due at about the same time is done together.
 */
export class SendClock {
  readonly #ticks = new Map<number, Sleeper[]>()
  #armed = Infinity
  #timer: NodeJS.Timeout | undefined

  /**
   * Wakes `sleeper` at the first tick that is not before `delay` ms from `now`, once.
   *
   * @param now - what `performance.now()` says.
   * @returns the number of the tick, for `cancel`.
   */
  wake(sleeper: Sleeper, delay: number, now: number): number {
    const tick = Math.ceil((now + delay) / TICK_MS)
    const sharing = this.#ticks.get(tick)
    if (sharing === undefined) this.#ticks.set(tick, [sleeper])
    else sharing.push(sleeper)
    if (tick < this.#armed) this.#arm(tick, now)
    return tick
  }

  /** Does not wake `sleeper` at this tick, where that has not happened yet. */
  cancel(sleeper: Sleeper, tick: number): void {
    const sharing = this.#ticks.get(tick)
    const index = sharing?.indexOf(sleeper) ?? -1
    if (sharing === undefined || index < 0) return
    sharing.splice(index, 1)
    if (sharing.length > 0) return
    this.#ticks.delete(tick)
    if (this.#ticks.size > 0) return
    clearTimeout(this.#timer)
    this.#armed = Infinity
  }

  #arm(tick: number, now: number): void {
    clearTimeout(this.#timer)
    this.#armed = tick
    this.#timer = setTimeout(this.#strike, Math.max(1, Math.ceil(tick * TICK_MS - now)))
  }

  readonly #strike = (): void => {
    this.#armed = Infinity
    // A timer may come a little before its time.
    const current = Math.floor((performance.now() + 0.1) / TICK_MS)
    const due = [...this.#ticks.keys()].filter((tick) => tick <= current).toSorted((a, b) => a - b)
    try {
      for (const tick of due) {
        const sleepers = this.#ticks.get(tick) ?? []
        // One at a time: what one does may cancel another.
        for (let sleeper = sleepers.shift(); sleeper !== undefined; sleeper = sleepers.shift()) sleeper.due()
        this.#ticks.delete(tick)
      }
    } finally {
      // Also where one has thrown: the streams of others go on.
      if (this.#ticks.size > 0 && this.#armed === Infinity)
        this.#arm(Math.min(...this.#ticks.keys()), performance.now())
    }
  }
}

/** The clock of this process. */
export const sendClock = new SendClock()
