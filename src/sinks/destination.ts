import type { Piece } from '../captions/composer/composer.ts'
import { type DestinationWriter, isDestination, type OutputDestination } from '../destinations/destination.ts'
import { errorCode, OutputError } from '../errors.ts'
import { guard, toError, waitAtMost } from '../stream-helpers.ts'
import { invalidOption } from '../options.ts'
import { accessSync, constants, createWriteStream, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Socket } from 'node:net'
import path from 'node:path'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

/** What a sink writes to. The calls never overlap, except for `interrupt`, which comes at any time. */
export interface Destination {
  /** Absolute path, where it is a file. */
  readonly path?: string
  /** What a checkpoint calls it, where it is no file and can go on. */
  readonly address?: string
  /** How often a checkpoint may have it on the disk, at most, in ms. */
  readonly syncInterval?: number
  /** Bytes of it that are there already. */
  size?(): Promise<number>
  /** Trouble found before any work started. */
  readonly trouble?: OutputError | undefined
  /** Calls `listener` once if the destination fails by itself, between two writes. */
  onFailure?(listener: (error: OutputError) => void): void
  /** Writes whole blocks of text; resolves when more may come. */
  write(text: string): Promise<void>
  /** Completes the output after a success. Where nothing has been written, it is made now and holds `empty`. */
  finish(empty: string): Promise<void>
  /** Replaces everything by `pieces`, where that is possible. After a failure the old text stands, and may go on. */
  rewrite?(pieces: AsyncIterable<Piece>): Promise<void>
  /** Makes a write that waits give up, and every later one. */
  interrupt(error: Error): void
  /** Bytes written so far. */
  readonly bytes?: number
  /** Goes on with what is there, cut off after `bytes`. Is called before anything else. */
  resumeFrom?(bytes: number): Promise<void>
  /** Has all that was written on the disk. */
  sync?(): Promise<void>
  /** Lets go of everything after a failure; what was written stays, and `rest` is added where nobody is waited for. */
  abandon(error: Error | null, rest: string): Promise<void>
}

const REASONS: Readonly<Record<string, string>> = {
  EISDIR: 'it is a directory',
  ENOENT: 'the directory does not exist',
  ENOTDIR: 'part of the path is not a directory',
  EACCES: 'permission is denied',
  EPERM: 'the operation is not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is used up',
  EPIPE: 'its reader has gone',
  ERR_STREAM_PREMATURE_CLOSE: 'it was closed before the captions were complete',
  FILE_GONE: 'it was removed, renamed or replaced while it was being written',
  FILE_SHARED: 'another sink is writing to it',
  FILE_READ: 'it is what a source is reading',
  FILE_CHANGED: 'something else has written to it or cut it short',
}

/** An error for one of these reasons, such as the system gives. */
export function faultOf(code: string): Error {
  return Object.assign(new Error(REASONS[code]), { code })
}

const KEEP_READER = 'keep its reader open until the sink has finished'

/** What to do next, where that is not to choose another target. */
const ADVICE: Readonly<Record<string, string>> = {
  EPIPE: KEEP_READER,
  ERR_STREAM_PREMATURE_CLOSE: KEEP_READER,
  FILE_GONE: 'leave it in its place until the sink has finished',
  FILE_SHARED: 'give each sink a file of its own',
  FILE_READ: 'write to another file, and rename that',
  ENOSPC: 'free some space, or choose another target; what is there stays as it was',
  EDQUOT: 'free some space, or choose another target; what is there stays as it was',
  FILE_CHANGED: 'keep other programs away from it until the sink has finished; what was written so far is not whole',
}

