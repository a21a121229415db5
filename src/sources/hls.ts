import { createDecipheriv } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import { DiarizeStreamError, InputError } from '../errors.ts'
import type { FeedItem, HlsFeed } from './hls-feed.ts'
import type { HlsKey, HlsResource, HlsSegment } from './hls-playlist.ts'
import { MediaClock, runLength } from './hls-timestamps.ts'
import type { HttpBody } from './http-body.ts'
import { shownUrl } from './http-options.ts'
import type { Part } from './joined-source.ts'

/** Bytes of an AES-128 key. */
const KEY_BYTES = 16

/** How {@link hlsParts} gets at bytes and audio. */
export interface HlsAccess {
  /** Opens one resource. */
  fetch: (resource: HlsResource) => HttpBody
  /** Turns the bytes of segments that belong together into WAV. */
  decode: (bytes: Readable) => Readable
  /** Says that `missing` ms of audio are missing from `start` on; gives the silence that stands for them, in ms. */
  onLost: (start: number, missing: number) => number
}

/**
 * The audio of an HLS playlist. Segments that belong together are decoded as one run; where clock or format change, a new
 * one begins, at the time that the playlist gives it: what its audio lacks or has too much is no matter of the next. A live
 * playlist may lose a segment, of which silence is left; in any other that is an error.
 */
export async function* hlsParts(feed: HlsFeed, access: HlsAccess): AsyncGenerator<Part> {
  const reader = new SegmentReader(feed, access)
  let at = 0
  for (let item = await feed.peek(); item !== undefined; item = await feed.peek()) {
    const lost = lostTime(item)
    const missing = lost === undefined ? [] : [lost]
    if (lost === undefined) {
      const run = new Run(item as HlsSegment, at)
      const stream = access.decode(Readable.from(reader.read(run), { objectMode: false }))
      yield { stream, at: () => run.at, end: (reached, finished) => run.end(reached, finished) }
      at = run.at + run.length
      missing.push(...run.missing)
    } else {
      feed.take()
    }
    for (const ms of missing) {
      const silence = access.onLost(at, ms)
      at += silence
      yield { silence, end: at }
    }
  }
}

/** Milliseconds for which there is nothing; `undefined` where there is a segment. */
function lostTime(item: FeedItem): number | undefined {
  if ('lost' in item) return item.lost
  return item.isGap === true ? item.duration : undefined
}

/** Segments that are decoded as one, and where they stand in the audio as a whole. */
class Run {
  readonly first: HlsSegment
  readonly clock = new MediaClock()
  /** Ms that were lost within it; they follow it. */
  readonly missing: number[] = []
  /** Where it begins, in ms. */
  readonly at: number
  #declared = 0
  #segments = 0
  #length: number | undefined
  /** What follows it: `undefined` while that is more of it, or not known. */
  #next: FeedItem | 'end' | undefined

  constructor(first: HlsSegment, at: number) {
    this.first = first
    this.at = at
  }

  /** How long it is, in ms; by the playlist alone while it is not decoded. */
  get length(): number {
    return this.#length ?? this.#declared
  }

  /** Counts a segment as part of it. */
  add({ duration }: HlsSegment): void {
    this.#declared += duration
    this.#segments += 1
  }

  /** Ends it within its last segment. */
  breakOff(missing: number): void {
    this.missing.push(Math.round(missing))
    this.#declared -= missing
  }

  /** Says what comes next; gives it if that is a segment of this run. */
  follow(next: FeedItem | 'end' | undefined): HlsSegment | undefined {
    if (next !== undefined && next !== 'end' && goesOn(this.first, next)) return next
    this.#next = next
    return undefined
  }

  /** Where its audio ends at the latest. The last of all ends by itself. */
  end(reached: number, finished: boolean): number | undefined {
    if (finished) {
      const { unit, isWhole } = this.first
      this.#length = runLength({
        declared: this.#declared,
        unit: unit * this.#segments,
        isWhole,
        clock: this.clock.lengths,
        decoded: reached - this.at,
        hasPicture: this.clock.firstPicture !== undefined,
      })
    }
    return this.#next === undefined || this.#next === 'end' ? undefined : this.at + this.length
  }
}

class SegmentReader {
  readonly #feed: HlsFeed
  readonly #reader: ResourceReader

