/**
 * Cuts a byte stream at block boundaries: chunks come in at any length, whole blocks go out, and what is left of a
 * block waits for the next chunk.
 */
export class BlockAligner {
  readonly #blockBytes: number
  #carry: Buffer = Buffer.alloc(0)

  /** @param blockBytes - Bytes of one sample of every channel. */
  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes
  }

  /** Bytes of an unfinished block that are held; at the end of the stream these are lost. */
  get heldBytes(): number {
    return this.#carry.length
  }

  /** All whole blocks so far; empty when there is none. Copies only when the chunks are not aligned. */
  push(chunk: Buffer): Buffer {
    if (this.#carry.length === 0 && chunk.length % this.#blockBytes === 0) return chunk
    const bytes = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk])
    const whole = bytes.length - (bytes.length % this.#blockBytes)
    // The carry is copied, or a few bytes of it would keep a large chunk in memory and follow later changes to it.
    this.#carry = Buffer.from(bytes.subarray(whole))
    return bytes.subarray(0, whole)
  }
}