/** The error for output that cannot be written to `where`, with the reason in words. */
export function unwritable(where: string, cause: unknown): OutputError {
  if (cause instanceof OutputError) return cause
  const code = errorCode(cause)
  const pid = (cause as { pid?: unknown } | null)?.pid
  const known = (table: Readonly<Record<string, string>>) => (typeof code === 'string' ? table[code] : undefined)
  const reason = (pid === undefined ? known(REASONS) : undefined) ?? toError(cause).message
  const next = known(ADVICE) ?? 'choose another target, or make this one writable'
  return new OutputError('OUTPUT_UNWRITABLE', `cannot write to ${where}: ${reason}; ${next}`, {
    cause,
    target: where,
    ...(typeof pid === 'number' && { pid, retryable: true }),
  })
}

/** How long a destroyed stream may take to close before it is no longer waited for. */
const CLOSE_WAIT_MS = 2000

/** A Writable as a destination: written with its back-pressure, and ended where it is ours to end. */
export class WritableDestination implements Destination {
  readonly #source: Writable | (() => Writable)
  readonly #ends: boolean
  readonly #where: string
  #stream: Writable | undefined
  #wrote = false
  #bytes = 0
  #failure: OutputError | undefined
  #onFailure: ((error: OutputError) => void) | undefined
  #interruption: Error | undefined
  #giveUp: ((error: Error) => void) | undefined
  #flushed: Promise<void> = Promise.resolve()
  /** What some streams of npm tell by events alone. */
  #isFinished = false
  #isClosed = false

  /** @param ends - whether the stream is ended after success, and destroyed after failure. */
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

