import type { EventEmitter } from 'node:events'
import { addAbortSignal, type Duplex, type Readable, type Writable } from 'node:stream'
import { types } from 'node:util'

type Method = (...args: unknown[]) => unknown

/** Methods by which a stream is made, as its maker writes them, whose failures Node throws at nobody who could catch them. */
const METHODS = ['_construct', '_read', '_write', '_writev', '_transform', '_flush', '_final', '_destroy'] as const

const guarded = new WeakSet<object>()

/** Makes a stream of others fail with what its methods throw: Node throws that at nobody, and the stream never ends. */
export function guard(stream: object): void {
  if (guarded.has(stream)) return
  guarded.add(stream)
  const methods = stream as Partial<Record<(typeof METHODS)[number], Method>> & Writable
  for (const name of METHODS) {
    const method = methods[name] as Method | undefined
    if (typeof method !== 'function' || (name === '_final' && hasFinalOfTransform(stream))) continue
    Object.defineProperty(stream, name, {
      configurable: true,
      writable: true,
      value(this: unknown, ...args: unknown[]) {
        const done = args.at(-1)
        let isDone = false
        const fail = (error: unknown): void => {
          const problem = toError(error)
          if (typeof done === 'function' && !isDone) (done as Method)(problem)
          else methods.destroy(problem)
        }
        if (typeof done === 'function') {
          args[args.length - 1] = (...results: unknown[]) => {
            isDone = true
            ;(done as Method)(...results)
          }
        }
        try {
          const result = method.apply(this, args) as Partial<Promise<unknown>> | undefined
          if (typeof result?.then === 'function') result.then(undefined, fail)
        } catch (error) {
          fail(error)
        }
      },
    })
  }
}

/**
 * Whether the `_final` of a stream is that of Node's Transform, or of a copy of it as in readable-stream: such a stream calls
 * `_flush`, which is guarded itself, once more where its `_final` is another.
 */
function hasFinalOfTransform(stream: object): boolean {
  let owner: unknown = stream
  while (owner !== null && !Object.hasOwn(owner as object, '_final')) owner = Object.getPrototypeOf(owner)
  return (
    owner !== null &&
    owner !== stream &&
    ['_transform', '_write', '_read'].every((name) => Object.hasOwn(owner as object, name))
  )
}

/** What Node keeps of a stream, and so do the streams of `readable-stream`, old ones in part. */
export function stateOf(stream: object): { autoDestroy?: boolean; emitClose?: boolean } | undefined {
  const { _readableState, _writableState } = stream as Record<'_readableState' | '_writableState', object | undefined>
  return _readableState ?? _writableState
}

/** Whether a stream emits `close`: those from before Node 10 do not, and those of other makers that can be read. */
export function tellsClose(stream: Writable): boolean {
  const state = stateOf(stream)
  const { closed, read } = stream as { closed?: boolean; read?: unknown }
  return state === undefined ? closed !== undefined || read === undefined : state.emitClose !== undefined
}

/** Destroys a stream with `error` as soon as somebody can hear of it: an error that nobody listens for ends the whole program. */
export function failOnceHeard(stream: Writable, error: Error): void {
  if (stream.listenerCount('error') > 0) return void stream.destroy(error)
  const onListener = (event: string | symbol): void => {
    if (event !== 'error') return
    stream.off('newListener', onListener)
    process.nextTick(() => stream.destroy(error))
  }
  stream.on('newListener', onListener)
}

/** Makes a stream fail for what is not meant for it: Node throws at the stage above, where nothing can catch it. */
export function takesBytes(stream: Writable, bytesOf: (chunk: unknown) => Buffer): void {
  const write = stream.write.bind(stream) as Method
  const end = stream.end.bind(stream) as Method
  const put = (chunk: unknown, ...rest: unknown[]): boolean => {
    try {
      return write(bytesOf(chunk), ...rest) as boolean
    } catch (error) {
      const callback = rest.at(-1)
      if (typeof callback === 'function') process.nextTick(callback, error)
      stream.destroy(toError(error))
      return false
    }
  }
  stream.write = put
  stream.end = ((chunk?: unknown, ...rest: unknown[]) => {
    if (typeof chunk === 'function' || chunk === undefined || chunk === null) return end(chunk)
    put(chunk)
    return end(rest.at(-1))
  }) as typeof stream.end
}

/**
 * A timer that fires so many ms after it was due, or more, tells that this whole process has stood still, as while its machine sleeps;
 * what has come meanwhile is unread.
 */
export const STOOD_STILL_MS = 500

