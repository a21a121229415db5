import { createDecipheriv } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import type { LiveLimit } from '../../audio/silence.ts'
import { DiarizeStreamError, InputError } from '../../errors.ts'
import type { FeedItem, HlsFeed } from './feed.ts'
import type { HlsKey, HlsResource, HlsSegment, MediaPlaylist } from './playlist.ts'
import { MediaClock, type MediaTime, runLength, timeBetween } from './clock.ts'
import type { HttpBody } from '../http/body.ts'
import { shownUrl } from '../http/address.ts'
import type { Part } from '../live/parts.ts'

/** Bytes of an AES-128 key. */
const KEY_BYTES = 16

/** Most bytes of a segment that are read to find its first picture. */
const MOST_PROBED_BYTES = 524_288

/** How {@link hlsParts} gets at bytes and audio. */
export interface HlsAccess {
  /** Opens one resource. */
  fetch: (resource: HlsResource) => HttpBody
  /** Turns the bytes of segments that belong together into WAV. */
  decode: (bytes: Readable) => Readable
  /** Says that `missing` ms of audio are missing from `start` on; gives the silence that stands for them, in ms. */
  onLost: (start: number, missing: number) => number
  /** Bounds what a live playlist says is missing; absent where it is finished. */
  limit?: LiveLimit | undefined
  /** The picture after so many discontinuities, where it is in a playlist of its own. */
  picture?: (discontinuities: number) => Promise<PictureStart | undefined>
}

/** Where the picture begins that a run of an audio rendition belongs to. */
export interface PictureStart {
  /** Ms from the beginning of the playlist. */
  at: number
  /** The same moment by the clock of the media. */
  clock: MediaTime
  /** Ms that a sound of this playlist may be away from its picture; more is no clock that both share. */
  limit: number
}

/**
 * The audio of an HLS playlist. Segments that belong together are decoded as one run; where clock or format change, a new
 * one begins, at the time that the playlist gives it: what its audio lacks or has too much is no matter of the next. A live
 * playlist may lose a segment, of which silence is left; in any other that is an error.
 */
export async function* hlsParts(feed: HlsFeed, access: HlsAccess): AsyncGenerator<Part> {
  const reader = new SegmentReader(feed, access)
  let at = 0
  let discontinuities = -1
  for (let item = await feed.peek(); item !== undefined; item = await feed.peek()) {
    if (!('lost' in item) && (item.discontinuity || discontinuities < 0)) discontinuities += 1
    const lost = lostTime(item)
    const missing = lost === undefined ? [] : [lost]
    if (lost === undefined) {
      const run = new Run(item as HlsSegment, at, await access.picture?.(discontinuities))
      const bytes = reader.read(run)
      const head = await bytes.next()
      // Of a run whose first segment is gone there is nothing to decode.
      if (head.done !== true) {
        const stream = access.decode(Readable.from(following(head.value, bytes), { objectMode: false }))
        yield { stream, at: () => run.place(), end: (reached, finished) => run.end(reached, finished) }
      }
      const silence = boundedSilence(run.at + run.length - run.reached, access.limit)
      at = Math.min(run.at + run.length, run.reached + silence)
      missing.push(...run.missing)
    } else {
      feed.take()
    }
    for (const claimed of missing) {
      const ms = boundedSilence(claimed, access.limit)
      if (ms < 1) continue
      const silence = access.onLost(at, ms)
      at += silence
      yield { silence, end: at }
    }
  }
}

/**
 * Where the pictures of a finished playlist begin, one after each discontinuity. What cannot be read is not known; no
 * failure of it is one of the audio.
 */
export class PictureStarts {
  readonly #reader: ResourceReader
  readonly #signal: AbortSignal
  readonly #runs: { at: number; segment?: HlsSegment }[] = []
  /** Whether the audio has as many discontinuities. */
  readonly #isParallel: boolean
  /** Ms of all segments. */
  readonly duration: number

