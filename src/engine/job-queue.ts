/** Runs jobs one after another in the order they came. */
export class JobQueue {
  readonly #onError: (error: unknown) => void
  #jobs: { run: () => void | Promise<void>; done: () => void }[] = []
  #working = false
  #running: Promise<void> | undefined
  closed = false

  /** `onError` is told the first error of a job; the queue is closed by then. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  /** Resolves when `run` has ended, or at once where the queue is or becomes closed. */
  add(run: () => void | Promise<void>): Promise<void> {
    if (this.closed) return Promise.resolve()
    return new Promise((done) => {
      this.#jobs.push({ run, done })
      // Asked by a flag, which falls together with the last job: whoever waited for that job may add one at once, and a
      // promise of the work would settle only after that.
      if (!this.#working) this.#running = this.#work()
    })
  }

  /** Drops the jobs that have not begun; resolves when the one under way has ended. */
  async close(): Promise<void> {
    this.closed = true
    for (const job of this.#jobs.splice(0)) job.done()
    await this.#running
  }

  async #work(): Promise<void> {
    this.#working = true
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      try {
        await job.run()
      } catch (error) {
        if (!this.closed) {
          void this.close()
          this.#onError(error)
        }
      }
      job.done()
    }
    this.#working = false
  }
}
