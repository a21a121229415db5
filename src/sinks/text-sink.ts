import { createReadStream } from 'node:fs'
import { Writable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Composer } from '../captions/composer/composer.ts'
import { assertCaptionable } from '../captions/segments.ts'
import { FileDiagnostics } from '../diagnostics.ts'
import type { Warning } from '../errors.ts'
import type { Place } from '../checkpoint/checkpoint.ts'
import { beginning, CommitRequest, type ResumableOutput, resumableOutput } from '../checkpoint/stages.ts'
import type { Captionable, Turn } from '../model.ts'
import { checkBoolean, checkSignal, defined } from '../options.ts'
import { liveSource, relayEvents } from '../stage.ts'
import { abortBy, failOnceHeard } from '../stream-helpers.ts'
import type { TypedWritable } from '../events.ts'
import type { PassedOnEvents } from '../transforms/diarize-events.ts'
import { type Destination, unwritable } from './destination.ts'

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

/**
 * What the sinks return: a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 *
 * What is certain is appended, whole cues or lines at a time, so that a file is valid at every instant. It is created
 * with the first of them, or at the end, then empty but for the header of its format; where the pipeline fails before
 * that, none is made. It fails with {@link OutputError} `OUTPUT_UNWRITABLE` where the target cannot be written.
 *
 * A turn that comes again with a higher `revision` replaces the earlier one in a file, within about a minute and at the
 * end. Elsewhere a `warning` with the code `REVISION_NOT_APPLIED` says at the end how much could not be corrected.
 * {@link jsonlSink} writes each revision as a record of its own.
 */
export interface Sink extends TypedWritable<PassedOnEvents> {
  /** Absolute path of the file it writes; `undefined` where the target is a stream. */
  readonly path: string | undefined
}

/** What refuses wrong values of {@link SinkOptions}. */
export const sinkChecks = { end: checkBoolean, signal: checkSignal }

/** Under which a sink of this library says how many bytes it has written, wherever to. */
export const writtenBytes = Symbol('diarize-stream.writtenBytes')

/** A file is rewritten no more often than this, but for the end. */
const REWRITE_EVERY_MS = 60_000

/** How long a text is made at a stretch: whatever else the process does has its turn in between. */
const SLICE_MS = 4

/** How a sink makes its text: of each object by itself, or by a composer, loaded when there may be words. */
export type SinkText = PlainText | { composer: () => Promise<Composer> }

interface PlainText {
  textOf: (item: Captionable) => string
  /** What stands at the end. */
  end: () => string
  /** What the end takes to be known of what was written, as a plain value; and its counterpart, where a run goes on. */
  state: () => unknown
  resumeFrom: (state: unknown) => void
}

/** Writes the text of turns, segments or cues to a target, and rewrites a file where revisions change it. */
export class TextSink extends Writable {
  readonly #stage: string
  readonly #text: SinkText
  /** What it was told, as far as that changes the text. */
  readonly #options: string
  #composer: Composer | undefined
  readonly #destination: Destination
  #loading: Promise<Composer> | undefined
  #work: Promise<void> = Promise.resolve()
  #begun = false
  #ending = false
  #finished = false
  #held = ''
  /** Text that was made when the sink had been destroyed. */
  #unwritten = ''
  /** Runs while words wait. */
  #releaseTimer: NodeJS.Timeout | undefined
  #rewriteFailure: Error | undefined
  #rewrittenAt = performance.now()
  #pausedAt = performance.now()
  readonly #diagnostics: FileDiagnostics

  constructor(stage: string, destination: Destination, options: SinkOptions, text: SinkText) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#stage = stage
    this.#text = text
    const { end: _end, signal: _signal, ...own } = options
    this.#options = JSON.stringify(own)
    // By then the first audio is on its way, and there will be words.
    this.once('session', () => void this.#load().catch(() => {}))
    this.#destination = destination
    this.#diagnostics = new FileDiagnostics(stage, destination.path, this)
    destination.onFailure?.((error) => this.destroy(error))
    relayEvents(this)
    const { trouble } = destination
    if (trouble !== undefined) process.nextTick(() => failOnceHeard(this, trouble))
    abortBy(options.signal, this)
  }

  get path(): string | undefined {
    return this.#destination.path
  }

