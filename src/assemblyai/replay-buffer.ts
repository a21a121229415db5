/**
 * The audio that may be needed again: frames of one length, numbered from the first of the stream. All times in ms of
 * the stream.
 */
export class ReplayBuffer {
  readonly #frameMs: number
  #frames: (Buffer | undefined)[] = []
  /** Position in `#frames` of the first frame that is kept. */
  #head = 0
  #first = 0

  /** @param frameMs - length of a frame; may be fractional. */
  constructor(frameMs: number) {
    this.#frameMs = frameMs
  }

  /** Number of the first frame that is kept. */
  get first(): number {
    return this.#first
  }

  /** Number that the next frame will have. */
  get next(): number {
    return this.#first + this.#frames.length - this.#head
  }

  push(frame: Buffer): void {
    this.#frames.push(frame)
  }

  /** The frame with this number, if it is kept. */
  get(number: number): Buffer | undefined {
    return number < this.#first ? undefined : this.#frames[this.#head + number - this.#first]
  }

  /** Forgets all frames before number `number`. */
  dropBefore(number: number): void {
    const end = Math.min(number, this.next)
    while (this.#first < end) {
      this.#frames[this.#head] = undefined
      this.#head += 1
      this.#first += 1
    }
    // Moving the rest down only now and then keeps a week-long stream linear.
    if (this.#head > 256 && this.#head * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#head)
      this.#head = 0
    }
  }

  /** Number of the frame that holds millisecond `ms`. */
  frameAt(ms: number): number {
    return Math.max(0, Math.floor(ms / this.#frameMs))
  }

  /** Ms at which the frame with this number begins. */
  msAt(number: number): number {
    return Math.round(number * this.#frameMs)
  }
}
