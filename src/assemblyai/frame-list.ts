/** Frames in order, of which the oldest are dropped. Positions count from the oldest that is kept. */
export interface Frames {
  readonly length: number
  push(frame: Buffer): void
  /** The frame at this position, if there is one; good for as long as it is kept. */
  at(position: number): Buffer | undefined
  /** Drops so many of the oldest; there must be as many. */
  drop(count: number): void
}

/** Keeps the frames that it is given. */
export class FrameList implements Frames {
  #frames: (Buffer | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#frames.length - this.#head
  }

  push(frame: Buffer): void {
    this.#frames.push(frame)
  }

  at(position: number): Buffer | undefined {
    return this.#frames[this.#head + position]
  }

  drop(count: number): void {
    this.#frames.fill(undefined, this.#head, this.#head + count)
    this.#head += count
    // Moving the rest down only now and then keeps a week-long stream linear.
    if (this.#head > 256 && this.#head * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#head)
      this.#head = 0
    }
  }
}