  /**
   * Writes text that no object brought: at once after the first block, else together with it, or at the end.
   *
   * @param note - takes note of it where it is written, so that what a checkpoint says of the file is true of its bytes.
   */
  writeAside(text: string, note: () => void): void {
    if (this.destroyed || this.#ending) return
    if (!this.#begun) {
      note()
      this.#held += text
      return
    }
    const write = (): Promise<void> => {
      note()
      return this.#destination.write(text)
    }
    this.#enqueue(write).catch((error: Error) => this.destroy(error))
  }

  get [writtenBytes](): number {
    return this.#destination.bytes ?? 0
  }

  get [resumableOutput](): ResumableOutput | undefined {
    const { path: file, address, syncInterval: interval } = this.#destination
    const path = file ?? address
    if (path === undefined || this.#destination.resumeFrom === undefined) return undefined
    const size = async (): Promise<number> => (await this.#destination.size?.()) ?? 0
    const resumeFrom = (place: Place, turns: readonly Turn[]): Promise<void> => this.#resumeFrom(place, turns)
    return {
      path,
      name: this.#stage,
      options: this.#options,
      size,
      resumeFrom,
      ...defined({ interval }),
    }
  }

  override _write(item: unknown, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#enqueue(async () => {
      await this.#pause()
      if (item instanceof CommitRequest) return this.#commit(item)
      assertCaptionable(this.#stage, item)
      const composer = await this.#load()
      const text = 'textOf' in this.#text ? this.#text.textOf(item) : (composer?.add(item) ?? '')
      await this.#put(text)
      if (composer !== undefined) await this.#rewriteIfDue(composer)
      this.#startTimer(text !== '')
    }).then(() => done(), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#ending = true
    clearTimeout(this.#releaseTimer)
    this.#enqueue(async () => {
      const composer = await this.#load()
      if (composer !== undefined) {
        await this.#put(composer.end())
        const revised = composer.staleBlocks
        this.#joinCuts(composer)
        await this.#rewrite(composer)
        // Where the file cannot be written anew, the ends of cues stay as they would be of a live source.
        this.#warnOfRest(Math.min(revised, composer.staleBlocks))
      }
      const end = 'textOf' in this.#text ? this.#text.end() : ''
      if (end !== '') await this.#put(end)
      this.#assertOpen()
      await this.#destination.finish((composer?.header ?? '') + this.#held)
      this.#finished = true
      this.#diagnostics.start()
      this.#diagnostics.end()
    }).then(() => done(), done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#releaseTimer)
    this.#destination.interrupt(error ?? new Error('the sink was destroyed'))
    this.#work
      .then(() => (this.#finished ? undefined : this.#abandon(error)))
      .then(
        () => error,
        (trouble: Error) => error ?? trouble,
      )
      .then((failure) => {
        this.#diagnostics.end(failure ?? new Error('the sink was destroyed before its end'))
        done(failure)
      }, done)
  }

  /** Writes what waits, which may be the first that there is. */
  async #abandon(error: Error | null): Promise<void> {
    const rest = this.#rest()
    await this.#destination.abandon(error, rest)
    if (rest !== '') this.#diagnostics.start()
  }

  /** What was written is on the disk by then. */
  async #commit(request: CommitRequest): Promise<void> {
    await this.#destination.sync?.()
    const { path: file, address, bytes = 0 } = this.#destination
    const path = file ?? address
    if (path !== undefined) request.settle(path, this.#placeAt(bytes))
  }

  #placeAt(bytes: number): Place {
    if (!('textOf' in this.#text)) return this.#composer?.place ?? beginning
    const state = this.#text.state()
    const alone = { order: Number.MAX_SAFE_INTEGER, bytes, blocks: 0, cuts: [] }
    return state === undefined ? alone : { ...alone, state }
  }

  #resumeFrom(place: Place, turns: readonly Turn[]): Promise<void> {
    return this.#enqueue(async () => {
      if (place.bytes > 0) {
        await this.#destination.resumeFrom?.(place.bytes)
        this.#begun = true
        if ('textOf' in this.#text) this.#text.resumeFrom(place.state)
      }
      const composer = await this.#load()
      if (composer === undefined) return
      const { path: file = '' } = this.#destination
      await composer.resumeFrom(place, linesBefore(file, place.bytes)).catch((error: unknown) => {
        throw unwritable(file, error)
      })
      let text = ''
      for (const turn of turns) {
        if (turn.order < place.order || place.ahead?.includes(turn.order) === true) continue
        text += composer.add(turn)
        if (place.cuts.includes(turn.order)) text += composer.release()
      }
      // What waits then goes on waiting: the audio that follows it is still to be heard again.
      await this.#put(text)
    })
  }

  /** Lets others have their turn: nothing is written for a revision, and of hours of turns all may be revised at once. */
  async #pause(): Promise<void> {
    if (performance.now() - this.#pausedAt < SLICE_MS) return
    await nextTurn()
    this.#pausedAt = performance.now()
  }

  async *#inSlices<T>(items: Iterable<T>): AsyncGenerator<T> {
    this.#pausedAt = performance.now()
    for (const item of items) {
      yield item
      await this.#pause()
    }
  }

  /** What composes the text, where not each object stands by itself. */
  async #load(): Promise<Composer | undefined> {
    if ('composer' in this.#text) {
      this.#loading ??= this.#text.composer()
      this.#composer ??= await this.#loading
    }
    return this.#composer
  }

  /** Lets words wait, from now on where there is new text, but not for ever. */
  #startTimer(isNew: boolean): void {
    const composer = this.#composer
    const isOpen = composer?.open ?? false
    if (isOpen && !isNew && this.#releaseTimer !== undefined) return
    clearTimeout(this.#releaseTimer)
    this.#releaseTimer = undefined
    if (composer === undefined || !isOpen || this.#ending || this.destroyed) return
    this.#releaseTimer = setTimeout(() => {
      this.#releaseTimer = undefined
      this.#enqueue(async () => {
        if (!this.#ending && !this.destroyed) await this.#put(composer.release())
      }).catch((error: Error) => this.destroy(error))
    }, composer.maxDelay)
  }

