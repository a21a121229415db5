import type { HlsSegment } from './playlist.ts'

/** Segments that are remembered. */
const MOST = 500

/** Target durations for which a list that is behind has to grow before it is believed that its source has begun anew. */
const PROOF = 3

/** What is known of a list. */
interface ListFacts {
  next: number
  from: number
  now: number
  /** Longest segment, in ms. */
  target: number
  ended: boolean
}

/**
 * Tells whether a live playlist that is far behind what was taken of it is an old copy, as of a server that lags behind, or
 * one whose source has begun anew. All times in ms.
 */
export class SegmentHistory {
  /** By number; the query may be another for each who asks. */
  readonly #paths = new Map<number, string>()
  /** A list that is behind: with which segment it was to be gone on with, and with which it ended, when it was first seen; and ends now. */
  #behind: { from: number; first: number; last: number; since: number } | undefined

  /** Remembers segments that were listed. */
  add(segments: readonly HlsSegment[]): void {
    for (const { sequence, url } of segments.slice(-MOST)) this.#paths.set(sequence, url.pathname)
    for (const sequence of this.#paths.keys()) {
      if (this.#paths.size <= MOST) break
      this.#paths.delete(sequence)
    }
  }

  /** Whether a list that is behind grows, so that it will show what it is. */
  get isGrowing(): boolean {
    return this.#behind !== undefined && this.#behind.last > this.#behind.first
  }

  /**
   * The number of the segment with which a list is to be gone on with that is far behind, since it has begun anew;
   * `undefined` where it has not, or may be an old copy.
   *
   * @param next - number of the segment that is waited for.
   * @param from - number of the segment with which playing would begin.
   */
  restart(segments: readonly HlsSegment[], { next, from, now, target, ended }: ListFacts): number | undefined {
    const last = segments.at(-1)?.sequence ?? next
    if (last + 1 >= next) this.#behind = undefined
    else if (last + 1 + segments.length < next) this.#behind ??= { from, first: last, last, since: now }
    const behind = this.#behind
    if (behind === undefined) return undefined
    behind.last = last
    const isKnown = segments.some(({ sequence, url }) => this.#paths.get(sequence) === url.pathname)
    const isProved = ended || (this.isGrowing && now - behind.since >= PROOF * target)
    if (isKnown && !isProved) return undefined
    this.#behind = undefined
    this.#paths.clear()
    // Nothing is lost by having waited.
    return behind.from
  }
}
