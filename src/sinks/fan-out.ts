import { Writable } from 'node:stream'
import { failOnceHeard, guard, tellsClose, waitAtMost } from '../stream-helpers.ts'
import { ConfigurationError, type Warning } from '../errors.ts'
import type { TypedWritable } from '../events.ts'
import type { PassedOnEvents } from '../transforms/diarize-events.ts'
import { CommitRequest, takesRequests, targetSinks } from '../checkpoint/stages.ts'
import { relayedEvents, relayEvents, relayLiveness } from '../stage.ts'

/** How long the targets may take to close before they are no longer waited for. */
const CLOSE_WAIT_MS = 10_000

/** A Writable of turns, segments or cues that writes each to several sinks; see {@link fanOut}. */
export type FanOut = TypedWritable<PassedOnEvents>

/**
 * Writes every object to several sinks, at the pace of the slowest. It ends when all of them have finished; where one
 * fails, all are destroyed with its error. The events `session` and `gap` of the stages above reach every target, and
 * a `warning` of any target is given here, too. Its own `close` comes after those of all targets.
 *
 * @returns a Writable in object mode.
 * @throws {@link ConfigurationError} `INVALID_PIPELINE` where there is no target, or one is no Writable of
 * objects, is given twice, or writes to the file of another.
 * @event warning Warning - a target has warned
 */
export function fanOut(...targets: NodeJS.WritableStream[]): FanOut {
  if (targets.length === 0) throw invalid('fanOut() needs at least one target, e.g. fanOut(srtSink(), vttSink())')
  for (const [i, target] of targets.entries()) {
    const stream = target as Partial<Writable> | null | undefined
    if (typeof stream?.write !== 'function' || typeof stream.end !== 'function' || typeof stream.on !== 'function') {
      throw invalid(`target ${i + 1} of fanOut() is no Writable`)
    }
    if (stream.writableObjectMode === false) {
      throw invalid(`target ${i + 1} of fanOut() takes bytes, not turns; give it to a sink, e.g. srtSink(target)`)
    }
    if (targets.indexOf(target) !== i) throw invalid(`target ${i + 1} of fanOut() is given twice`)
    const { path } = stream as { path?: unknown }
    if (typeof path === 'string' && targets.findIndex((other) => (other as { path?: unknown }).path === path) !== i) {
      throw invalid(`target ${i + 1} of fanOut() writes to ${path} like another one; give each a file of its own`)
    }
  }
  return new FanOutStream(targets as Writable[]) as Writable as FanOut
}

function invalid(message: string): ConfigurationError {
  return new ConfigurationError('INVALID_PIPELINE', message)
}

class FanOutStream extends Writable {
  readonly #targets: readonly Writable[]
  readonly #closed: Promise<unknown>
  /** Those that have not drained, and those that have finished: streams of npm may tell by events alone. */
  readonly #full = new Set<Writable>()
  readonly #finished = new Set<Writable>()
  /** Whether the targets have been given all there is. */
  #isOver = false
  /** Ends the waiting of a write or of the end. */
  #wake: () => void = () => {}
  /** What failed first, which may be the closing of a target after all was written. */
  #failure: Error | undefined

  constructor(targets: readonly Writable[]) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#targets = targets
    this.#closed = Promise.all(targets.map((target) => this.#watch(target)))
    relayEvents(this)
    for (const target of targets) relayLiveness(target, () => this)
    for (const event of relayedEvents) {
      this.on(event, (record: unknown) => {
        for (const target of targets) target.emit(event, record)
      })
    }
  }

  get [targetSinks](): readonly Writable[] {
    return this.#targets
  }

  override _write(item: unknown, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#failure !== undefined) return done(this.#failure)
    const isRequest = item instanceof CommitRequest
    for (const target of this.#targets) {
      if ((!isRequest || takesRequests(target)) && !target.write(item)) this.#full.add(target)
    }
    this.#when((target) => !this.#full.has(target) || (target.writableNeedDrain as boolean | undefined) === false, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#failure !== undefined) return done(this.#failure)
    this.#isOver = true
    for (const target of this.#targets) target.end()
    this.#when((target) => this.#hasFinished(target), done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    for (const target of this.#targets) {
      if (!target.destroyed) target.destroy(error ?? undefined)
    }
    void waitAtMost(CLOSE_WAIT_MS, this.#closed).then(() => done(error ?? this.#failure))
  }

  /** Calls `done` once every target is `ready`; a target that fails destroys this stream, which ends the waiting. */
  #when(ready: (target: Writable) => boolean, done: () => void): void {
    this.#wake = () => {
      if (!this.#targets.every(ready)) return
      this.#wake = () => {}
      done()
    }
    this.#wake()
  }

  #hasFinished(target: Writable): boolean {
    return target.writableFinished || this.#finished.has(target)
  }

  #endedEarly(): void {
    if (this.destroyed || this.#failure !== undefined) return
    const problem = 'a target of fanOut() was closed before everything was written to it'
    this.destroy(new ConfigurationError('INVALID_PIPELINE', problem))
  }

  /** Follows a target; resolves when it has closed. */
  #watch(target: Writable): Promise<void> {
    target.on('drain', () => {
      this.#full.delete(target)
      this.#wake()
    })
    target.on('finish', () => {
      this.#finished.add(target)
      if (!this.#isOver) this.#endedEarly()
      this.#wake()
    })
    if (target !== process.stdout && target !== process.stderr) guard(target)
    target.on('error', (error) => {
      if (this.#failure === undefined) failOnceHeard(this, error)
      this.#failure ??= error
    })
    target.on('warning', (warning: Warning) => this.emit('warning', warning))
    return new Promise((resolve) => {
      const closed = () => {
        if (!this.#hasFinished(target)) this.#endedEarly()
        resolve()
      }
      if (target.closed) process.nextTick(closed)
      else target.once('close', closed)
      // It is over then, as far as can be known.
      if (!tellsClose(target)) target.once('finish', resolve).once('error', () => resolve())
    })
  }
}
