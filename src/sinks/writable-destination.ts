import type { Writable } from 'node:stream'
import type { OutputError } from '../errors.ts'
import type { Destination } from './destination.ts'
import { guard } from '../guarded.ts'
import { within } from '../within.ts'
import { unwritable } from './unwritable.ts'

/** How long a destroyed stream may take to close before it is no longer waited for. */
const CLOSE_WAIT_MS = 2000

/** A Writable as a destination: written with its back-pressure, and ended where it is ours to end. */
export class WritableDestination implements Destination {
  readonly #source: Writable | (() => Writable)
  readonly #ends: boolean
  readonly #where: string
  #stream: Writable | undefined
  #wrote = false
  #failure: OutputError | undefined
  #onFailure: ((error: OutputError) => void) | undefined
  #interruption: Error | undefined
  #giveUp: ((error: Error) => void) | undefined
  #flushed: Promise<void> = Promise.resolve()

  /**
   * @param source - the stream, or what opens it with the first write.
   * @param ends - whether the stream is ended after success, and destroyed after failure.
   * @param where - name of the stream in messages.
   */
  constructor(source: Writable | (() => Writable), ends: boolean, where: string) {
    this.#source = source
    this.#ends = ends
    this.#where = where
    // A stream that fails before anything is written to it must find a listener, too.
    if (typeof source !== 'function') this.#open()
  }

  onFailure(listener: (error: OutputError) => void): void {
    this.#onFailure = listener
  }

  async write(text: string): Promise<void> {
    this.#check()
    const stream = this.#open()
    if (stream.destroyed || stream.writableEnded) this.#closed()
    this.#check()
    if (text === '') return
    this.#wrote = true
    let ready = true
    this.#flushed = new Promise((resolve) => {
      ready = stream.write(text, (error) => {
        if (error) this.#failed(error)
        resolve()
      })
    })
    if (ready || !stream.writableNeedDrain) return
    let drained = () => {}
    try {
      await this.#until((resolve) => stream.once('drain', (drained = resolve)))
    } finally {
      stream.off('drain', drained)
    }
  }

  async finish(empty: string): Promise<void> {
    if (!this.#wrote) await this.write(empty)
    const stream = this.#open()
    await this.#until((resolve) => {
      if (this.#ends) stream.end((error?: Error | null) => (error ? this.#failed(error) : resolve()))
      else void this.#flushed.then(resolve)
    })
    // What is closed right after it has finished may fail in that.
    if (this.#ends && stream.destroyed) {
      if (!stream.closed) await within(CLOSE_WAIT_MS, new Promise((resolve) => stream.once('close', resolve)))
      if (stream.errored) this.#failed(stream.errored)
      this.#check()
    }
    this.#release(stream)
  }

  interrupt(error: Error): void {
    this.#interruption = error
    this.#giveUp?.(error)
  }

  async abandon(error: Error | null, rest: string): Promise<void> {
    const stream = rest === '' || this.#failure !== undefined ? this.#stream : this.#open()
    if (stream === undefined) return
    stream.off('close', this.#closed)
    if (rest !== '' && stream.writable) stream.write(rest)
    if (!this.#ends) {
      if (this.#failure === undefined) this.#release(stream)
      return
    }
    if (stream.closed) return
    const closed = new Promise((resolve) => stream.once('close', resolve))
    stream.destroy(error ?? undefined)
    await within(CLOSE_WAIT_MS, closed)
  }

  #open(): Writable {
    if (this.#stream !== undefined) return this.#stream
    const stream = typeof this.#source === 'function' ? this.#source() : this.#source
    stream.on('error', this.#failed)
    stream.on('close', this.#closed)
    if (stream !== process.stdout && stream !== process.stderr) guard(stream)
    this.#stream = stream
    return stream
  }

  #release(stream: Writable): void {
    stream.off('close', this.#closed)
    // A stream that has been ended may still fail; one that goes on being used is its owner's to listen to.
    if (!this.#ends) stream.off('error', this.#failed)
  }

  /** Waits for what `start` resolves, for the failure of the stream, or for an interruption. */
  async #until(start: (resolve: () => void) => void): Promise<void> {
    this.#check()
    await new Promise<void>((resolve, reject) => {
      this.#giveUp = reject
      start(resolve)
    })
    this.#giveUp = undefined
    this.#check()
  }

  /** Throws what ended the work. An interruption stays: steps that were waiting for their turn must not wait again. */
  #check(): void {
    const end = this.#failure ?? this.#interruption
    if (end !== undefined) throw end
  }

  readonly #failed = (error: Error): void => {
    if (this.#failure !== undefined) return
    this.#failure = unwritable(this.#where, error)
    this.#giveUp?.(this.#failure)
    this.#onFailure?.(this.#failure)
  }

  readonly #closed = (): void => {
    if (this.#stream?.writableFinished === true && this.#ends) return
    const premature = () => Object.assign(new Error('premature close'), { code: 'ERR_STREAM_PREMATURE_CLOSE' })
    this.#failed(this.#stream?.errored ?? premature())
  }
}
