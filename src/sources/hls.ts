import { createDecipheriv } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import { DiarizeStreamError, InputError } from '../errors.ts'
import type { FeedItem, HlsFeed } from './hls-feed.ts'
import type { HlsKey, HlsResource, HlsSegment } from './hls-playlist.ts'
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
  /** Says that `ms` of audio are missing; gives the silence that stands for them. */
  onLost: (ms: number) => number
}

/**
 * The audio of an HLS playlist. Segments that belong together are decoded as one; where clock or format change, a new
 * decoding begins. A live playlist may lose a segment, of which silence is left; in any other that is an error.
 */
export async function* hlsParts(feed: HlsFeed, access: HlsAccess): AsyncGenerator<Part> {
  const reader = new SegmentReader(feed, access)
  for (let item = await feed.peek(); item !== undefined; item = await feed.peek()) {
    const lost = lostTime(item)
    if (lost === undefined) {
      yield { stream: access.decode(Readable.from(reader.run(item as HlsSegment), { objectMode: false })) }
    } else {
      feed.take()
      yield { silence: access.onLost(lost) }
    }
    for (const ms of reader.takeLost()) yield { silence: access.onLost(ms) }
  }
}

/** Milliseconds for which there is nothing; `undefined` where there is a segment. */
function lostTime(item: FeedItem): number | undefined {
  if ('lost' in item) return item.lost
  return item.isGap === true ? item.duration : undefined
}

class SegmentReader {
  readonly #feed: HlsFeed
  readonly #access: HlsAccess
  #keyUrl = ''
  #key: Buffer | undefined
  #lost: number[] = []

  constructor(feed: HlsFeed, access: HlsAccess) {
    this.#feed = feed
    this.#access = access
  }

  /** What was lost within the last run, in ms. */
  takeLost(): number[] {
    return this.#lost.splice(0)
  }

  /** The bytes of `first` and all segments that go on from it. */
  async *run(first: HlsSegment): AsyncGenerator<Buffer> {
    if (first.map !== undefined) yield* this.#read(first.map, first.map.key, first.sequence)
    let segment: HlsSegment | undefined = first
    while (segment !== undefined) {
      this.#feed.take()
      const body: { received: number; total: number | undefined } = { received: 0, total: undefined }
      try {
        yield* this.#read(segment, segment.key, segment.sequence, body)
      } catch (error) {
        if (!this.#feed.isLive || !isPassing(error)) throw error
        const { received, total } = body
        this.#lost.push(Math.round(segment.duration * (total === undefined ? 1 : 1 - received / total)))
        return
      }
      const next: FeedItem | undefined = await this.#feed.peek()
      segment = next !== undefined && goesOn(first, next) ? next : undefined
    }
  }

  async *#read(
    resource: HlsResource,
    key: HlsKey | undefined,
    sequence: number,
    count: { received: number; total: number | undefined } = { received: 0, total: undefined },
  ): AsyncGenerator<Buffer> {
    const secret = key === undefined ? undefined : await this.#keyOf(key)
    const body = this.#access.fetch(resource)
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
    for await (const chunk of this.#access.fetch({ url }) as AsyncIterable<Buffer>) {
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
