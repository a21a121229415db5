interface Job {
  weight: number
  run: () => void | Promise<void>
  done: () => void
}

/**
 * Runs jobs one after another in the order they came. Jobs have a weight; `room()` waits while the jobs that have not
 * finished weigh more than `limit`.
 */
export class JobQueue {
  readonly #limit: number
  readonly #onError: (error: unknown) => void
  #jobs: Job[] = []
  #weight = 0
  #waiting: (() => void)[] = []
  #working = false
  #running: Promise<void> | undefined
  #closed = false

  /** `onError` is told the first error of a job; the queue is closed by then. */
  constructor(limit: number, onError: (error: unknown) => void) {
    this.#limit = limit
    this.#onError = onError
  }

  /** Whether no job runs any more. */
  get closed(): boolean {
    return this.#closed
  }

  /** Resolves when `run` has ended, or at once where the queue is or becomes closed. */
  add(run: () => void | Promise<void>, weight = 0): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((done) => {
      this.#jobs.push({ run, weight, done })
      this.#weight += weight
      // Asked by a flag, which falls together with the last job: whoever waited for that job may add one at once, and a
      // promise of the work would settle only after that.
      if (!this.#working) this.#running = this.#work()
    })
  }

  /** Resolves once the jobs that have not finished weigh no more than the limit. */
  async room(): Promise<void> {
    while (this.#weight > this.#limit && !this.#closed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Drops the jobs that have not begun; resolves when the one under way has ended. */
  async close(): Promise<void> {
    this.#closed = true
    for (const job of this.#jobs.splice(0)) job.done()
    this.#wake()
    await this.#running
  }

  async #work(): Promise<void> {
    this.#working = true
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      try {
        await job.run()
      } catch (error) {
        if (!this.#closed) {
          void this.close()
          this.#onError(error)
        }
      }
      this.#weight -= job.weight
      job.done()
      this.#wake()
    }
    this.#working = false
  }

  #wake(): void {
    if (this.#weight <= this.#limit || this.#closed) for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
