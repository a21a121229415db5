import { declaredLength } from './file-kinds.ts'
import { headLimit } from '../probe.ts'
import { tagLength } from './frames.ts'

/**
 * Bytes that an input will have by its own header, which may come in pieces, and behind tags: of a tag with a picture no more than its
 * length is looked at.
 */
export class DeclaredLength {
  /** What has come behind the tags; `undefined` once no more is to be learnt. */
  #head: Buffer | undefined = Buffer.alloc(0)
  /** Bytes of tags, and those of them that are still to come. */
  #tags = 0
  #skip = 0
  #length: number | undefined

  /** `undefined` where the input does not say, or has not yet. */
  get length(): number | undefined {
    return this.#length
  }

  push(bytes: Buffer): void {
    if (this.#head === undefined) return
    const skipped = Math.min(this.#skip, bytes.length)
    this.#skip -= skipped
    let head = Buffer.concat([this.#head, bytes.subarray(skipped)])
    let tag = tagLength(head)
    while (tag !== undefined && tag > 0) {
      this.#tags += tag
      this.#skip = Math.max(0, tag - head.length)
      head = head.subarray(tag)
      tag = tagLength(head)
    }
    this.#head = head
    if (tag === undefined || this.#skip > 0) return
    const length = declaredLength(head)
    if (length === undefined && head.length < headLimit) return
    if (length !== undefined) this.#length = this.#tags + length
    this.#head = undefined
  }
}