/** Waits for `work`, `limit` ms at most: then it rejects with what `late` gives, or resolves where that is absent. */
export async function waitAtMost<T>(limit: number, work: Promise<T>, late: () => Error): Promise<T>
export async function waitAtMost(limit: number, work: Promise<unknown>): Promise<unknown>
export async function waitAtMost(limit: number, work: Promise<unknown>, late?: () => Error): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<void>((resolve, reject) => {
    timer = setTimeout(() => (late === undefined ? resolve() : reject(late())), limit)
  })
  try {
    return await Promise.race([work, tooLong])
  } finally {
    clearTimeout(timer)
  }
}

/** Steps that are taken before everything else in the process gets its turn: 6.4 s of 16 kHz mono in pieces of 3200 bytes. */
const STEPS = 64

/** Stops a loop now and then: one that makes hours of silence would else keep timers and sockets waiting. */
export class LoopYield {
  readonly #resume: () => void
  #steps = 0
  #waiting: NodeJS.Immediate | undefined

  constructor(resume: () => void) {
    this.#resume = resume
  }

  /** Whether a step may be taken now; where not, the loop ends here and is resumed. */
  take(): boolean {
    if (this.#waiting !== undefined) return false
    this.#steps += 1
    if (this.#steps <= STEPS) return true
    this.#waiting = setImmediate(() => {
      this.stop()
      this.#resume()
    })
    return false
  }

  stop(): void {
    clearImmediate(this.#waiting)
    this.#waiting = undefined
    this.#steps = 0
  }
}

/** Emits some events of `from`, which give one record each, on `to` as well. @param change - says what a record becomes. */
export function passOn<Events extends Record<keyof Events, unknown[]>>(
  from: EventEmitter<Events>,
  to: EventEmitter,
  events: readonly (string & keyof Events)[],
  change = (record: object): object => record,
): void {
  const emitter = from as EventEmitter
  for (const event of events) emitter.on(event, (record: object) => void to.emit(event, change(record)))
}

/** What was thrown, as an error. Those of Node itself are of no class that a module in a context of its own, as in Jest, knows. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error || types.isNativeError(thrown) ? thrown : new Error(String(thrown))
}

/** A web stream, whose own iterator cannot be left while it waits for a chunk, as of a server that has gone quiet. */
export function cancellable(stream: ReadableStream<unknown>): AsyncIterable<unknown> {
  const reader = stream.getReader()
  const leave = async () => ({ done: true, value: await reader.cancel() }) as const
  return {
    [Symbol.asyncIterator]: () => ({ next: () => reader.read() as Promise<IteratorResult<unknown>>, return: leave }),
  }
}

/** What Node's own `pipeline()` rejects with when its signal fires; the reason of the signal is its `cause`. */
export class AbortError extends Error {
  override readonly name = 'AbortError'
  readonly code = 'ABORT_ERR'

  constructor(signal: AbortSignal | undefined) {
    super('The operation was aborted', { cause: signal?.reason as unknown })
  }
}

/** Throws an {@link AbortError} where `signal` has fired: its reason may be anything, and tells nobody that this was an abort. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new AbortError(signal)
}

/**
 * Destroys `stage` when `signal` fires. Where it has, only on the next tick: Node 24's `pipeline()` refuses what is
 * destroyed when it is called, and then nobody listens to the error of it.
 */
export function abortBy(signal: AbortSignal | undefined, stage: Readable | Writable | Duplex): void {
  if (signal === undefined) return
  if (!signal.aborted) return void addAbortSignal(signal, stage)
  const error = new AbortError(signal)
  // What is written until then is not taken: a sink would put it in the place of a file.
  const refuse = (...args: unknown[]): void => (args.at(-1) as (error: Error) => void)(error)
  Object.assign(stage, { _write: refuse, _final: refuse })
  process.nextTick(() => stage.destroy(error))
}

/** Calls `listener` when `signal` fires, or at once where it has; returns what makes that undone. */
export function onceAborted(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal?.aborted === true) listener()
  signal?.addEventListener('abort', listener, { once: true })
  return () => signal?.removeEventListener('abort', listener)
}

/** The outcome of `work`, or the abort that comes before it. @param error - what is rejected with then. */
export async function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  error = (): Error => new AbortError(signal),
): Promise<T> {
  let forget = (): void => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    forget = onceAborted(signal, () => reject(error()))
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    forget()
  }
}

/** Aborts `controller` when `signal` fires, or at once where it has; returns what makes that undone. */
export function follow(signal: AbortSignal | undefined, controller: AbortController): () => void {
  return onceAborted(signal, () => controller.abort(signal?.reason))
}
