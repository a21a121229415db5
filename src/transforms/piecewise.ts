import { Transform, type TransformCallback, type TransformOptions } from 'node:stream'
import { takesBytes } from '../stream-helpers.ts'

/** A transform that stops between outputs while whoever reads is full, so that no chunk overfills it. */
export abstract class PiecewiseTransform extends Transform {
  #resume: (() => void) | undefined

  /** The outputs for `chunk`, made one at a time as they are wanted; empty ones are dropped. What it throws ends the stream. */
  protected abstract pieces(chunk: Buffer): Iterable<Buffer>

  protected abstract lastPieces(): Iterable<Buffer>

  /** The bytes that a user means by what was written; what it throws ends the stream. */
  protected bytesOf(chunk: unknown): Buffer {
    return chunk as Buffer
  }

  constructor(options: TransformOptions) {
    super(options)
    takesBytes(this, (chunk) => this.bytesOf(chunk))
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.#pushAll(this.pieces(chunk)[Symbol.iterator](), callback)
  }

  override _flush(callback: TransformCallback): void {
    this.#pushAll(this.lastPieces()[Symbol.iterator](), callback)
  }

  override _read(size: number): void {
    const resume = this.#resume
    this.#resume = undefined
    resume?.()
    // The resumed chunk may end without a further output. Node then keeps the writer's callback for the next read, which
    // never comes while this one has brought nothing: it must be called back here.
    super._read(size)
  }

  #pushAll(pieces: Iterator<Buffer>, callback: TransformCallback): void {
    try {
      for (let next = pieces.next(); !next.done; next = pieces.next()) {
        if (next.value.length > 0 && !this.push(next.value)) {
          this.#resume = () => this.#pushAll(pieces, callback)
          return
        }
        // A listener of what was just pushed may have ended it all.
        if (this.destroyed) return
      }
    } catch (error) {
      callback(error instanceof Error ? error : new Error(String(error)))
      return
    }
    callback()
  }
}