  /**
   * @param audio - the playlist of the audio.
   * @param fetch - opens one resource.
   * @param signal - fires when nobody wants to know any longer.
   */
  constructor({ segments }: MediaPlaylist, audio: MediaPlaylist, fetch: HlsAccess['fetch'], signal: AbortSignal) {
    this.#reader = new ResourceReader(fetch)
    this.#signal = signal
    let at = 0
    for (const segment of segments) {
      if (segment.discontinuity || this.#runs.length === 0) this.#runs.push({ at })
      const run = this.#runs.at(-1)
      if (run !== undefined && run.segment === undefined && segment.isGap !== true) Object.assign(run, { at, segment })
      at += segment.duration
    }
    this.duration = at
    const discontinuities = audio.segments.slice(1).filter(({ discontinuity }) => discontinuity)
    this.#isParallel = discontinuities.length + 1 === this.#runs.length
  }

  /** The picture after so many discontinuities. */
  async find(discontinuities: number): Promise<PictureStart | undefined> {
    const run = this.#runs[discontinuities]
    if (run?.segment === undefined || (discontinuities > 0 && !this.#isParallel)) return undefined
    try {
      const clock = await firstPicture(run.segment, this.#reader)
      return clock && { at: run.at, clock, limit: this.duration }
    } catch {
      this.#signal.throwIfAborted()
      return undefined
    }
  }
}

/** When the first picture of a segment is shown; reads no more of it than that takes. */
async function firstPicture(segment: HlsSegment, reader: ResourceReader): Promise<MediaTime | undefined> {
  const clock = new MediaClock()
  const { map, key, sequence } = segment
  const resources = [...(map === undefined ? [] : [{ resource: map, key: map.key }]), { resource: segment, key }]
  let bytes = 0
  for (const { resource, key: itsKey } of resources) {
    for await (const chunk of reader.read(resource, itsKey, sequence)) {
      clock.push(chunk)
      bytes += chunk.length
      if (clock.firstPicture !== undefined || bytes >= MOST_PROBED_BYTES) return clock.firstPicture
    }
  }
  return undefined
}

/** What of `ms` of silence can be believed; counted. */
function boundedSilence(ms: number, limit: LiveLimit | undefined): number {
  const most = limit === undefined ? ms : Math.min(ms, limit.most)
  limit?.silence(Math.max(0, most))
  return most
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
  readonly #picture: PictureStart | undefined
  #at: number
  #declared = 0
  #segments = 0
  #length: number | undefined
  #isBroken = false
  #reached: number | undefined
  /** What follows it: `undefined` while that is more of it, or not known. */
  #next: FeedItem | 'end' | undefined

  constructor(first: HlsSegment, at: number, picture: PictureStart | undefined) {
    this.first = first
    this.#at = at
    this.#picture = picture
  }

  /** Where it begins, in ms. */
  get at(): number {
    return this.#at
  }

  /** How long it is, in ms; by the playlist alone while it is not decoded. */
  get length(): number {
    return this.#length ?? this.#declared
  }

  /** How far its audio goes, in ms; where there is none, its beginning. */
  get reached(): number {
    return this.#reached ?? this.#at
  }

  /** Counts a segment as part of it. */
  add({ duration }: HlsSegment): void {
    this.#declared += duration
    this.#segments += 1
  }

  /** Ends it within its last segment: how much of that has come is only known by its bytes. */
  breakOff(missing: number): void {
    this.missing.push(missing)
    this.#declared -= missing
    this.#isBroken = true
    this.#next = undefined
  }

  /** Says what comes next; gives it if that is a segment of this run. */
  follow(next: FeedItem | 'end' | undefined): HlsSegment | undefined {
    if (next !== undefined && next !== 'end' && goesOn(this.first, next)) return next
    this.#next = next
    return undefined
  }

  /** Where it begins, now that its clock is known: beside its picture, where that is in a playlist of its own. */
  place(): number {
    const { beginning } = this.clock
    if (this.#picture === undefined || beginning === undefined) return this.#at
    const { at, clock, limit } = this.#picture
    const late = timeBetween(beginning, clock)
    if (Math.abs(late) < limit) this.#at = at + late
    return this.#at
  }

  /** Where its audio ends at the latest. The last of all ends by itself. */
  end(reached: number, finished: boolean): number | undefined {
    this.#reached = reached
    if (finished && !this.#isBroken) {
      const { unit, isWhole } = this.first
      this.#length = runLength({
        declared: this.#declared,
        unit: unit * this.#segments,
        isWhole,
        clock: this.clock.lengths,
        decoded: reached - this.#at,
        hasPicture: this.#picture !== undefined || this.clock.firstPicture !== undefined,
      })
    }
    return this.#next === undefined || this.#next === 'end' ? undefined : this.#at + this.length
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
    let isBegun = false
    while (segment !== undefined) {
      this.#feed.take()
      run.add(segment)
      run.follow(this.#feed.next)
      const body: ReadCount = { received: 0, total: undefined }
      try {
        for await (const chunk of this.#reader.read(segment, segment.key, segment.sequence, body)) {
          // A header alone is nothing: it follows when its segment is there.
          if (!isBegun && first.map !== undefined) {
            yield* clocked(this.#reader.read(first.map, first.map.key, first.sequence), clock)
          }
          isBegun = true
          clock.push(chunk)
          yield chunk
        }
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

async function* following(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head
  yield* rest
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
