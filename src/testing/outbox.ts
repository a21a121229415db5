/** What a faulty server is about to send: in order, at once, or late, or held back. */
export class Outbox {
  #waiting: { at: number; send: () => void }[] = []
  #delay = 0
  #state: 'open' | 'held' | 'closed' = 'open'
  #timer: NodeJS.Timeout | undefined

  /** From now on everything goes out `ms` late. */
  delayBy(ms: number): void {
    this.#delay = ms
  }

  /** Lines something up to be sent. */
  add(send: () => void): void {
    if (this.#state === 'closed') return
    this.#waiting.push({ at: performance.now() + this.#delay, send })
    this.#pump()
  }

  /** Holds everything back. */
  hold(): void {
    if (this.#state === 'open') this.#state = 'held'
  }

  /** Sends what was held back. */
  release(): void {
    if (this.#state === 'held') this.#state = 'open'
    this.#pump()
  }

  /** Forgets what waits, and whatever is added. */
  close(): void {
    this.#state = 'closed'
    this.#waiting = []
    clearTimeout(this.#timer)
  }

  #pump(): void {
    clearTimeout(this.#timer)
    for (let [first] = this.#waiting; first !== undefined && this.#state === 'open'; [first] = this.#waiting) {
      const left = first.at - performance.now()
      if (left > 0) {
        this.#timer = setTimeout(() => this.#pump(), left)
        return
      }
      this.#waiting.shift()
      first.send()
    }
  }
}
