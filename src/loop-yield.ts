/** Steps that are taken before everything else in the process gets its turn: 6.4 s of 16 kHz mono in pieces of 3200 bytes. */
const STEPS = 64

/**
 * Stops a loop now and then. One that makes silence for a reader that takes all it gets would else run through hours of it
 * while no timer, signal or socket of the process is served.
 */
export class LoopYield {
  readonly #resume: () => void
  #steps = 0
  #waiting: NodeJS.Immediate | undefined

  /** @param resume - called when the loop is to go on. */
  constructor(resume: () => void) {
    this.#resume = resume
  }

  /** Whether a step may be taken now; where not, the loop ends here and is resumed. */
  take(): boolean {
    if (this.#waiting !== undefined) return false
    this.#steps += 1
    if (this.#steps <= STEPS) return true
    this.#waiting = setImmediate(() => {
      this.stop()
      this.#resume()
    })
    return false
  }

  /** The loop is not resumed. */
  stop(): void {
    clearImmediate(this.#waiting)
    this.#waiting = undefined
    this.#steps = 0
  }
}
