import type { Lack } from './ogg-end.ts'
import { beginsOther, type FileKind, isSoundElement, kindHeadBytes, kindOf } from './file-kinds.ts'

/**
 * Finds out whether an MP4 or a Matroska, whose bytes come in any pieces, ends within an element that holds sound, which FFmpeg takes
 * for a shorter one, and where a file of another kind begins behind its elements, which FFmpeg leaves out.
 */
export class ElementsEnd {
  /** Bytes that have come, and those before the next element. */
  #received = 0
  #next = 0
  /** The beginning of the element at hand, as far as it has come. */
  #head: Buffer = Buffer.alloc(0)
  #kind: FileKind | undefined
  #isSound = false
  /** Whether it cannot be told where elements begin. */
  #isLost = false

  /** The bytes of a file of another kind that has begun, from its beginning: a few of them may have come before `chunk`. */
  push(chunk: Buffer): Buffer | undefined {
    const before = this.#received
    this.#received += chunk.length
    while (!this.#isLost && this.#next < this.#received) {
      const from = this.#next + this.#head.length - before
      this.#head = Buffer.concat([this.#head, chunk.subarray(from, from + kindHeadBytes - this.#head.length)])
      if (this.#head.length < kindHeadBytes) return undefined
      if (this.#next > 0 && this.#kind !== undefined && beginsOther(this.#head, this.#kind)) {
        const other = Buffer.concat([this.#head, chunk.subarray(this.#next + kindHeadBytes - before)])
        this.#isLost = true
        return other
      }
      const length = this.#follow(this.#head)
      // What is shorter than a head has the beginning of the next one in it.
      this.#head = this.#head.subarray(Math.min(length, kindHeadBytes))
    }
    return undefined
  }

  /** What is lacking of the sound in all that has come; what comes next is another file. */
  end(): Lack | undefined {
    const missing = this.#isSound && !this.#isLost ? this.#next - this.#received : 0
    this.#received = this.#next = 0
    this.#head = Buffer.alloc(0)
    this.#kind = undefined
    this.#isSound = this.#isLost = false
    return missing > 0 ? { missing } : undefined
  }

  /** Returns how long the element is. */
  #follow(head: Buffer): number {
    if (this.#next === 0) this.#kind = kindOf(head)
    const length = this.#kind?.lengthOf?.(head, this.#next) ?? 0
    this.#isLost = length <= 0 || !Number.isFinite(length)
    this.#isSound = isSoundElement(head)
    this.#next += length
    return length
  }
}
