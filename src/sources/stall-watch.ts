/** What a {@link StallWatch} asks. Times in ms. */
export interface StallWatchHost {
  now: () => number
  /** How long nothing may come. */
  limit: () => number
  /** Whether anything is awaited. */
  awaited: () => boolean
  /** Called when nothing has come for `limit` though it was awaited. */
  stalled: (limit: number) => void
}

/** Sees to it that something that gives nothing, though somebody wants it, is given up. */
export class StallWatch {
  readonly #host: StallWatchHost
  #since = 0
  #timer: NodeJS.Timeout | undefined
  #late: NodeJS.Immediate | undefined

  constructor(host: StallWatchHost) {
    this.#host = host
  }

  /** Something has come, or is awaited from now on. */
  touch(): void {
    this.#since = this.#host.now()
  }

  /** Begins to watch. */
  start(): void {
    const { now, limit, awaited } = this.#host
    const rest = awaited() ? this.#since + limit() - now() : limit() / 4
    this.stop()
    this.#timer = setTimeout(
      () => {
        if (rest > 0) this.start()
        // After a pause of this whole process what is awaited may be there, unread.
        else this.#late = setImmediate(() => this.#check())
      },
      Math.max(0, rest),
    )
  }

  stop(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#late)
  }

  #check(): void {
    const limit = this.#host.limit()
    if (!this.#host.awaited() || this.#host.now() - this.#since < limit) this.start()
    else this.#host.stalled(limit)
  }
}
