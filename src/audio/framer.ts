const EMPTY = Buffer.alloc(0)

/**
 * Cuts a byte stream into frames of one length. Frames that lie whole within a chunk are views of it, not copies.
 */
export class Framer {
  readonly #frameBytes: number
  readonly #silence: number
  /** The frame being filled, and how far it is. */
  #partial: Buffer | undefined
  #filled = 0

  /**
   * @param frameBytes - Length of every frame, in bytes.
   * @param silence - Byte that pads the last frame: `silenceByte` of the encoding.
   */
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

  /** What there is of the unfinished frame. */
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
