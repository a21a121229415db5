import type { Checkpointing } from '../checkpoint/checkpointing.ts'
import { type IdentifiedSource, inputIdentity, whenComplete } from '../checkpoint/stages.ts'
import { ConfigurationError } from '../errors.ts'
import { type Check, checkBoolean, checkFunction, checkOptions, checkSignal, string } from '../options.ts'
import { oneLine } from '../redact.ts'
import type { RunOptions, StageFunction } from '../run.ts'
import { endEarly, inputEndsEarly, isStage, learnsFrom, recordStage } from '../stage.ts'
import {
  AbortError,
  cancellable,
  follow,
  guard,
  onceAborted,
  stateOf,
  tellsClose,
  toError,
  unlessAborted,
  waitAtMost,
} from '../stream-helpers.ts'
import type { SessionRecord } from '../transforms/diarize-events.ts'
import { ProgressReporter, type RunSummary } from './progress.ts'
import { Socket } from 'node:net'
import { Duplex, Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** How long a stage may take to close, once the pipeline is done, before it is no longer waited for. */
const CLOSE_WAIT_MS = 10_000
const UNREAD = "gives out what nobody reads; end the pipeline with a sink, e.g. srtSink('talk.srt')"

/** The work of `run()`, given its arguments. */
export async function runPipeline(stages: readonly unknown[]): Promise<RunSummary> {
  const { parts, options } = separate(stages)
  let streams = parts.filter(isStream)
  let reporter: ProgressReporter | undefined
  let checkpointing: Checkpointing | undefined
  const forget: (() => void)[] = []
  // Of one that has failed already, as where its signal had fired, the rejection tells; that is still to be emitted.
  for (const stream of streams) if (stream.errored) stream.once('error', () => {})
  try {
    checkOptions('run()', options, optionChecks)
    checkStages(parts)
    // The user's has one listener, as it may be that of many runs.
    const abort = new AbortController()
    const { signal } = abort
    forget.push(follow(options.signal, abort))
    streams = parts.map((part, index) => (isStream(part) ? part : asStream(part as object, index, parts.length)))
    for (const stream of streams) if (!isStandard(stream)) guard(stream)
    const { [inputIdentity]: identity } = streams[0] as IdentifiedSource
    for (const stream of streams) (stream as { [learnsFrom]?: (one: unknown) => void })[learnsFrom]?.(identity)
    const closed = streams.map(whenClosed)
    reporter = new ProgressReporter(options.onProgress, (error) => streams.at(-1)?.destroy(error))
    let stranded: Stranded | undefined
    try {
      checkpointing = await openCheckpoint(options, streams)
      if (checkpointing !== undefined) {
        streams.splice(checkpointing.at + 1, 0, checkpointing.recorder as Duplex as AnyStream)
        reporter.resumeFrom(checkpointing.gaps)
      }
      for (const stream of streams) reporter.follow(stream)
      if (options.notice !== false && options.onProgress === undefined) announceEngine(streams)
      stranded = new Stranded(streams, signal)
      const finished = pipeline(streams, { signal })
      const end = onceAborted(options.stop, () => {
        checkpointing?.stop()
        for (const stream of streams) (stream as { [inputEndsEarly]?: () => void })[inputEndsEarly]?.()
        endSource(streams[0] as AnyStream)
      })
      forget.push(end)
      await Promise.race([finished, stranded.outcome])
      for (const stream of streams) if (isLeftOpen(stream)) stream.destroy()
    } catch (error) {
      destroyAll(streams)
      throw error
    } finally {
      stranded?.stop()
      if (stranded?.isOver !== true) await waitAtMost(CLOSE_WAIT_MS, Promise.all(closed))
    }
    const summary = await unlessAborted(reporter.finish(), signal)
    await (options as { [whenComplete]?: (summary: RunSummary) => Promise<void> })[whenComplete]?.(summary)
    await checkpointing?.finish(options.stop?.aborted !== true)
    return summary
  } finally {
    for (const undo of forget) undo()
    reporter?.stop()
    destroyAll(streams)
    await checkpointing?.close()
  }
}

/** The checkpoint that is asked for; what fails while it is read fails the run. */
async function openCheckpoint(options: RunOptions, streams: readonly AnyStream[]): Promise<Checkpointing | undefined> {
  if (options.checkpoint === undefined) return undefined
  const failed = new Promise<never>((_resolve, reject) => {
    for (const stream of streams) stream.once('error', reject)
  })
  failed.catch(() => {})
  const { Checkpointing: Opened } = await import('../checkpoint/checkpointing.ts')
  const opening = Opened.open(options.checkpoint, streams)
  try {
    return await Promise.race([failed, opening])
  } catch (error) {
    opening.then((late) => late.close()).catch(() => {})
    throw error
  }
}

let isAnnounced = false

/** Tells somebody at a terminal, who would wait for a minute without a word, what is going on. */
function announceEngine(streams: readonly AnyStream[]): void {
  if (isAnnounced || !process.stderr.isTTY) return
  // Nothing is piped yet: whoever listens is the user.
  const stages = streams.filter((stream) => recordStage in stream)
  if (stages.some((stage) => stage.listenerCount('session') > 0)) return
  for (const stage of stages) {
    stage.once('session', ({ engine, model, url }: SessionRecord) => {
      if (isAnnounced) return
      isAnnounced = true
      const what = `${engine === 'embedded' ? 'the engine on this machine' : oneLine(url)} (${oneLine(model)})`
      process.emitWarning(`${what} hears it; run(..., { onProgress }) tells how far it has come`, {
        type: 'Notice',
        code: 'DIARIZE_STREAM_ENGINE',
      })
    })
  }
}

/**
 * The outcome of a pipeline, once a stage has not closed {@link CLOSE_WAIT_MS} after it was clear: `pipeline()` would wait for that
 * stage for ever.
 */
class Stranded {
  /** Whether it was waited for long enough. */
  isOver = false
  readonly outcome: Promise<void>
  readonly #tidy: (() => void)[] = []
  #failure: Error | undefined
  #timer: NodeJS.Timeout | undefined
  #settle = (): void => {}

  constructor(streams: readonly AnyStream[], signal: AbortSignal | undefined) {
    this.outcome = new Promise((resolve, reject) => {
      const isComplete = (): boolean =>
        streams.slice(0, -1).every(({ readableEnded, closed }) => readableEnded || closed)
      this.#settle = () => {
        if (this.#failure === undefined && !isComplete()) return
        this.isOver = true
        if (this.#failure === undefined) resolve()
        else reject(this.#failure)
      }
    })
    this.outcome.catch(() => {})
    const listen = (stream: AnyStream, event: string, listener: (error: Error) => void): void => {
      stream.on(event, listener)
      this.#tidy.push(() => stream.off(event, listener))
    }
    for (const stream of streams) {
      listen(stream, 'error', (error) => this.#arm(error))
      if (!isStandard(stream)) this.#noteDestroyed(stream)
    }
    const last = streams.at(-1)
    // What goes out of a Duplex may take its time.
    if (last !== undefined && !isReadable(last)) listen(last, 'finish', () => this.#arm())
    this.#tidy.push(onceAborted(signal, () => this.#arm(new AbortError(signal))))
  }

  stop(): void {
    clearTimeout(this.#timer)
    for (const tidy of this.#tidy.splice(0)) tidy()
  }

  /** A stage whose tidying never ends does not emit its error either. */
  #noteDestroyed(stream: AnyStream): void {
    const destroy = stream._destroy
    if (typeof destroy !== 'function') return
    stream._destroy = (error, done) => {
      if (error) this.#arm(error)
      destroy.call(stream, error, done)
    }
    this.#tidy.push(() => {
      stream._destroy = destroy
    })
  }

  #arm(failure?: Error): void {
    this.#failure ??= failure
    this.#timer ??= setTimeout(() => this.#settle(), CLOSE_WAIT_MS)
  }
}

/** Destroys what a pipeline that never began, or stopped early, has left as it was. */
function destroyAll(streams: readonly AnyStream[]): void {
  for (const stream of streams) {
    if (stream.destroyed || isStandard(stream)) continue
    // The rejection tells. What compose() makes emits an error where it is destroyed, and nobody would be there to catch it.
    stream.on('error', () => {})
    ;(stream as Partial<Writable>).destroy?.()
  }
}

type AnyStream = Readable & Writable & Duplex

function isStream(value: unknown): value is AnyStream {
  return typeof value === 'object' && value !== null && typeof (value as Readable).pipe === 'function'
    ? typeof (value as Readable).on === 'function'
    : isWritable(value)
}

function asStream(part: object, index: number, count: number): AnyStream {
  if (index > 0) return Duplex.from(typeof part === 'function' ? takingAll(part as StageFunction, index, count) : part)
  const iterable: unknown = typeof part === 'function' ? part() : part
  if (!isIterable(iterable)) throw invalid('the function that is the first stage gives nothing to iterate')
  refuseText(`what the function gives that is stage 1 of ${count}`, iterable)
  const source = iterable instanceof ReadableStream ? cancellable(iterable) : iterable
  return new IterableSource(source as AsyncIterable<unknown> | Iterable<unknown>) as unknown as AnyStream
}

/** A stage that fails where the function returns before its input has ended: nobody takes the rest, and the pipeline would wait for ever. */
function takingAll(stage: StageFunction, index: number, count: number): StageFunction {
  const name = `stage ${index + 1} of ${count}`
  return (source, options) => {
    let hasEnded = false
    let isTaken = false
    async function* noting(): AsyncGenerator {
      isTaken = true
      yield* source
      hasEnded = true
    }
    const check = (): void => {
      if (hasEnded || options.signal.aborted) return
      throw invalid(
        `${name} returned before its input had ended, and what follows would be lost; let it take all, or end the input by stop`,
      )
    }
    const input = noting()
    // Not to be seen: a factory that is given it takes it for its options.
    Object.defineProperty(input, Symbol.asyncIterator, { value: () => ((isTaken = true), input) })
    const result: unknown = stage(input, options)
    if (isStage(result) && !isTaken) {
      ;(result as Readable).on('error', () => {}).destroy()
      throw invalid(
        `${name} is a function that gives a stage; ${stage.name ? `call it: ${stage.name}()` : 'give the stage itself'}`,
      )
    }
    if (isIterable(result) && index === count - 1) return takeAllOf(result as AsyncIterable<unknown>, name).then(check)
    if (isIterable(result)) {
      return (async function* () {
        yield* result as AsyncIterable<unknown>
        check()
      })()
    }
    if (!isPromise(result)) throw invalid(`${name} is a function that gives neither a promise nor anything to iterate`)
    return result.then((value) => {
      check()
      return value
    })
  }
}

/** A generator at the end runs only while somebody takes what it gives; it must give nothing, since nobody would have it. */
async function takeAllOf(iterable: AsyncIterable<unknown>, name: string): Promise<void> {
  for await (const _ of iterable) throw invalid(`${name} ${UNREAD}`)
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as Partial<Promise<unknown>> | null | undefined)?.then === 'function'
}

function isReadable(value: unknown): boolean {
  return isStream(value) && typeof value.read === 'function'
}

/** Whether a stage has a readable side: what compose() makes of stages and a sink is a Duplex without one. */
function givesOut(value: unknown): boolean {
  if (!isReadable(value)) return false
  const { readable, destroyed } = value as Partial<Readable>
  return readable !== false || destroyed === true
}

function isWritable(value: unknown): boolean {
  const stream = value as Partial<Writable> | null | undefined
  return typeof stream?.write === 'function' && typeof stream.end === 'function' && typeof stream.on === 'function'
}

/** What makes a stream of Node of one of the web, for such as can be iterated by nobody. */
function fromWeb(value: unknown): string | undefined {
  if (value instanceof WritableStream) return 'Writable.fromWeb()'
  return value instanceof TransformStream ? 'Duplex.fromWeb()' : undefined
}

function isIterable(value: unknown): boolean {
  const iterable = value as Partial<AsyncIterable<unknown> & Iterable<unknown>> | null | undefined
  return typeof iterable?.[Symbol.asyncIterator] === 'function' || typeof iterable?.[Symbol.iterator] === 'function'
}

/** Whether a stream belongs to the process, which never closes it. */
function isStandard(stream: unknown): boolean {
  return stream === process.stdout || stream === process.stderr
}

/** The options are the last argument where that is neither a stream nor anything to iterate; an array alone holds the stages. */
function separate(given: readonly unknown[]): { parts: readonly unknown[]; options: RunOptions } {
  // Options that are handed on, and were not given.
  const all = given.length > 2 && given.at(-1) === undefined ? given.slice(0, -1) : given
  const last = all.at(-1)
  const isOptions = typeof last === 'object' && last !== null && !isStream(last) && !isIterable(last) && !fromWeb(last)
  const [first, second] = all
  const isList = Array.isArray(first) && (all.length === 1 || (all.length === 2 && (isOptions || second === undefined)))
  const parts = isList ? (first as readonly unknown[]) : isOptions ? all.slice(0, -1) : all
  return { parts, options: isOptions ? last : {} }
}

const optionChecks: Record<keyof RunOptions, Check> = {
  signal: checkSignal,
  stop: checkSignal,
  onProgress: checkFunction,
  notice: checkBoolean,
  checkpoint: string(1, 4096),
}

function checkStages(parts: readonly unknown[]): void {
  if (parts.length < 2) throw invalid('run() needs at least two stages: a source and a sink')
  for (const [i, part] of parts.entries()) {
    const stage = `stage ${i + 1} of ${parts.length}`
    const isFirst = i === 0
    const isLast = i === parts.length - 1
    if (typeof part === 'function') continue
    if (isFirst) refuseText(stage, part)
    if (isFirst ? !isReadable(part) && (isStream(part) || !isIterable(part)) : !isStream(part)) {
      const convert = fromWeb(part)
      if (convert !== undefined) throw invalid(`${stage} is a stream of the web: give ${convert} of it, of node:stream`)
      throw invalid(`${stage} is no ${isFirst ? 'Readable or iterable' : 'stream'}`)
    }
    if (!isFirst && !isWritable(part)) throw invalid(`${stage} is no Writable: only the first stage may be a source`)
    if (!isFirst && !isLast && !givesOut(part)) throw invalid(`${stage} gives nothing out: a sink must be the last`)
    if (parts.indexOf(part) !== i) throw invalid(`${stage} is given twice`)
    if (!isStream(part)) continue
    if (part.errored) throw toError(part.errored)
    if (part.destroyed || (!isFirst && part.writableEnded)) throw invalid(`${stage} has been closed already`)
    // Without this, the first turn would be thrown at whoever reads the socket, where nothing can catch it.
    if (
      !isFirst &&
      (part as Partial<Writable>).writableObjectMode === false &&
      recordStage in (parts[i - 1] as object)
    ) {
      throw invalid(`${stage} takes bytes, not turns; give it to a sink, e.g. srtSink(target)`)
    }
    if (isLast && isUnread(part)) {
      throw invalid(`${stage} ${UNREAD}`)
    }
  }
}

/** Refuses what can be iterated, but for characters or numbers, of which nobody makes anything: a path, or bytes. */
function refuseText(stage: string, source: unknown): void {
  if (typeof source === 'string') {
    const [, scheme] = /^(http|rtsp)s?:/i.exec(source) ?? []
    const path = oneLine(source, 60)
    // An address may hold a password.
    const call = scheme === undefined ? `fileSource('${path}')` : `${scheme.toLowerCase()}Source() with it`
    throw invalid(`${stage} is a string: use ${call}`)
  }
  if (ArrayBuffer.isView(source)) {
    throw invalid(
      `${stage} is a ${source.constructor.name}, whose numbers come one by one: put it in an array, [bytes]`,
    )
  }
}

/** Whether a stage has a readable side that nothing reads, so that it would stop when its buffer is full. */
function isUnread(stream: AnyStream): boolean {
  if (isStandard(stream) || stream instanceof Socket || !givesOut(stream)) return false
  return stream.readableFlowing === null && stream.listenerCount('readable') === 0
}

function invalid(message: string): ConfigurationError {
  return new ConfigurationError('INVALID_PIPELINE', message)
}

/** Whether a stream has done all, and does not destroy itself then. */
function isLeftOpen(stream: AnyStream): boolean {
  const isOver = [stream.writableFinished, stream.readableEnded].every((done: boolean | undefined) => done !== false)
  return isOver && !stream.destroyed && stateOf(stream)?.autoDestroy === false
}

function whenClosed(stream: AnyStream): Promise<void> {
  if (isStandard(stream) || !tellsClose(stream)) return Promise.resolve()
  return new Promise((resolve) => {
    if (stream.closed) resolve()
    else stream.once('close', () => resolve())
  })
}

/** How long an iterator may take to tidy up before it is no longer waited for. */
const RETURN_WAIT_MS = 1000

/** An iterable as a stream that can be destroyed at any moment: `pipeline()` cannot leave a generator that waits. */
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
      (error: unknown) => this.destroy(toError(error)),
    )
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#return().then(
      () => done(error),
      (trouble: Error) => done(error ?? trouble),
    )
  }

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
    await waitAtMost(RETURN_WAIT_MS, Promise.resolve(this.#iterator.return?.()))
  }
}

/**
 * Ends a source before its input does. A stage with the method `[endEarly]` does that itself; any other Readable gives
 * out what it holds, ends, and is destroyed. What it reads after that is dropped. Does nothing to one that has ended.
 */
function endSource(source: Readable & { [endEarly]?: () => void }): void {
  if (source.destroyed || source.readableEnded) return
  if (typeof source[endEarly] === 'function') source[endEarly]()
  else endReadable(source)
}

function endReadable(source: Readable): void {
  // Streams of an older kind have no push() of this kind, and can only be cut off.
  if (typeof source.push !== 'function') return void source.emit('end')
  // Half of a Duplex may stay open, and a read that is under way may wait for ever.
  source.once('end', () => source.destroy())
  source.push(null)
  source.push = () => false
}