  async #put(text: string): Promise<void> {
    if (this.destroyed) this.#unwritten += text
    this.#assertOpen()
    if (text === '') return
    const opening = this.#begun ? '' : this.#held
    this.#begun = true
    this.#held = ''
    await this.#destination.write(opening + text)
    this.#diagnostics.start()
  }

  /** What waits when the sink fails: it is final, and would be lost. */
  #rest(): string {
    const text = this.#unwritten + (this.#composer?.abandon() ?? '')
    return text === '' || this.#begun ? text : this.#held + text
  }

  async #rewriteIfDue(composer: Composer): Promise<void> {
    const { hasOld } = composer
    // What is forgotten is never put right.
    if (hasOld) this.#joinCuts(composer)
    if (hasOld || performance.now() - this.#rewrittenAt >= REWRITE_EVERY_MS) await this.#rewrite(composer)
    if (hasOld) composer.forget()
  }

  /** How fast a file is heard is not to change its captions. */
  #joinCuts(composer: Composer): void {
    const { [liveSource]: isLive } = this as { [liveSource]?: boolean }
    if (isLive === false && this.#canRewrite) composer.joinCuts()
  }

  get #canRewrite(): boolean {
    return this.#rewriteFailure === undefined && this.#destination.rewrite !== undefined
  }

  /** Writes the file anew from the earliest change on, where anything that was written has been revised. */
  async #rewrite(composer: Composer): Promise<void> {
    if (!composer.isStale || !this.#canRewrite) return
    const pieces = this.#inSlices(composer.rewrite())
    try {
      if (this.#begun) await this.#destination.rewrite?.(pieces)
      else {
        let text = ''
        for await (const piece of pieces) if (typeof piece === 'string') text += piece
        await this.#put(text)
      }
    } catch (error) {
      // What is on disk is valid, only not the newest: losing the captions still to come would be worse.
      this.#rewriteFailure = error as Error
      return
    }
    composer.rewritten()
    this.#rewrittenAt = performance.now()
  }

  #warnOfRest(count: number): void {
    if (count === 0) return
    const reason = this.#rewriteFailure?.message ?? 'give the sink a path to have revisions applied'
    const message = `${count} cue(s) changed after they had been written, or came too late for their place, and could not be corrected; ${reason}`
    this.emit('warning', { code: 'REVISION_NOT_APPLIED', message, count } satisfies Warning)
  }

  /** A sink that has been destroyed between two steps must not go on to make a file that looks complete. @throws why it was */
  #assertOpen(): void {
    if (this.destroyed) throw this.errored ?? new Error('the sink was destroyed')
  }

  #enqueue(step: () => Promise<void>): Promise<void> {
    const result = this.#work.then(step)
    this.#work = result.catch(() => {})
    return result
  }
}

/** The lines of the first `bytes` of a file that is gone on with. Nothing is read until they are wanted. */
async function* linesBefore(file: string, bytes: number): AsyncGenerator<string> {
  if (bytes === 0) return
  let rest = ''
  for await (const text of createReadStream(file, { end: bytes - 1, encoding: 'utf8' })) {
    const lines = (rest + String(text)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}
