/** A frame that the socket has not taken for this long is worth a warning. */
const CONGESTED_MS = 3000

/** What a {@link PeerPatience} calls. */
export interface PeerPatienceListener {
  /** Something has waited long enough to say so. */
  congested(): void
  /** Something has waited too long. */
  stalled(): void
}

/**
 * Watches waits for something that only a peer that reads can bring about. Such a wait begins with every frame and nearly
 * always ends at once, so none sets a timer of its own: one looks, now and then, how old the present wait is.
 */
export class PeerPatience {
  readonly #stallTimeout: number
  readonly #congestedAfter: number
  readonly #listener: PeerPatienceListener
  #waits = 0
  /** When the oldest wait began, in ms of `performance.now()`. */
  #since = 0
  #look: NodeJS.Timeout | undefined
  #stall: NodeJS.Timeout | undefined
  #stopped = false

  /** @param stallTimeout - longest wait in ms. */
  constructor(stallTimeout: number, listener: PeerPatienceListener) {
    this.#stallTimeout = stallTimeout
    this.#congestedAfter = Math.min(CONGESTED_MS, stallTimeout / 2)
    this.#listener = listener
  }

  /** A wait begins. */
  begin(): void {
    if (this.#stopped) return
    this.#waits += 1
    if (this.#waits > 1) return
    this.#since = performance.now()
    this.#look ??= setTimeout(this.#lookAtWait, this.#congestedAfter)
  }

  /** A wait is over. */
  end(): void {
    this.#waits -= 1
    if (this.#stall === undefined) return
    clearTimeout(this.#stall)
    this.#stall = undefined
  }

  /** No wait matters any more. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#look)
    clearTimeout(this.#stall)
  }

  readonly #lookAtWait = (): void => {
    this.#look = undefined
    if (this.#waits === 0) return
    const left = this.#congestedAfter - (performance.now() - this.#since)
    if (left > 0) {
      this.#look = setTimeout(this.#lookAtWait, left)
      return
    }
    this.#stall = setTimeout(() => this.#listener.stalled(), this.#stallTimeout - this.#congestedAfter)
    this.#listener.congested()
  }
}
