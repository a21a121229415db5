import { Writable } from 'node:stream'
import { assertCaptionable } from '../captions/passages.ts'
import type { Captionable } from '../model.ts'
import { relayEvents } from '../stage.ts'
import { type Destination, openTarget, type SinkTarget } from './destination.ts'

/** Options that every sink has. */
export interface SinkOptions {
  /**
   * Whether a Writable given as target is ended when the sink has finished, and destroyed when it fails. Standard
   * output never is.
   * @defaultValue `true`
   */
  end?: boolean
  /** Aborts the sink. */
  signal?: AbortSignal
}

/** What turns objects into text for a {@link TextSink}; one call at a time. */
export interface TextMaker {
  /** What the text begins with; an output of nothing else is valid and empty. */
  readonly header: string
  /** Text to be written for an object, of whole blocks; `''` for none. */
  next(item: Captionable): Promise<string>
  /** Text still to be written at the end. */
  rest(): Promise<string>
  /** Whether text waits for more. */
  readonly waiting?: boolean
  /** Ms after which it waits no longer. */
  readonly maxDelay?: number
  /** The text that waits. */
  release?(): string
  /** Called after each write of text made by {@link next}. */
  written?(destination: Destination): Promise<void>
  /** Called when everything is written, before the output is completed. */
  complete?(destination: Destination): Promise<void>
}

/** Writes the text that a {@link TextMaker} makes of turns, segments or cues to a target. */
export class TextSink extends Writable {
  readonly #stage: string
  readonly #maker: TextMaker
  readonly #destination: Destination
  #work: Promise<void> = Promise.resolve()
  #begun = false
  #ending = false
  #finished = false
  /** Text that waits for the first block. */
  #held = ''
  /** Runs while the maker's text waits. */
  #patience: NodeJS.Timeout | undefined

  constructor(stage: string, target: SinkTarget | undefined, options: SinkOptions, maker: TextMaker) {
    super({
      objectMode: true,
      highWaterMark: 16,
      ...(options.signal !== undefined && { signal: options.signal }),
    })
    this.#stage = stage
    this.#maker = maker
    this.#destination = openTarget(target, options.end ?? true)
    this.#destination.onFailure?.((error) => this.destroy(error))
    relayEvents(this)
    const { trouble } = this.#destination
    if (trouble !== undefined) process.nextTick(() => this.destroy(trouble))
  }

  /** Absolute path of the file it writes; `undefined` where the target is a stream. */
  get path(): string | undefined {
    return this.#destination.path
  }

  /** Writes text that no object brought: at once after the first block, else together with it, or at the end. */
  writeAside(text: string): void {
    if (this.destroyed || this.#ending) return
    if (!this.#begun) {
      this.#held += text
      return
    }
    this.#enqueue(() => this.#destination.write(text)).catch((error: Error) => this.destroy(error))
  }

  override _write(item: unknown, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#enqueue(async () => {
      assertCaptionable(this.#stage, item)
      const text = await this.#maker.next(item)
      await this.#put(text)
      await this.#maker.written?.(this.#destination)
      this.#wait(text !== '')
    }).then(() => done(), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#ending = true
    clearTimeout(this.#patience)
    this.#enqueue(async () => {
      await this.#put(await this.#maker.rest())
      await this.#maker.complete?.(this.#destination)
      this.#assertOpen()
      await this.#destination.finish(this.#maker.header + this.#held)
      this.#finished = true
    }).then(() => done(), done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#patience)
    this.#destination.interrupt(error ?? new Error('the sink was destroyed'))
    this.#work
      .then(() => (this.#finished ? undefined : this.#destination.abandon(error, this.#rest())))
      .then(
        () => done(error),
        (trouble: Error) => done(error ?? trouble),
      )
  }

  /** Lets the maker's text wait, from now on where it is `new`, but not for ever. */
  #wait(isNew: boolean): void {
    const { waiting = false, maxDelay = 0 } = this.#maker
    if (waiting && !isNew && this.#patience !== undefined) return
    clearTimeout(this.#patience)
    this.#patience = undefined
    if (!waiting || this.#ending || this.destroyed) return
    this.#patience = setTimeout(() => {
      this.#patience = undefined
      this.#enqueue(async () => {
        if (!this.#ending && !this.destroyed) await this.#put(this.#maker.release?.() ?? '')
      }).catch((error: Error) => this.destroy(error))
    }, maxDelay)
  }

  async #put(text: string): Promise<void> {
    this.#assertOpen()
    if (text === '') return
    const opening = this.#begun ? '' : this.#held
    this.#begun = true
    this.#held = ''
    await this.#destination.write(opening + text)
  }

  /** What waits when the sink fails: it is final, and would be lost. */
  #rest(): string {
    const text = this.#maker.release?.() ?? ''
    return text === '' || this.#begun ? text : this.#held + text
  }

  /** A sink that has been destroyed between two steps must not go on to make a file that looks complete. */
  #assertOpen(): void {
    if (this.destroyed) throw new Error('the sink was destroyed')
  }

  #enqueue(step: () => Promise<void>): Promise<void> {
    const result = this.#work.then(step)
    this.#work = result.catch(() => {})
    return result
  }
}
