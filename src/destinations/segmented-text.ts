import { randomBytes } from 'node:crypto'
import { InputError, OutputError } from '../errors.ts'
import { defined } from '../options.ts'
import type { DestinationFacts, DestinationOpening, DestinationWriter } from './destination.ts'
import { bytesOf, cut, formatManifest, type ListedSegment, type Manifest, mergedBy, parseManifest } from './manifest.ts'
import type { ObjectDestinationOptions } from './object-destination.ts'
import type { ObjectStore, StoredBytes } from './object-store.ts'

const MANIFEST = 'manifest.json'
/** Segments of more than a hundred years of speech have a shorter list. */
const MOST_MANIFEST_BYTES = 33_554_432
/** As much is read at a time. */
const READ_BYTES = 1_048_576
/** How often one that wants to be the holder tries, where others want to, too. */
const OPEN_ATTEMPTS = 10

/** From what size on, in bytes, and after how long, in ms, a segment is put; see {@link ObjectDestinationOptions}. */
type SegmentLimits = Required<Pick<ObjectDestinationOptions, 'commitInterval' | 'segmentBytes'>>

/** The text of an {@link ObjectDestination}, in the objects of a store. */
export class SegmentedText {
  readonly #address: string
  readonly #store: ObjectStore
  readonly #epoch: number | undefined
  readonly #limits: SegmentLimits

  constructor(
    store: ObjectStore,
    { epoch, commitInterval, segmentBytes = 262_144 }: ObjectDestinationOptions & { commitInterval: number },
  ) {
    this.#address = store.address
    this.#store = store
    this.#epoch = epoch
    this.#limits = { commitInterval, segmentBytes }
  }

