import type { StateWaiter } from './state-waiter.ts'

/** How often a source that is held back is looked at again. */
const RECHECK_MS = 1000

/** Holds a source back until there is room for what it gives; one wait at a time. */
export class RoomWaiter {
  readonly #state: StateWaiter
  readonly #lookAgain: () => void
  #waiting = false
  #timer: NodeJS.Timeout | undefined

  /** @param makeRoom - called now and then, since what a server has heard grows with time alone. */
  constructor(state: StateWaiter, makeRoom: () => void) {
    this.#state = state
    this.#lookAgain = () => {
      if (!this.#waiting) return
      makeRoom()
      state.changed()
      this.#timer?.refresh()
    }
  }

  /** Resolves when `hasRoom` holds. */
  async wait(hasRoom: () => boolean): Promise<void> {
    // One timer for all waits: there is one with every frame, and nearly every one is short.
    if (this.#timer === undefined) this.#timer = setTimeout(this.#lookAgain, RECHECK_MS)
    else this.#timer.refresh()
    this.#waiting = true
    await this.#state.until(hasRoom)
    this.#waiting = false
  }

  /** There will be no more to wait for. */
  stop(): void {
    clearTimeout(this.#timer)
  }
}
