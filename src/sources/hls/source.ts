import { createDecipheriv } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import { SilenceLimit } from '../../audio/silence.ts'
import { DiarizeStreamError, InputError } from '../../errors.ts'
import { streamStartedAt } from '../../stage.ts'
import { shownUrl } from '../http/address.ts'
import type { HttpBody } from '../http/body.ts'
import { tooLarge } from '../http/failures.ts'
import type { Part } from '../live/parts.ts'
import type { SourceGap } from '../live/timeline.ts'
import { MediaClock, type MediaTime, runLength, timeBetween } from './clock.ts'
import { type FeedItem, type HlsAccess, HlsFeed } from './feed.ts'
import { type HlsKey, type HlsResource, type HlsSegment, type MediaPlaylist, readPlaylist } from './playlist.ts'

/** Bytes of an AES-128 key. */
const KEY_BYTES = 16

/** Longest finished playlist, in ms: what it says is long and has no sound is made of silence. */
const MOST_PLAYLIST_MS = 7 * 86_400_000

/** How much later than it is recorded the audio of a live playlist may come, in ms, at least and at most. */
const LATE_MS = { least: 2000, most: 10_000 }

/** Attempts in a row to read a picture beside an audio rendition: it is not worth a long wait. */
const MOST_PICTURE_RETRIES = 2

/** Most bytes of a segment that are read to find its first picture. */
const MOST_PROBED_BYTES = 524_288