  async open({ keep, signal }: DestinationOpening): Promise<DestinationWriter> {
    const writer = randomBytes(6).toString('hex')
    for (let attempt = 1; ; attempt++) {
      const found = await this.#manifest(signal).catch((error: unknown) => {
        throw unwritable(this.#address, (error as Error).cause ?? error)
      })
      const before = found?.manifest
      // An answer that was lost may have told of this.
      if (found !== undefined && before?.writer === writer) {
        return new SegmentWriter(this.#store, before, found.version, this.#limits)
      }
      const epoch = this.#epoch ?? (before?.epoch ?? 0) + 1
      if (before !== undefined && before.epoch > epoch) throw fenced(this.#address, epoch, before)
      const bytes = before === undefined ? 0 : bytesOf(before)
      if (bytes < keep) {
        throw unwritable(this.#address, new Error(`it has ${bytes} bytes, and ${keep} of them were to stay`))
      }
      const segments = cut(before?.segments ?? [], keep)
      const manifest = { epoch, writer, sequence: (before?.sequence ?? 0) + 1, isComplete: false, segments }
      const version = await put(this.#store, MANIFEST, formatManifest(manifest), found?.version, signal)
      if (version !== undefined) return new SegmentWriter(this.#store, manifest, version, this.#limits)
      if (attempt >= OPEN_ATTEMPTS) {
        const why = new Error('other writers open it again and again, so there is more than one of them')
        throw unwritable(this.#address, why)
      }
    }
  }

  async facts(signal?: AbortSignal): Promise<DestinationFacts | undefined> {
    const found = await this.#manifest(signal ?? never)
    if (found === undefined) return undefined
    const { epoch, isComplete } = found.manifest
    return { bytes: bytesOf(found.manifest), epoch, isComplete }
  }

  async *read(signal: AbortSignal = never): AsyncGenerator<Uint8Array> {
    const found = await this.#manifest(signal)
    if (found === undefined) return yield* this.#readPlain(signal)
    for (const { name, bytes } of found.manifest.segments) {
      for (let from = 0; from < bytes;) {
        const part = await this.#get(name, from, Math.min(READ_BYTES, bytes - from), signal)
        if (part === undefined || part.bytes.length === 0) {
          throw unreadable(this.#address, `its segment ${name} is missing or has been cut off`)
        }
        from += part.bytes.length
        yield part.bytes
      }
    }
  }

  /** An object that was put by somebody else as a whole. */
  async *#readPlain(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let version: string | undefined
    for (let from = 0, size = 1; from < size;) {
      const part = await this.#get('', from, READ_BYTES, signal)
      if (part === undefined) throw new InputError('INPUT_NOT_FOUND', `${this.#address} does not exist`)
      version ??= part.version
      size = part.size
      if (part.version !== version) throw unreadable(this.#address, 'it was changed while it was being read')
      if (part.bytes.length === 0) return
      from += part.bytes.length
      yield part.bytes
    }
  }

  async #manifest(signal: AbortSignal): Promise<{ manifest: Manifest; version: string } | undefined> {
    const found = await this.#get(MANIFEST, 0, MOST_MANIFEST_BYTES, signal)
    if (found === undefined) return undefined
    const manifest = found.size > MOST_MANIFEST_BYTES ? 'it is too large' : parseManifest(found.bytes)
    if (typeof manifest !== 'string') return { manifest, version: found.version }
    throw new InputError('INPUT_NOT_MEDIA', `${this.#address}/${MANIFEST} cannot be used: ${manifest}`)
  }

  async #get(name: string, from: number, length: number, signal: AbortSignal): Promise<StoredBytes | undefined> {
    try {
      return await this.#store.get(name, { from, length }, signal)
    } catch (error) {
      throw signal.aborted ? error : unreadable(this.#address, (error as Error).message, error)
    }
  }
}

/** The holder of an output, as long as nobody else has become it. */
class SegmentWriter implements DestinationWriter {
  readonly #store: ObjectStore
  readonly #limits: SegmentLimits
  #manifest: Manifest
  #version: string
  /** Texts of small segments, which will be merged. */
  readonly #texts = new Map<string, Uint8Array>()
  #committed: number
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #timer: NodeJS.Timeout | undefined
  #work: Promise<void> = Promise.resolve()
  #failure: unknown
  readonly #closed = new AbortController()

  constructor(store: ObjectStore, manifest: Manifest, version: string, limits: SegmentLimits) {
    this.#store = store
    this.#manifest = manifest
    this.#version = version
    this.#limits = limits
    this.#committed = bytesOf(manifest)
  }

  get epoch(): number {
    return this.#manifest.epoch
  }

  get bytes(): number {
    return this.#committed + this.#waitingBytes
  }

  async append(text: string): Promise<void> {
    this.#check()
    if (text === '') return
    const bytes = Buffer.from(text)
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes >= this.#limits.segmentBytes) return this.commit()
    // What fails then is told by the next call.
    this.#timer ??= setTimeout(() => void this.commit().catch(() => {}), this.#limits.commitInterval)
  }

  commit(): Promise<void> {
    return this.#enqueue(false)
  }

  complete(): Promise<void> {
    return this.#enqueue(true)
  }

  async close(): Promise<void> {
    this.#stopTimer()
    this.#failure ??= new Error('the destination was closed')
    this.#closed.abort()
    await this.#work
  }

  #enqueue(isComplete: boolean): Promise<void> {
    const result = this.#work.then(() => this.#commit(isComplete))
    this.#work = result.catch(() => {})
    return result
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #commit(isComplete: boolean): Promise<void> {
    this.#check()
    this.#stopTimer()
    const text = Buffer.concat(this.#waiting)
    if (text.length === 0 && !isComplete) return
    const { length: taken } = this.#waiting
    try {
      const segments = text.length === 0 ? this.#manifest.segments : await this.#addSegment(text)
      await this.#swap(segments, isComplete)
    } catch (error) {
      this.#failure ??= unwritable(this.#store.address, error)
      throw this.#failure
    }
    this.#waiting.splice(0, taken)
    this.#waitingBytes -= text.length
    this.#committed += text.length
  }

  /** Puts a segment of `text`, and of the small ones that it is merged with. */
  async #addSegment(text: Uint8Array): Promise<readonly ListedSegment[]> {
    const { segments } = this.#manifest
    const { from, level } = mergedBy(segments, text.length, this.#limits.segmentBytes)
    const merged = segments.slice(from)
    const texts: Uint8Array[] = []
    for (const segment of merged) texts.push(this.#texts.get(segment.name) ?? (await this.#read(segment)))
    const all = Buffer.concat([...texts, text])
    const sequence = this.#manifest.sequence + 1
    const { epoch, writer } = this.#manifest
    const name = `segments/${String(sequence).padStart(10, '0')}-${epoch}-${writer}.jsonl`
    // The number is used up, whatever comes of it.
    this.#manifest = { ...this.#manifest, sequence }
    // Nobody else has this name: where it is there already, it is this text, and the answer was lost.
    await put(this.#store, name, all, undefined, this.#closed.signal)
    for (const segment of merged) this.#texts.delete(segment.name)
    if (level === 0) this.#texts.set(name, text)
    return [...segments.slice(0, from), { name, bytes: all.length, ...defined({ level }) }]
  }

  async #read({ name, bytes }: ListedSegment): Promise<Uint8Array> {
    const found = await this.#store.get(name, { from: 0, length: bytes }, this.#closed.signal)
    if (found === undefined || found.bytes.length !== bytes) throw new Error(`its segment ${name} is missing`)
    return found.bytes
  }

  /** Puts the manifest with these segments in place of the one that is known. */
  async #swap(segments: readonly ListedSegment[], isComplete: boolean): Promise<void> {
    const manifest = { ...this.#manifest, sequence: this.#manifest.sequence + 1, segments, isComplete }
    const { signal } = this.#closed
    let version = await put(this.#store, MANIFEST, formatManifest(manifest), this.#version, signal)
    if (version === undefined) {
      const there = await this.#store.get(MANIFEST, { from: 0, length: MOST_MANIFEST_BYTES }, signal)
      const present = there === undefined ? 'it was deleted' : parseManifest(there.bytes)
      if (typeof present === 'string') throw new Error(`its ${MANIFEST} is no longer as it was put there: ${present}`)
      const { epoch, writer, sequence } = manifest
      if (present.writer !== writer) throw fenced(this.#store.address, epoch, present)
      // It is this one, and the answer was lost. An older one of this writer would have been put after a newer.
      if (present.sequence !== sequence) throw new Error(`its ${MANIFEST} is an older one than was put there`)
      version = there?.version
    }
    this.#manifest = manifest
    this.#version = version ?? this.#version
  }
}

/** Never fires. */
const never = new AbortController().signal

/** Puts an object in place of the version `replaced`. @throws (rejects with) OutputError; the reason of `signal` */
export async function put(
  store: ObjectStore,
  name: string,
  bytes: Uint8Array,
  replaced: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  signal.throwIfAborted()
  return store.put(name, bytes, replaced, signal).catch((error: unknown) => {
    throw signal.aborted ? error : unwritable(store.address, error)
  })
}

function fenced(target: string, epoch: number, { epoch: currentEpoch }: Manifest): OutputError {
  const message =
    `cannot write to ${target}: another writer has taken it over (its epoch is ${currentEpoch}, that of this one ${epoch}); ` +
    'leave it to that one, and give each output one writer at a time'
  return new OutputError('OUTPUT_FENCED', message, { target, epoch, currentEpoch })
}

/** Whether a failure of a store may be gone at the next attempt: what failed says so by `retryable`. */
export function mayPass(error: unknown): boolean {
  return (error as { retryable?: unknown } | null)?.retryable === true
}

/** The error for an output that cannot be written. */
export function unwritable(target: string, cause: unknown): OutputError {
  if (cause instanceof OutputError) return cause
  const { message } = cause as Error
  const retryable = mayPass(cause)
  const { isAdvised = false } = cause as { isAdvised?: boolean }
  const next = retryable ? '; try again later' : isAdvised ? '' : '; make it writable, or choose another target'
  return new OutputError('OUTPUT_UNWRITABLE', `cannot write to ${target}: ${message}${next}`, {
    cause,
    target,
    retryable,
  })
}

function unreadable(address: string, why: string, cause?: unknown): InputError {
  if (cause instanceof InputError) return cause
  return new InputError('INPUT_UNREADABLE', `${address} cannot be read: ${why}`, { cause, retryable: mayPass(cause) })
}
