import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { backOff, delayAsked } from '../../back-off.ts'
import { DiarizeStreamError, InputError } from '../../errors.ts'
import type { HttpAnswer, HttpClient } from './client.ts'
import { follow, STOOD_STILL_MS } from '../../stream-helpers.ts'
import { changed, noAnswer, stalled, truncated } from './failures.ts'
import type { HttpSettings } from './options.ts'
import { shownUrl } from '../address.ts'
import type { SourceReconnecting } from '../live/options.ts'

/** Bytes by which content is known. */
const HEAD_BYTES = 32

/** Bytes that a station sends of what it plays, and not before it has something to play. */
const SOUND_BYTES = 1024
/** What begins with headers, which are sent at once, whenever there is something to play. */
const HEADERS_FIRST = ['OggS', 'fLaC', 'RIFF', 'FLV', '\x1A\x45\xDF\xA3']

/** The part of a resource that is wanted. */
export interface ByteRange {
  /** First byte, from 0. */
  offset: number
  /** Number of bytes. */
  length: number
}

/** What is known of the whole of some content. */
export interface KnownContent {
  /** Bytes. */
  size: number
  /** What proves that it is still the same. */
  validator: string
}

/** What is known of the whole by an answer with a part of it, or with all; `undefined` where that is not enough. */
export function knownContent(answer: HttpAnswer): KnownContent | undefined {
  const size = partOf(answer)?.size
  const validator = validatorOf(answer)
  return size === undefined || validator === undefined ? undefined : { size, validator }
}

/** What an {@link HttpBody} reads, and how. */
export interface HttpBodyOptions {
  client: HttpClient
  settings: HttpSettings
  url: URL
  /** Attempts in a row, each without a byte. */
  retries: number
  /** Part that is wanted; everything if absent. */
  range?: ByteRange | undefined
  /** What is known of all of it by now: an answer that is of something else is refused. */
  known?: KnownContent | undefined
  /** Called before each wait for another attempt. */
  onReconnecting?: ((record: SourceReconnecting) => void) | undefined
}

/**
 * The content of one address as bytes. A connection that drops or stalls in the middle is opened again, and goes on
 * where it was; where that is not possible the stream fails. It ends only when the content has come whole.
 */
export class HttpBody extends Readable {
  /** When the first {@link SOUND_BYTES} had come, in ms of `performance.now()`; `undefined` before, or where these may be headers. */
  soundAt: number | undefined
  readonly #options: HttpBodyOptions
  readonly #shown: string
  #opening: Promise<HttpAnswer> | undefined
  #answer: HttpAnswer | undefined
  readonly #closing = new AbortController()
  readonly #unfollow: () => void
  /** Bytes handed on. */
  #received = 0
  /** Bytes of this answer that were handed on before. */
  #skip = 0
  /** Leaves out what a station sends beside its sound. */
  #soundOf = (chunk: Buffer): Buffer => chunk
  /** All that is wanted; `undefined` while nobody knows. */
  #total: number | undefined
  #validator: string | undefined
  /** Whether the server marks where the content ends, though it may not say beforehand where that is. */
  #marksEnd = false
  #resumable = true
  #attempt = 0
  #head: Buffer = Buffer.alloc(0)
  #onHead: (() => void) | undefined
  #complete = false
  #hungry = false
  #watchdog: NodeJS.Timeout | undefined
  /** When the last bytes came, or began to be awaited. */
  #awaitedSince = 0

  constructor(options: HttpBodyOptions) {
    super({ highWaterMark: 16_384 })
    this.#options = options
    this.#shown = shownUrl(options.url)
    this.#total = options.range?.length
    this.#unfollow = follow(options.client.signal, this.#closing)
    // Whoever reads hears of it; until then it is nobody's.
    this.on('error', () => {})
  }

  /** The first answer; opens the connection if need be. Rejects with what the stream fails with. */
  open(): Promise<HttpAnswer> {
    this.#opening ??= this.#connect()
    return this.#opening
  }