/** Where the picture begins that a run of an audio rendition belongs to. */
interface PictureStart {
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
 *
 * @param url - where the playlist is to be read again.
 * @param first - the playlist as it was first read.
 * @param pictureUrl - the playlist of the picture, where it has one of its own.
 */
export async function* hlsParts(
  access: HlsAccess,
  url: URL,
  first: MediaPlaylist,
  pictureUrl: URL | undefined,
): AsyncGenerator<Part> {
  const { source, settings } = access
  const feed = new HlsFeed(access, url, first)
  // Segments come whole, and what says that there are new ones may be a copy that is as old as one.
  const late = Math.min(LATE_MS.most, Math.max(LATE_MS.least, 3 * first.targetDuration))
  const limit = feed.isLive ? new SilenceLimit(late) : undefined
  if (feed.isLive) source[streamStartedAt] = new Date(Date.now() - feed.position)
  else if (feed.position > MOST_PLAYLIST_MS) throw tooLarge(shownUrl(url), 'a playlist may be, 7 days')
  // Of a live playlist nobody knows which segment of the picture's belongs to its first.
  const pictures = feed.isLive || pictureUrl === undefined ? undefined : await readPictures(access, pictureUrl, first)
  if (!feed.isLive) source.duration = Math.round(Math.max(feed.position, pictures?.duration ?? 0))
  const reader = new SegmentReader(access.open)
  /** What of `ms` of silence can be believed; counted. */
  const bounded = (ms: number): number => {
    const most = limit === undefined ? ms : Math.min(ms, limit.most)
    limit?.silence(Math.max(0, most))
    return most
  }
  let at = 0
  let discontinuities = -1
  for (let item = await feed.peek(); item !== undefined; item = await feed.peek()) {
    if (!('lost' in item) && (item.discontinuity || discontinuities < 0)) discontinuities += 1
    const missing: number[] = []
    if (isSegment(item)) {
      const run = new Run(item, at, await pictures?.find(discontinuities))
      const bytes = reader.readRun(run, feed)
      const head = await bytes.next()
      // Of a run whose first segment is gone there is nothing to decode.
      if (head.done !== true) {
        const stream = access.decode(Readable.from(following(head.value, bytes), { objectMode: false }), url, limit)
        yield { stream, at: () => run.place(), end: (reached, finished) => run.end(reached, finished) }
      }
      const silence = bounded(run.at + run.length - run.reached)
      at = Math.min(run.at + run.length, run.reached + silence)
      missing.push(...run.missing)
    } else {
      feed.take()
      missing.push('lost' in item ? item.lost : item.duration)
    }
    for (const claimed of missing) {
      const ms = bounded(claimed)
      if (ms < 1) continue
      const silence = settings.gaps === 'silence' ? ms : 0
      source.emit('gap', lossAt(at, ms, silence > 0))
      at += silence
      yield { silence, end: at }
    }
  }
}

function lossAt(from: number, ms: number, isFilled: boolean): SourceGap {
  const [start, missing] = [Math.round(from), Math.round(ms)]
  return { start, end: isFilled ? start + missing : start, missing }
}

/** Where the pictures of a playlist begin. */
interface Pictures {
  /** Ms of all segments. */
  duration: number
  /** The picture after so many discontinuities; what cannot be read is not known. */
  find: (discontinuities: number) => Promise<PictureStart | undefined>
}

/**
 * The pictures beside an audio rendition; `undefined` where their playlist cannot be read, or has no end yet. No failure
 * of a picture is one of the audio.
 */
async function readPictures(
  { settings, signal, open }: HlsAccess,
  url: URL,
  audio: MediaPlaylist,
): Promise<Pictures | undefined> {
  const retries = Math.min(MOST_PICTURE_RETRIES, settings.fileRetries)
  const unlessAborted = (): undefined => {
    signal.throwIfAborted()
    return undefined
  }
  const read = async (): Promise<Awaited<ReturnType<typeof readPlaylist>>> => {
    const body = open({ url }, retries)
    const answer = await body.open()
    return readPlaylist(body, url, answer.url)
  }
  const playlist = await read().catch(unlessAborted)
  if (playlist?.kind !== 'media' || !playlist.ended) return undefined
  const reader = new SegmentReader((resource) => open(resource, retries))
  const runs: { at: number; segment?: HlsSegment }[] = []
  let duration = 0
  for (const segment of playlist.segments) {
    if (segment.discontinuity || runs.length === 0) runs.push({ at: duration })
    const run = runs.at(-1)
    if (run !== undefined && run.segment === undefined && segment.isGap !== true) {
      Object.assign(run, { at: duration, segment })
    }
    duration += segment.duration
  }
  const isParallel = audio.segments.slice(1).filter(({ discontinuity }) => discontinuity).length + 1 === runs.length
  const find = async (discontinuities: number): Promise<PictureStart | undefined> => {
    const run = runs[discontinuities]
    if (run?.segment === undefined || (discontinuities > 0 && !isParallel)) return undefined
    const clock = await firstPicture(run.segment, reader).catch(unlessAborted)
    return clock && { at: run.at, clock, limit: duration }
  }
  return { duration, find }
}

/** When the first picture of a segment is shown; reads no more of it than that takes. */
async function firstPicture(segment: HlsSegment, reader: SegmentReader): Promise<MediaTime | undefined> {
  const clock = new MediaClock()
  let bytes = 0
  for (const resource of segment.map === undefined ? [segment] : [segment.map, segment]) {
    for await (const chunk of reader.read(resource, segment.sequence)) {
      clock.push(chunk)
      bytes += chunk.length
      if (clock.firstPicture !== undefined || bytes >= MOST_PROBED_BYTES) return clock.firstPicture
    }
  }
  return undefined
}

/** Segments that are decoded as one, and where they stand in the audio as a whole. */
class Run {
  readonly first: HlsSegment
  readonly clock = new MediaClock()
  /** Ms that were lost within it; they follow it. */
  readonly missing: number[] = []
  /** Where it begins, in ms. */
  at: number
  /** How far its audio goes, in ms; where there is none, its beginning. */
  reached: number
  readonly #picture: PictureStart | undefined
  #declared = 0
  #segments = 0
  #length: number | undefined
  #isBroken = false
  /** What follows it: `undefined` while that is more of it, or not known. */
  #next: FeedItem | 'end' | undefined

