import { MediaClock, runLength, timeBetween } from './clock.ts'
import type { FeedItem, HlsFeed } from './feed.ts'
import type { LossRule } from './losses.ts'
import type { PictureStart, PlacedClock } from './pictures.ts'
import type { HlsSegment } from './playlist.ts'
import type { ReadCount, SegmentReader } from './segments.ts'

/** Ms by which a run may stand beside the place that its clock gives it: lengths are rounded, and come in whole packets. */
const TOLERANCE_MS = 50

/** What is known of a run before any of it has come. */
export interface RunOptions {
  first: HlsSegment
  /** Where it begins by the playlist, in ms. */
  at: number
  picture: PictureStart | undefined
  /** A run before it that has the same clock, or may have it. */
  before: PlacedClock | undefined
  /** Silence before it that it may begin in, in ms: how much of that was missing is not certain. */
  owed: number
  /** Of a live playlist: how far a run may be moved, in ms; and counts that it is, later only as far as there can be silence. */
  placing: { most: number; moved: (ms: number) => number } | undefined
}

/** Segments that are decoded as one, and where they stand in the audio as a whole. */
export class Run {
  readonly first: HlsSegment
  readonly clock = new MediaClock()
  /** Ms that were lost within it; they follow it. */
  missing: number[] = []
  /** Whether nothing more of it is heard, as what decodes it has given up: it ends where its audio does. */
  isLost = false
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

  /** Of a run that is lost, once no more of it is read: what was not heard is missing. */
  settle(): void {
    const heard = Math.max(0, this.reached - this.at)
    const unheard = this.missing.reduce((sum, ms) => sum + ms, this.#declared - heard)
    this.missing = [Math.max(0, unheard)]
    this.#declared = heard
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
    let exact: number | undefined
    if (picture !== undefined) {
      const late = timeBetween(beginning, picture.clock)
      if (Math.abs(late) < picture.limit) this.#move(picture.at + late - this.at)
    } else if (before !== undefined && placing !== undefined) {
      const by = before.at + timeBetween(beginning, before.clock) - this.at
      if (Math.abs(by) > TOLERANCE_MS) this.#move(by)
      // What is let be is not to add up.
      else exact = this.at + by
    }
    this.placed = { at: exact ?? this.at, clock: beginning, discontinuity: this.first.discontinuityNumber }
    return this.at
  }

  /** Puts it so many ms later; where it is live no further than what is known of it can be off, and as there can be silence. */
  #move(by: number): void {
    const { placing, owed } = this.#options
    if (placing === undefined) this.at += by
    else if (Math.abs(by) <= placing.most || (by < 0 && -by <= owed)) this.at += placing.moved(by)
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
export async function* readRun(
  reader: SegmentReader,
  run: Run,
  feed: HlsFeed,
  losses: LossRule,
): AsyncGenerator<Buffer> {
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
      if (!losses.ofReading(error)) throw error
      const { received, total } = count
      run.breakOff(segment.duration * (total === undefined ? 1 : 1 - received / total))
      return
    }
    const next = (await feed.peek()) ?? 'end'
    if (run.isLost) return
    segment = run.follow(next)
  }
}

/** Whether there is media, and not only time for which there is none. */
export function isSegment(item: FeedItem): item is HlsSegment & { isGap?: false } {
  return !('lost' in item) && item.isGap !== true
}

/** Whether `next` can be decoded together with the segments since `first`. */
function belongsTo(first: HlsSegment, next: FeedItem): next is HlsSegment {
  if (!isSegment(next) || next.discontinuity) return false
  return next.map?.url.href === first.map?.url.href && next.map?.range?.offset === first.map?.range?.offset
}