  /** Bytes of the whole content, once {@link open} has resolved; `undefined` where the server does not say. */
  get total(): number | undefined {
    return this.#total
  }

  /** Whether content that has ended has come whole for certain: its length is said, or its end is marked. */
  get isEndCertain(): boolean {
    return this.#total !== undefined || this.#marksEnd
  }

  /** The first bytes, 32 or more, or all if there are fewer; they stay in the stream. Rejects with what the stream fails with. */
  async head(): Promise<Buffer> {
    // Nobody reads yet: this alone makes the stream fetch, up to its high-water mark.
    this.read(0)
    if (this.errored !== null) throw this.errored
    if (this.#head.length < HEAD_BYTES && !this.#complete) {
      await new Promise<void>((resolve, reject) => {
        this.#onHead = resolve
        this.once('error', reject)
        this.once('close', resolve)
      })
    }
    return this.#head
  }

  /** Bytes handed on so far. */
  get received(): number {
    return this.#received
  }

  /** Says that the content has no end, so that no later answer goes on where this one breaks off. */
  neverResume(): void {
    this.#resumable = false
  }

  override _read(): void {
    this.#hungry = true
    if (this.#opening === undefined) this.open().catch((error: Error) => this.destroy(error))
    if (this.#answer === undefined) return
    this.#answer.body.resume()
    this.#watch()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#closeConnection()
    this.#closing.abort()
    this.#unfollow()
    callback(error)
  }

  /** Asks until there is an answer, or no attempt is left. */
  async #connect(reason?: DiarizeStreamError): Promise<HttpAnswer> {
    let failure = reason
    for (;;) {
      this.#closing.signal.throwIfAborted()
      if (failure !== undefined) await this.#wait(failure)
      try {
        const answer = await this.#options.client.get(this.#options.url, this.#wanted(), this.#closing.signal)
        this.#accept(answer)
        return answer
      } catch (error) {
        if (!(error instanceof DiarizeStreamError)) throw error
        // A name that was there a moment ago is missing because the network is.
        const isOutage = this.#received > 0 && error.code === 'INPUT_UNREACHABLE'
        if (!error.retryable && !isOutage) throw error
        failure = this.#received > 0 && error.code !== 'INPUT_TRUNCATED' ? this.#broken(error) : error
      }
    }
  }

  /** Waits before the next attempt; throws `failure` where there is none. */
  async #wait(failure: DiarizeStreamError): Promise<void> {
    const { settings, retries, onReconnecting } = this.#options
    if (this.#attempt >= retries) throw failure
    this.#attempt += 1
    const pause = delayAsked(backOff(this.#attempt, settings, false), failure, settings)
    onReconnecting?.({ attempt: this.#attempt, delay: pause, error: failure })
    await delay(pause, undefined, { signal: this.#closing.signal })
  }

  /** The byte of the whole content that is next. */
  get #next(): number {
    return (this.#options.range?.offset ?? 0) + this.#received
  }

  #wanted(): Record<string, string> {
    const { range } = this.#options
    const from = this.#next
    if (from === 0 && range === undefined) return {}
    const to = range === undefined ? '' : String(range.offset + range.length - 1)
    const condition = this.#validator !== undefined && this.#received > 0 ? { 'if-range': this.#validator } : {}
    return { range: `bytes=${from}-${to}`, ...condition }
  }

  /** Takes an answer in hand: checks that it goes on where the last one broke off. */
  #accept(answer: HttpAnswer): void {
    const { body } = answer
    try {
      const whole = this.#place(answer)
      if (this.#received === 0) {
        this.#total = this.#options.range?.length ?? whole
        this.#validator = validatorOf(answer)
        const { known } = this.#options
        if (known !== undefined && (this.#validator !== known.validator || (whole ?? known.size) !== known.size))
          throw changed(this.#shown)
      } else this.#total ??= whole
      // Of what one seeks in, not all need come.
      if (this.#options.known === undefined)
        this.#options.client.expect(answer.url, (this.#total ?? this.#received) - this.#received)
    } catch (error) {
      body.destroy()
      throw error
    }
    this.#answer = answer
    // Of what has a length, it is known by that where it goes on.
    const every = this.#total === undefined ? Number(answer.headers['icy-metaint'] ?? 0) : 0
    this.#soundOf = every > 0 ? withoutTitles(every) : (chunk) => chunk
    this.#marksEnd = isChunked(answer)
    body.on('data', (chunk: Buffer) => this.#take(answer, chunk))
    body.on('end', () => this.#ended(answer))
    body.on('error', (error) => {
      // Of an endless stream, all that has come is to be heard, however it ended.
      if (this.#resumable || this.#received === 0) this.#lost(answer, error)
      else this.#ended(answer)
    })
    if (this.#hungry) this.#watch()
    else body.pause()
  }

  /** How many bytes the whole content has, by this answer, and how many of the answer to skip. */
  #place(answer: HttpAnswer): number | undefined {
    const part = partOf(answer)
    if (part === undefined || part.start > this.#next) {
      throw new InputError('INPUT_UNREADABLE', `the server of ${this.#shown} answers with another part than asked for`)
    }
    // The whole again: the server knows no ranges, or the content is another one by now. A part is known by its length, else by what
    // it has of a tag or a date.
    const validator = validatorOf(answer)
    const mayBeOther = answer.status !== 206 || (this.#total === undefined && validator !== undefined)
    const isOther = mayBeOther && this.#validator !== validator
    const { range } = this.#options
    const hasOtherSize = range === undefined && this.#total !== undefined && part.size !== this.#total
    if (this.#received > 0 && (isOther || hasOtherSize)) throw changed(this.#shown)
    // What is live may have a date, too: of it, as much would be skipped as was heard.
    const mayBeLive = answer.status !== 206 && part.size === undefined && validator === answer.headers['last-modified']
    if (this.#received > 0 && mayBeLive) throw this.#broken(undefined)
    this.#skip = this.#next - part.start
    return part.size
  }

  #take(answer: HttpAnswer, given: Buffer): void {
    if (answer !== this.#answer) return
    const chunk = this.#soundOf(given)
    try {
      this.#options.client.count(this.#options.url, given.length)
    } catch (error) {
      this.destroy(error as Error)
      return
    }
    this.#awaitedSince = performance.now()
    this.#watchdog?.refresh()
    const skipped = Math.min(this.#skip, chunk.length)
    this.#skip -= skipped
    const room = this.#total === undefined ? Infinity : this.#total - this.#received
    const bytes = chunk.subarray(skipped, skipped + Math.min(room, chunk.length))
    if (bytes.length === 0) return
    // Only what had not come before is progress: what always breaks off at the same place is not asked for for ever.
    this.#attempt = 0
    this.#received += bytes.length
    this.#hungry = this.push(bytes)
    if (this.#head.length < HEAD_BYTES) {
      this.#head = Buffer.concat([this.#head, bytes])
      if (this.#head.length >= HEAD_BYTES) this.#onHead?.()
    }
    if (this.#received >= SOUND_BYTES && !this.#hasHeaders) this.soundAt ??= performance.now()
    if (this.#received === this.#total) {
      this.#finish()
    } else if (!this.#hungry) {
      answer.body.pause()
      clearTimeout(this.#watchdog)
      this.#watchdog = undefined
    }
  }

  get #hasHeaders(): boolean {
    const head = this.#head.toString('latin1')
    return HEADERS_FIRST.some((mark) => head.startsWith(mark)) || head.startsWith('ftyp', 4)
  }

  #ended(answer: HttpAnswer): void {
    if (answer !== this.#answer) return
    if (this.#total === undefined || this.#received === this.#total) this.#finish()
    else this.#lost(answer)
  }

  #finish(): void {
    this.#closeConnection()
    this.#complete = true
    this.#onHead?.()
    this.push(null)
  }

  #lost(answer: HttpAnswer, cause?: Error): void {
    if (answer !== this.#answer || this.destroyed) return
    this.#closeConnection()
    const failure = this.#broken(cause)
    // Without a length, a date or a tag, nothing says that the next answer would be of the same content.
    const isKnown = this.#total !== undefined || this.#validator !== undefined
    if (this.#received > 0 && !(this.#resumable && isKnown)) {
      this.destroy(failure)
      return
    }
    this.#connect(failure).catch((error: Error) => {
      // It broke off behind its last byte: only that this was the last one had not come.
      const size = error instanceof InputError && error.status === 416 ? error.total : undefined
      if (this.#total === undefined && size === this.#received) {
        this.#total = size
        this.#finish()
      } else this.destroy(error)
    })
  }

  #broken(cause: unknown): InputError {
    if (cause instanceof InputError && cause.code === 'INPUT_STALLED') return cause
    if (this.#received === 0 && cause !== undefined) return noAnswer(this.#shown, cause)
    return truncated(this.#shown, this.#received, this.#total, cause)
  }

  #watch(): void {
    const answer = this.#answer
    if (answer === undefined || this.#watchdog !== undefined) return
    const { stallTimeout } = this.#options.settings
    this.#awaitedSince = performance.now()
    this.#watchdog = setTimeout(() => {
      const late = performance.now() - this.#awaitedSince - stallTimeout
      this.#awaitedSince = performance.now()
      if (late >= STOOD_STILL_MS) this.#watchdog?.refresh()
      else this.#lost(answer, stalled(this.#shown, stallTimeout, 'byte'))
    }, stallTimeout)
  }

  #closeConnection(): void {
    clearTimeout(this.#watchdog)
    this.#watchdog = undefined
    const answer = this.#answer
    this.#answer = undefined
    answer?.body.destroy()
  }
}

/**
 * What takes the titles out of chunks that follow one another, which some stations send though nobody asked for them (SHOUTcast):
 * behind every so many bytes of sound, a byte with a sixteenth of a title's length, and the title.
 */
function withoutTitles(every: number): (chunk: Buffer) => Buffer {
  let [sound, title] = [every, 0]
  return (chunk) => {
    const kept: Buffer[] = []
    for (let at = 0; at < chunk.length;) {
      if (title > 0) {
        const length = Math.min(title, chunk.length - at)
        title -= length
        at += length
      } else if (sound === 0) {
        title = 16 * chunk[at]!
        sound = every
        at += 1
      } else {
        const length = Math.min(sound, chunk.length - at)
        kept.push(chunk.subarray(at, at + length))
        sound -= length
        at += length
      }
    }
    return kept.length === 1 ? kept[0]! : Buffer.concat(kept)
  }
}

/** Where the part begins that an answer holds, and bytes of the whole; `undefined` where one with status 206 does not say. */
function partOf(answer: HttpAnswer): { start: number; size: number | undefined } | undefined {
  if (answer.status !== 206) return { start: 0, size: lengthOf(answer) }
  const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(answer.headers['content-range'] ?? '') ?? []
  return start === undefined ? undefined : { start: Number(start), size: total === '*' ? undefined : Number(total) }
}

/** Content-Length, where there is one that counts. */
function lengthOf({ headers }: HttpAnswer): number | undefined {
  const length = headers['content-length']
  return length === undefined || headers['transfer-encoding'] !== undefined ? undefined : Number(length)
}

/** Whether it comes in chunks, of which the last one is marked. Behind any other coding the content ends with the connection. */
function isChunked({ headers }: HttpAnswer): boolean {
  return /(?:^|[\s,])chunked\s*$/i.test(headers['transfer-encoding'] ?? '')
}

/** What proves that content is still the same: a strong ETag, or when it was changed last. */
function validatorOf({ headers }: HttpAnswer): string | undefined {
  const { etag } = headers
  return etag !== undefined && !etag.startsWith('W/') ? etag : headers['last-modified']
}