  constructor(first: HlsSegment, at: number, picture: PictureStart | undefined) {
    this.first = first
    this.at = at
    this.reached = at
    this.#picture = picture
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

  /** Ends it within its last segment: how much of that has come is only known by its bytes. */
  breakOff(missing: number): void {
    this.missing.push(missing)
    this.#declared -= missing
    this.#isBroken = true
    this.#next = undefined
  }

  /** Says what comes next; gives it if that is a segment of this run. */
  follow(next: FeedItem | 'end' | undefined): HlsSegment | undefined {
    if (next !== undefined && next !== 'end' && belongsTo(this.first, next)) return next
    this.#next = next
    return undefined
  }

  /** Where it begins, now that its clock is known: beside its picture, where that is in a playlist of its own. */
  place(): number {
    const { beginning } = this.clock
    if (this.#picture === undefined || beginning === undefined) return this.at
    const { at, clock, limit } = this.#picture
    const late = timeBetween(beginning, clock)
    if (Math.abs(late) < limit) this.at = at + late
    return this.at
  }

  /** Where its audio ends at the latest. The last of all ends by itself. */
  end(reached: number, finished: boolean): number | undefined {
    this.reached = reached
    if (finished && !this.#isBroken) {
      const { unit, isWhole } = this.first
      this.#length = runLength({
        declared: this.#declared,
        unit: unit * this.#segments,
        isWhole,
        clock: this.clock.lengths,
        decoded: reached - this.at,
        hasPicture: this.#picture !== undefined || this.clock.firstPicture !== undefined,
      })
    }
    return this.#next === undefined || this.#next === 'end' ? undefined : this.at + this.length
  }
}

/** Reads resources of a playlist, decrypted. */
class SegmentReader {
  readonly #open: HlsAccess['open']
  #keyUrl = ''
  #key: Buffer | undefined

  constructor(open: HlsAccess['open']) {
    this.#open = open
  }

  /** The bytes of a run: those of its first segment, and of all that go on from it. */
  async *readRun(run: Run, feed: HlsFeed): AsyncGenerator<Buffer> {
    const { first, clock } = run
    let segment: HlsSegment | undefined = first
    let isBegun = false
    while (segment !== undefined) {
      feed.take()
      run.add(segment)
      run.follow(feed.next)
      const count: ReadCount = { received: 0, total: undefined }
      try {
        for await (const chunk of this.read(segment, segment.sequence, count)) {
          // A header alone is nothing: it follows when its segment is there.
          const header = isBegun || first.map === undefined ? [] : this.read(first.map, first.sequence)
          isBegun = true
          for await (const piece of header) {
            clock.push(piece)
            yield piece
          }
          clock.push(chunk)
          yield chunk
        }
      } catch (error) {
        if (!feed.isLive || !isTransient(error)) throw error
        const { received, total } = count
        run.breakOff(segment.duration * (total === undefined ? 1 : 1 - received / total))
        return
      }
      segment = run.follow((await feed.peek()) ?? 'end')
    }
  }

  /**
   * @param sequence - number of the segment, which is the initialisation vector where the playlist gives none.
   * @param count - kept up to date with what has come.
   */
  async *read(
    resource: HlsResource & { key?: HlsKey },
    sequence: number,
    count: ReadCount = { received: 0, total: undefined },
  ): AsyncGenerator<Buffer> {
    const { key } = resource
    const secret = key && (await this.#keyOf(key))
    const body = this.#open(resource)
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
    for await (const chunk of this.#open({ url }) as AsyncIterable<Buffer>) {
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

interface ReadCount {
  received: number
  /** `undefined` where the server does not say. */
  total: number | undefined
}

async function* following(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head
  yield* rest
}

/** Whether there is media, and not only time for which there is none. */
function isSegment(item: FeedItem): item is HlsSegment & { isGap?: false } {
  return !('lost' in item) && item.isGap !== true
}

/** Whether `next` can be decoded together with the segments since `first`. */
function belongsTo(first: HlsSegment, next: FeedItem): next is HlsSegment {
  if (!isSegment(next) || next.discontinuity) return false
  return next.map?.url.href === first.map?.url.href && next.map?.range?.offset === first.map?.range?.offset
}

/** Whether an error costs a live playlist one segment only. */
function isTransient(error: unknown): boolean {
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