  constructor(feed: HlsFeed, { fetch }: HlsAccess) {
    this.#feed = feed
    this.#reader = new ResourceReader(fetch)
  }

  /** The bytes of a run: those of its first segment, and of all that go on from it. */
  async *read(run: Run): AsyncGenerator<Buffer> {
    const { first, clock } = run
    let segment: HlsSegment | undefined = first
    if (first.map !== undefined) yield* clocked(this.#reader.read(first.map, first.map.key, first.sequence), clock)
    while (segment !== undefined) {
      this.#feed.take()
      run.add(segment)
      run.follow(this.#feed.next)
      const body: ReadCount = { received: 0, total: undefined }
      try {
        yield* clocked(this.#reader.read(segment, segment.key, segment.sequence, body), clock)
      } catch (error) {
        if (!this.#feed.isLive || !isPassing(error)) throw error
        const { received, total } = body
        run.breakOff(segment.duration * (total === undefined ? 1 : 1 - received / total))
        return
      }
      segment = run.follow((await this.#feed.peek()) ?? 'end')
    }
  }
}

/** Bytes as they are; a clock hears of them. */
async function* clocked(bytes: AsyncIterable<Buffer>, clock: MediaClock): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    clock.push(chunk)
    yield chunk
  }
}

interface ReadCount {
  received: number
  /** `undefined` where the server does not say. */
  total: number | undefined
}

/** Reads resources of a playlist, decrypted. */
class ResourceReader {
  readonly #fetch: HlsAccess['fetch']
  #keyUrl = ''
  #key: Buffer | undefined

  constructor(fetch: HlsAccess['fetch']) {
    this.#fetch = fetch
  }

  /** @param count - kept up to date with what has come. */
  async *read(
    resource: HlsResource,
    key: HlsKey | undefined,
    sequence: number,
    count: ReadCount = { received: 0, total: undefined },
  ): AsyncGenerator<Buffer> {
    const secret = key === undefined ? undefined : await this.#keyOf(key)
    const body = this.#fetch(resource)
    const bytes = key === undefined || secret === undefined ? body : decrypted(body, secret, key.iv ?? ivOf(sequence))
    try {
      for await (const chunk of bytes as AsyncIterable<Buffer>) {
        count.received += chunk.length
        count.total = body.total
        yield chunk
      }
    } catch (cause) {
      const { code } = cause as { code?: unknown }
      if (typeof code !== 'string' || !code.startsWith('ERR_OSSL')) throw cause
      const message = `${shownUrl(resource.url)} cannot be decrypted with the key of its playlist`
      throw new InputError('INPUT_UNREADABLE', message, { cause })
    }
  }

  async #keyOf({ url }: HlsKey): Promise<Buffer> {
    if (this.#key !== undefined && this.#keyUrl === url.href) return this.#key
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of this.#fetch({ url }) as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      length += chunk.length
      if (length > KEY_BYTES) break
    }
    if (length !== KEY_BYTES) {
      throw new InputError('INPUT_UNREADABLE', `${shownUrl(url)} is no AES-128 key: it has not 16 bytes`)
    }
    this.#keyUrl = url.href
    this.#key = Buffer.concat(chunks)
    return this.#key
  }
}

/** Whether `next` can be decoded together with the segments since `first`. */
function goesOn(first: HlsSegment, next: FeedItem): next is HlsSegment {
  if (lostTime(next) !== undefined || (next as HlsSegment).discontinuity) return false
  const { map } = next as HlsSegment
  return map?.url.href === first.map?.url.href && map?.range?.offset === first.map?.range?.offset
}

/** Whether an error costs a live playlist one segment only. */
function isPassing(error: unknown): boolean {
  return error instanceof DiarizeStreamError && (error.retryable || error.code === 'INPUT_NOT_FOUND')
}

function decrypted(body: HttpBody, key: Buffer, iv: Buffer): Readable {
  const decipher = createDecipheriv('aes-128-cbc', key, iv)
  // An error of either is the error of both.
  return pipeline(body, decipher, () => {})
}

function ivOf(sequence: number): Buffer {
  const iv = Buffer.alloc(KEY_BYTES)
  iv.writeBigUInt64BE(BigInt(sequence), 8)
  return iv
}
