import { Readable } from 'node:stream'
import { SilenceLimit } from '../../audio/silence.ts'
import { DiarizeStreamError } from '../../errors.ts'
import { streamStartedAt } from '../../stage.ts'
import { shownUrl } from '../http/address.ts'
import { tooLarge } from '../http/failures.ts'
import type { Part } from '../live/parts.ts'
import type { SourceGap } from '../live/timeline.ts'
import { MediaClock, runLength, timeBetween } from './clock.ts'
import { type FeedItem, type HlsAccess, HlsFeed } from './feed.ts'
import { livePictures, type PictureStart, type PlacedClock, readPictures } from './pictures.ts'
import type { HlsSegment, MediaPlaylist } from './playlist.ts'
import { type ReadCount, SegmentReader } from './segments.ts'

/** Longest finished playlist, in ms: what it says is long and has no sound is made of silence. */
const MOST_PLAYLIST_MS = 7 * 86_400_000

/** How much later than it is recorded the audio of a live playlist may come, in ms, at least and at most. */
const LATE_MS = { least: 2000, most: 10_000 }

/** Ms by which a run may stand beside the place that its clock gives it: lengths are rounded, and come in whole packets. */
const TOLERANCE_MS = 50

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
  const findPictures = feed.isLive ? livePictures : readPictures
  const pictures = pictureUrl === undefined ? undefined : await findPictures(access, pictureUrl, first)
  if (!feed.isLive) source.duration = Math.round(Math.max(feed.position, pictures?.duration ?? 0))
  const reader = new SegmentReader(access.open)
  /** What of `ms` of silence can be believed; counted. */
  const bounded = (ms: number): number => {
    const most = limit === undefined ? ms : Math.min(ms, limit.most)
    limit?.silence(Math.max(0, most))
    return most
  }
  // A live playlist may lose what its clock is needed for to know how long it was.
  const placing = feed.isLive ? { most: Math.min(1.5 * first.targetDuration, LATE_MS.most), bounded } : undefined
  let at = 0
  /** Silence up to {@link at} that is left to what follows, which may know better where it stands. */
  let owed = 0
  let before: PlacedClock | undefined
  let discontinuities = -1
  for (let item = await feed.peek(); item !== undefined; item = await feed.peek()) {
    if (!('lost' in item) && (item.discontinuity || discontinuities < 0)) discontinuities += 1
    const missing: number[] = []
    if (isSegment(item)) {
      const isOther = before?.discontinuity !== item.discontinuityNumber || item.discontinuity
      const picture =
        isOther || !feed.isLive ? await pictures?.find({ discontinuities, first: item, before }) : undefined
      const run = new Run({ first: item, at, picture, placing, before: isOther ? undefined : before })
      const bytes = readRun(reader, run, feed)
      const head = await bytes.next()
      // Of a run whose first segment is gone there is nothing to decode.
      if (head.done !== true) {
        const stream = access.decode(Readable.from(following(head.value, bytes), { objectMode: false }), url, limit)
        yield { stream, at: () => run.place(), end: (reached, finished) => run.end(reached, finished) }
        owed = 0
      }
      const silence = bounded(run.at + run.length - run.reached)
      at = Math.min(run.at + run.length, run.reached + silence)
      missing.push(...run.missing)
      before = run.placed ?? before
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
      if (silence === 0) before = undefined
      owed = before === undefined || !feed.isLive ? 0 : Math.min(silence, first.targetDuration)
      yield { silence: silence - owed, end: at - owed }
    }
  }
  if (owed > 0) yield { silence: owed, end: at }
}

function lossAt(from: number, ms: number, isFilled: boolean): SourceGap {
  const [start, missing] = [Math.round(from), Math.round(ms)]
  return { start, end: isFilled ? start + missing : start, missing }
}

/** What is known of a run before any of it has come. */
interface RunOptions {
  first: HlsSegment
  /** Where it begins by the playlist, in ms. */
  at: number
  picture: PictureStart | undefined
  /** A run before it that has the same clock. */
  before: PlacedClock | undefined
  /** Of a live playlist: how far a run may be moved, in ms, and what of that can be silence; counted. */
  placing: { most: number; bounded: (ms: number) => number } | undefined
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
  /** The same moment as {@link at} by its own clock, once that is known. */
  placed: PlacedClock | undefined
  readonly #options: RunOptions
  #declared = 0
  #segments = 0
  #length: number | undefined
  #isBroken = false
  /** What follows it: `undefined` while that is more of it, or not known. */
  #next: FeedItem | 'end' | undefined

  constructor(options: RunOptions) {
    this.#options = options
    this.first = options.first
    this.at = options.at
    this.reached = options.at
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

  /** Where it begins, now that its clock is known: where that puts it, or beside its picture, where that is in a playlist of its own. */
  place(): number {
    const { beginning } = this.clock
    if (beginning === undefined || this.placed !== undefined) return this.at
    const { picture, before, placing } = this.#options
    if (picture !== undefined) {
      const late = timeBetween(beginning, picture.clock)
      if (Math.abs(late) < picture.limit) this.#move(picture.at + late - this.at)
    } else if (before !== undefined && placing !== undefined) {
      const by = before.at + timeBetween(beginning, before.clock) - this.at
      if (Math.abs(by) > TOLERANCE_MS) this.#move(by)
    }
    this.placed = { at: this.at, clock: beginning, discontinuity: this.first.discontinuityNumber }
    return this.at
  }

  /** Puts it so many ms later; where it is live no further than what is known of it can be off, and as there can be silence. */
  #move(by: number): void {
    const { placing } = this.#options
    if (placing === undefined) this.at += by
    else if (Math.abs(by) <= placing.most) this.at += by > 0 ? placing.bounded(by) : by
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
        hasPicture: this.#options.picture !== undefined || this.clock.firstPicture !== undefined,
      })
    }
    return this.#next === undefined || this.#next === 'end' ? undefined : this.at + this.length
  }
}

/** The bytes of a run: those of its first segment, and of all that go on from it. */
async function* readRun(reader: SegmentReader, run: Run, feed: HlsFeed): AsyncGenerator<Buffer> {
  const { first, clock } = run
  let segment: HlsSegment | undefined = first
  let isBegun = false
  while (segment !== undefined) {
    feed.take()
    run.add(segment)
    run.follow(feed.next)
    const count: ReadCount = { received: 0, total: undefined }
    try {
      for await (const chunk of reader.read(segment, segment.sequence, count)) {
        // A header alone is nothing: it follows when its segment is there.
        const header = isBegun || first.map === undefined ? [] : reader.read(first.map, first.sequence)
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
