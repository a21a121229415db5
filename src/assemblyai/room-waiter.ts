/** How often a source that is held back is looked at again. */
const RECHECK_MS = 1000

/** Holds a source back until there is room for what it gives; one wait at a time. */
export class RoomWaiter {
  readonly #hasRoom: () => boolean
  readonly #makeRoom: () => void
  #go: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  /**
   * @param hasRoom - whether the source may go on.
   * @param makeRoom - called now and then, since what a server has heard grows with time alone.
   */
  constructor(hasRoom: () => boolean, makeRoom: () => void) {
    this.#hasRoom = hasRoom
    this.#makeRoom = makeRoom
  }

  /** Resolves when there is room; `undefined` where there is. */
  wait(): Promise<void> | undefined {
    if (this.#hasRoom()) return undefined
    // One timer for all waits: there is one with nearly every frame, and each is short.
    if (!this.#stopped) this.#timer ??= setTimeout(this.#recheck, RECHECK_MS)
    return new Promise((resolve) => (this.#go = resolve))
  }

  /** There may be room now. */
  look(): void {
    if (this.#go === undefined || !this.#hasRoom()) return
    const go = this.#go
    this.#go = undefined
    go()
  }

  /** There will be no more to wait for. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  readonly #recheck = (): void => {
    this.#timer = undefined
    if (this.#go === undefined) return
    this.#makeRoom()
    this.look()
    if (this.#go !== undefined && !this.#stopped) this.#timer = setTimeout(this.#recheck, RECHECK_MS)
  }
}
