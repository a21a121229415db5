const EMPTY = Buffer.alloc(0)

/** Cuts a byte stream into frames of one length. Frames that lie whole within a chunk are views of it, not copies. */
export class Framer {
  readonly #frameBytes: number
  readonly #silence: number
  /** The frame being filled, and how far it is. */
  #partial: Buffer | undefined
  #filled = 0

  /** @param silence - pads the last frame: `silenceByte` of the encoding. */
  constructor(frameBytes: number, silence = 0) {
    this.#frameBytes = frameBytes
    this.#silence = silence
  }

  /** The frames that `chunk` completes, in order; may be none. */
  push(chunk: Buffer): Buffer[] {
    if (this.#partial === undefined && chunk.length === this.#frameBytes) return [chunk]
    const frames: Buffer[] = []
    let at = 0
    if (this.#partial !== undefined) {
      at = chunk.copy(this.#partial, this.#filled)
      this.#filled += at
      if (this.#filled < this.#frameBytes) return frames
      frames.push(this.#partial)
      this.#partial = undefined
    }
    for (; at + this.#frameBytes <= chunk.length; at += this.#frameBytes) {
      frames.push(chunk.subarray(at, at + this.#frameBytes))
    }
    if (at < chunk.length) {
      this.#partial = Buffer.allocUnsafe(this.#frameBytes)
      this.#filled = chunk.copy(this.#partial, 0, at)
    }
    return frames
  }

  get pending(): Buffer {
    return this.#partial?.subarray(0, this.#filled) ?? EMPTY
  }

  /** The last, unfinished frame, padded with silence; `undefined` when there is none. After it the framer is as new. */
  flush(): Buffer | undefined {
    const last = this.#partial?.fill(this.#silence, this.#filled)
    this.#partial = undefined
    return last
  }
}

/** Cuts a byte stream at block boundaries; the rest of a block waits for the next chunk. */
export class BlockAligner {
  readonly #blockBytes: number
  #carry: Buffer = Buffer.alloc(0)

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
