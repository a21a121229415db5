import { Transform, type TransformCallback, type TransformOptions } from 'node:stream'
import { InputError } from '../errors.ts'
import { liveSource, onUpstream, relayEvents, streamStartedAt, type UpstreamStage } from '../stage.ts'
import { abortBy, takesBytes, toError } from '../stream-helpers.ts'

/** A transform that stops between outputs while whoever reads is full, so that no chunk overfills it. */
export abstract class PiecewiseTransform extends Transform {
  /** What is piped in, whose facts count below as well. */
  protected upstream: UpstreamStage | undefined
  #resume: (() => void) | undefined

  /** Loads what makes outputs, before there is any input. */
  protected abstract load(): Promise<void>

  /** The outputs for `chunk`, made one at a time as they are wanted; empty ones are dropped. What it throws ends the stream. */
  protected abstract pieces(chunk: Buffer): Iterable<Buffer>

  protected abstract lastPieces(): Iterable<Buffer>

  /** The bytes that a user means by what was written; what it throws ends the stream. */
  protected bytesOf(chunk: unknown): Buffer {
    return chunk as Buffer
  }

  constructor({ signal, ...options }: TransformOptions) {
    super(options)
    abortBy(signal, this)
    takesBytes(this, (chunk) => this.bytesOf(chunk))
    relayEvents(this)
    onUpstream(this, (upstream) => this.adopt(upstream))
  }

  override _construct(callback: TransformCallback): void {
    this.load().then(() => callback(), callback)
  }

  protected adopt(upstream: UpstreamStage): void {
    this.upstream ??= upstream
  }

  /** Whether the audio cannot be held back, as the stage above says. */
  get [liveSource](): boolean | undefined {
    return this.upstream?.[liveSource]
  }

  get [streamStartedAt](): Date | undefined {
    return this.upstream?.[streamStartedAt]
  }

  /** The error for an input that ended without a sample. */
  protected noAudio(stage: string, where = 'without audio'): InputError {
    const message = `The input of ${stage} ended ${where}: nothing to caption; check what is piped in`
    return new InputError('NO_AUDIO', message)
  }

  /** Warns of `bytes` at the end that are no whole sample. */
  protected warnOfPartialSample(bytes: number): void {
    if (bytes === 0) return
    const message = `The input ended within a sample; its last ${bytes} bytes were dropped`
    this.emit('warning', { code: 'PARTIAL_SAMPLE', message, bytes })
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
      callback(toError(error))
      return
    }
    callback()
  }
}
