import type { Frames } from './frame-list.ts'

/** Frames in one piece of memory. */
const SLAB_FRAMES = 32

/**
 * Keeps copies of the frames that it is given, which must be of one length, many in one piece of memory. A live source
 * makes each chunk anew, and thousands of small objects that live for seconds are what a garbage collector is slowest at:
 * at 500 streams they made it stop the process for 10 ms, three times a second.
 */
export class FrameSlabs implements Frames {
  /** Oldest first. */
  readonly #slabs: Buffer[] = []
  /** One that holds nothing any more; the next will need as much. */
  #spare: Buffer | undefined
  #frameBytes = 0
  /** Position of the oldest frame in the first slab, and of the next one. */
  #head = 0
  #end = 0

  get length(): number {
    return this.#end - this.#head
  }

  push(frame: Buffer): void {
    this.#frameBytes ||= frame.length
    const index = this.#end % SLAB_FRAMES
    if (this.#end === this.#slabs.length * SLAB_FRAMES) {
      this.#slabs.push(this.#spare ?? Buffer.allocUnsafeSlow(SLAB_FRAMES * this.#frameBytes))
      this.#spare = undefined
    }
    frame.copy(this.#slabs.at(-1)!, index * this.#frameBytes)
    this.#end += 1
  }

  at(position: number): Buffer | undefined {
    if (position < 0 || position >= this.length) return undefined
    const place = this.#head + position
    const start = (place % SLAB_FRAMES) * this.#frameBytes
    return this.#slabs[Math.floor(place / SLAB_FRAMES)]?.subarray(start, start + this.#frameBytes)
  }

  drop(count: number): void {
    this.#head += count
    while (this.#head >= SLAB_FRAMES) {
      this.#spare = this.#slabs.shift()
      this.#head -= SLAB_FRAMES
      this.#end -= SLAB_FRAMES
    }
  }
}