  async write(text: string | Uint8Array): Promise<void> {
    this.#check()
    const stream = this.#open()
    if (stream.destroyed || stream.writableEnded) this.#closed()
    this.#check()
    if (text === '') return
    this.#wrote = true
    this.#bytes += Buffer.byteLength(text)
    let ready = true
    this.#flushed = new Promise((resolve) => {
      ready = stream.write(text, (error) => {
        if (error) this.#failed(error)
        resolve()
      })
      if (stream.write.length === 1) resolve()
    })
    // Old streams do not say; they drain once `write()` has given false.
    const { writableNeedDrain: needsDrain = true } = stream as { writableNeedDrain?: boolean }
    if (ready || !needsDrain) return
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
      if (!this.#ends) return void this.#flushed.then(resolve)
      stream.once('finish', resolve)
      // streamx takes whatever it is given for data.
      if (stream.end.length === 1) stream.end()
      else stream.end((error?: Error | null) => (error ? this.#failed(error) : resolve()))
    })
    // What is closed right after it has finished may fail in that.
    if (this.#ends && stream.destroyed) {
      if (!stream.closed && !this.#isClosed) {
        await waitAtMost(CLOSE_WAIT_MS, new Promise((resolve) => stream.once('close', resolve)))
      }
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
    if (stream.closed || this.#isClosed) return
    const closed = new Promise((resolve) => stream.once('close', resolve))
    stream.destroy(error ?? undefined)
    await waitAtMost(CLOSE_WAIT_MS, closed)
  }

  #open(): Writable {
    if (this.#stream !== undefined) return this.#stream
    const stream = typeof this.#source === 'function' ? this.#source() : this.#source
    stream.on('error', this.#failed)
    if (this.#ends) {
      stream.once('finish', () => (this.#isFinished = true))
      stream.once('close', () => (this.#isClosed = true))
    }
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

  get bytes(): number {
    return this.#bytes
  }

  readonly #failed = (error: Error): void => {
    if (this.#failure !== undefined) return
    this.#failure = unwritable(this.#where, error)
    this.#giveUp?.(this.#failure)
    this.#onFailure?.(this.#failure)
  }

  readonly #closed = (): void => {
    if (this.#isFinished || (this.#stream?.writableFinished === true && this.#ends)) return
    this.#failed(this.#stream?.errored ?? faultOf('ERR_STREAM_PREMATURE_CLOSE'))
  }
}

/** A named pipe; what opens it is loaded when there is something to write. */
class NamedPipe extends Writable {
  readonly #file: string
  readonly #leaving = new AbortController()
  #pipe: Promise<Socket> | undefined

  constructor(file: string) {
    super()
    this.#file = file
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#open().then((pipe) => pipe.write(chunk, done), done)
  }

  /** Who reads a pipe to which nothing is written learns that, too. */
  override _final(done: (error?: Error | null) => void): void {
    this.#open().then(() => done(), done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#leaving.abort()
    const close = async (): Promise<void> => {
      const pipe = await this.#pipe
      if (pipe === undefined || pipe.closed) return
      await new Promise((resolve) => pipe.once('close', resolve).destroy())
    }
    close().then(
      () => done(error),
      () => done(error),
    )
  }

  #open(): Promise<Socket> {
    const open = async (): Promise<Socket> =>
      (await import('./named-pipe.ts')).openNamedPipe(this.#file, this.#leaving.signal)
    return (this.#pipe ??= open())
  }
}

/** Bytes of a file; 0 where there is none. */
export async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => ({ size: 0 }))).size
}

type WrittenFile = import('./written-file.ts').WrittenFile

/** A file; what writes it is loaded when there is something to write. */
export class FileDestination implements Destination {
  readonly trouble: OutputError | undefined
  readonly path: string
  readonly #leaving = new AbortController()
  #file: WrittenFile | undefined

  constructor(file: string, trouble?: OutputError) {
    this.path = file
    this.trouble = trouble
  }

  get bytes(): number {
    return this.#file?.bytes ?? 0
  }

  async size(): Promise<number> {
    return sizeOf(this.path)
  }

  async resumeFrom(bytes: number): Promise<void> {
    await (await this.#open()).resumeFrom(bytes)
  }

  async write(text: string): Promise<void> {
    await (await this.#open()).write(text)
  }

  async sync(): Promise<void> {
    await this.#file?.sync()
  }

  async finish(empty: string): Promise<void> {
    await (await this.#open()).finish(empty)
  }

  interrupt(): void {
    this.#leaving.abort()
  }

  async abandon(_error: Error | null, rest: string): Promise<void> {
    if (this.trouble !== undefined || (this.#file === undefined && rest === '')) return
    await (await this.#open()).abandon(rest)
  }

  /**
   * Replaces everything by `pieces`; the file is the whole old or new text at any time, and the old after a failure.
   */
  async rewrite(pieces: AsyncIterable<Piece>): Promise<void> {
    await (await this.#open()).rewrite(pieces)
  }

  /** Keeps others from the file, which stays as it is until {@link replace}. */
  async claim(): Promise<void> {
    await (await this.#open()).claim()
  }

  /** Makes the file of `bytes` at once, and completes it; it is the whole old or new at any time. */
  async replace(bytes: Buffer): Promise<void> {
    await (await this.#open()).replace(bytes)
  }

  async #open(): Promise<WrittenFile> {
    if (this.trouble !== undefined) throw this.trouble
    const { WrittenFile: Written } = await import('./written-file.ts')
    return (this.#file ??= new Written(this.path, this.#leaving.signal))
  }
}

/** How long a sink that was destroyed goes on to commit what it was given, in ms. */
const LAST_WORDS_MS = 5000

/** What is no file of this machine, as a destination of a sink; it is opened when there is something to write. */
class RemoteDestination implements Destination {
  readonly address: string
  readonly syncInterval: number
  readonly #output: OutputDestination
  readonly #given = new AbortController()
  #opening: Promise<DestinationWriter> | undefined
  #writer: DestinationWriter | undefined
  #timer: NodeJS.Timeout | undefined
  #isComplete = false

  constructor(output: OutputDestination) {
    this.address = output.address
    this.syncInterval = output.commitInterval
    this.#output = output
  }

  get bytes(): number {
    return this.#writer?.bytes ?? 0
  }

  async size(): Promise<number> {
    return (await this.#output.facts(this.#given.signal))?.bytes ?? 0
  }

  async write(text: string): Promise<void> {
    const writer = await this.#open(0)
    await writer.append(text)
  }

  async resumeFrom(bytes: number): Promise<void> {
    await this.#open(bytes)
  }

  async sync(): Promise<void> {
    await this.#writer?.commit()
  }

  async finish(empty: string): Promise<void> {
    const isNew = this.#writer === undefined
    const writer = await this.#open(0)
    if (isNew) await writer.append(empty)
    await writer.complete()
    this.#isComplete = true
    await writer.close()
  }

  interrupt(error: Error): void {
    if (this.#isComplete) return
    this.#timer ??= setTimeout(() => {
      this.#given.abort(error)
      void this.#writer?.close()
    }, LAST_WORDS_MS)
  }

  async abandon(_error: Error | null, rest: string): Promise<void> {
    try {
      // The failure that is known already matters more than one of these last words.
      if (rest !== '') await this.write(rest)
      await this.#writer?.commit()
    } catch {
      // What was committed before stays.
    } finally {
      clearTimeout(this.#timer)
      await this.#writer?.close()
    }
  }

  async #open(keep: number): Promise<DestinationWriter> {
    this.#opening ??= this.#output.open({ keep, signal: this.#given.signal })
    this.#writer = await this.#opening
    return this.#writer
  }
}

/**
 * Where a sink writes: a path, a `file:` URL, or any Writable; of {@link jsonlSink} also an {@link OutputDestination}, such as
 * {@link s3Destination} gives. None means standard output, which is never ended.
 */
export type SinkTarget = string | URL | NodeJS.WritableStream | OutputDestination

const RULE = 'a path, a file: URL or a Writable'

/** The destination for a target; nothing is created yet. @throws {@link ConfigurationError} `INVALID_OPTION` */
export function openTarget(target: SinkTarget | undefined, end: boolean): Destination {
  if (target === undefined) return new WritableDestination(() => process.stdout, false, 'standard output')
  if (typeof target === 'string' || target instanceof URL) return openPath(toPath(target))
  if (isDestination(target)) return new RemoteDestination(target)
  const stream = target as Partial<Writable> | null
  const isWritable = typeof stream === 'object' && stream !== null && typeof stream.write === 'function'
  if (!isWritable || typeof stream.end !== 'function' || typeof stream.on !== 'function') {
    throw invalidOption('target', RULE, target)
  }
  const standard = target === process.stdout || target === process.stderr
  return new WritableDestination(target as Writable, end && !standard, 'the given Writable')
}

function toPath(target: string | URL): string {
  if (target === '') throw invalidOption('target', RULE, target)
  if (typeof target === 'string' && !/^file:\/\//i.test(target)) return target
  try {
    return fileURLToPath(target)
  } catch {
    throw invalidOption('target', RULE, String(target))
  }
}

function openPath(given: string): Destination {
  const file = path.resolve(given)
  try {
    const stats = statSync(file, { throwIfNoEntry: false })
    if (stats?.isDirectory() === true) throw faultOf('EISDIR')
    if (stats === undefined) assertDirectory(path.dirname(file))
    accessSync(stats === undefined ? path.dirname(file) : file, constants.W_OK)
    if (stats === undefined || stats.isFile()) return new FileDestination(file)
    // A device or a named pipe is written like any stream, and is neither truncated nor replaced.
    const isPipe = stats.isFIFO() && process.platform !== 'win32'
    return new WritableDestination(() => (isPipe ? new NamedPipe(file) : createWriteStream(file)), true, file)
  } catch (error) {
    return new FileDestination(file, unwritable(file, error))
  }
}

/** From Node 22 on, a path below a plain file counts as absent for `throwIfNoEntry`; Node 20 throws. */
function assertDirectory(folder: string): void {
  if (!statSync(folder).isDirectory()) throw faultOf('ENOTDIR')
}
