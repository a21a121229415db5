import { Readable } from 'node:stream'
import { ConfigurationError } from './errors.ts'
import { within } from './within.ts'

/** How long an iterator may take to tidy up before it is no longer waited for. */
const RETURN_WAIT_MS = 1000

/**
 * An iterable as a stream that can be destroyed at any moment. A generator that waits for something else can be
 * neither stopped nor left by `pipeline()` itself, which then never settles.
 */
export class IterableSource extends Readable {
  readonly #iterator: AsyncIterator<unknown> | Iterator<unknown>
  #done = false

  constructor(iterable: AsyncIterable<unknown> | Iterable<unknown>) {
    super({ objectMode: true, highWaterMark: 1 })
    const { [Symbol.asyncIterator]: asynchronous } = iterable as Partial<AsyncIterable<unknown>>
    this.#iterator = asynchronous ? asynchronous.call(iterable) : (iterable as Iterable<unknown>)[Symbol.iterator]()
  }

  override _read(): void {
    this.#next().then(
      (value) => this.push(value),
      (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
    )
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#return().then(
      () => done(error),
      (trouble: Error) => done(error ?? trouble),
    )
  }

  /** The next value; `null` at the end. */
  async #next(): Promise<unknown> {
    const { done, value } = await this.#iterator.next()
    this.#done = done === true
    if (this.#done) return null
    const item: unknown = await value
    if (item === null || item === undefined) {
      const problem = `the source of run() gave ${String(item)}; it must give bytes or objects, and return at its end`
      throw new ConfigurationError('INVALID_PIPELINE', problem)
    }
    return item
  }

  async #return(): Promise<void> {
    if (this.#done) return
    this.#done = true
    await within(RETURN_WAIT_MS, Promise.resolve(this.#iterator.return?.()))
  }
}
