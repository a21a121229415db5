import type { Segment } from '../model.ts'
import type { WrittenPassage } from './caption-text.ts'
import type { Passage } from '../captions/passages.ts'

/** Passages kept at most, so that a stream without end needs bounded memory. */
const MAX_KEPT = 10_000
/** Sessions of each channel whose turns are kept: a revision may still come for the one before the present one. */
const KEPT_SESSIONS = 2

/**
 * Remembers the passages that have been written, in order, for as long as a revision of them may come: those of the
 * last two sessions of each channel.
 */
export class Revisions {
  readonly #kept: WrittenPassage[] = []
  /** Several of one order where segments made by hand came interleaved with those of other turns. */
  readonly #byOrder = new Map<number, WrittenPassage[]>()
  readonly #revised = new Set<WrittenPassage>()
  readonly #sessions = new Map<string, string[]>()
  #newestForgotten = -1
  #late = 0

  /** The passages that are kept, each in its newest revision. */
  get kept(): readonly WrittenPassage[] {
    return this.#kept
  }

  /** Whether a kept passage differs from what was written of it. */
  get pending(): boolean {
    return this.#revised.size > 0
  }

  /** How many cues would have to be other than they were written. */
  get uncorrected(): number {
    let cues = this.#late
    for (const passage of this.#revised) cues += passage.cues
    return cues
  }

  /** Takes a passage; returns it where it is new and to be written, `undefined` where it revises or repeats one. */
  take(passage: Passage): WrittenPassage | undefined {
    const { turn } = passage
    const known = turn && this.#byOrder.get(turn.order)
    const [earlier] = known ?? []
    if (known === undefined || earlier?.turn === undefined || turn === undefined) return this.#takeNew(passage)
    if (turn.revision < earlier.turn.revision) return undefined
    if (turn.revision > earlier.turn.revision) return this.#revise(earlier, known, passage)
    const isKnown = known.some((one) => sameWords(one.segments, passage.segments))
    return isKnown ? undefined : this.#keep(passage)
  }

  /** Marks everything kept as written in its newest revision. */
  applied(): void {
    this.#revised.clear()
  }

  /** Whether {@link forget} has anything to forget. */
  get hasOld(): boolean {
    return this.#kept.length > MAX_KEPT || this.#isOld(this.#kept[0])
  }

  /**
   * Forgets the oldest passages that no revision is expected for, and returns them. Where there are too many, half are
   * forgotten, so that the work this makes for the file comes seldom.
   */
  forget(): WrittenPassage[] {
    let count = this.#kept.length > MAX_KEPT ? this.#kept.length - MAX_KEPT / 2 : 0
    while (this.#isOld(this.#kept[count])) count += 1
    const forgotten = this.#kept.splice(0, count)
    for (const passage of forgotten) {
      const order = passage.turn?.order
      if (order === undefined) continue
      const others = this.#byOrder.get(order)?.filter((one) => one !== passage) ?? []
      if (others.length === 0) this.#byOrder.delete(order)
      else this.#byOrder.set(order, others)
      if (this.#revised.delete(passage)) this.#late += passage.cues
      this.#newestForgotten = Math.max(this.#newestForgotten, order)
    }
    return forgotten
  }

  #takeNew(passage: Passage): WrittenPassage | undefined {
    const { turn } = passage
    if (turn !== undefined && turn.order <= this.#newestForgotten && turn.revision > 0) {
      this.#late += Math.max(1, passage.segments.length)
      return undefined
    }
    if (turn?.session !== undefined) this.#noteSession(turn.channel ?? '', turn.session)
    return this.#keep(passage)
  }

  #keep(passage: Passage): WrittenPassage {
    const kept = { ...passage, cues: 0 }
    this.#kept.push(kept)
    const order = passage.turn?.order
    if (order !== undefined) this.#byOrder.set(order, [...(this.#byOrder.get(order) ?? []), kept])
    return kept
  }

  #revise(earlier: WrittenPassage, all: WrittenPassage[], passage: Passage): WrittenPassage | undefined {
    const written = all.reduce((sum, kept) => sum + kept.cues, 0)
    // What came interleaved is put together now, which changes the captions even where the words are the same.
    const segments = all.flatMap((one) => one.segments)
    const changed = all.length > 1 || !sameWords(segments, passage.segments)
    Object.assign(earlier, { turn: passage.turn, segments: passage.segments, cues: written })
    for (const other of all.splice(1)) {
      this.#kept.splice(this.#kept.indexOf(other), 1)
      this.#revised.delete(other)
    }
    if (!changed) return undefined
    // Where nothing is shown of it yet, it is written now, at the end, and may have to be moved to its place later.
    const isInPlace = written === 0 && this.#kept.at(-1) === earlier
    if (!isInPlace) this.#revised.add(earlier)
    return written === 0 ? earlier : undefined
  }

  #isOld(passage: WrittenPassage | undefined): boolean {
    if (passage === undefined) return false
    if (passage.turn === undefined) return true
    const { session, channel = '' } = passage.turn
    return session !== undefined && !this.#sessions.get(channel)?.includes(session)
  }

  #noteSession(channel: string, session: string): void {
    const sessions = this.#sessions.get(channel) ?? []
    if (sessions.includes(session)) return
    this.#sessions.set(channel, [...sessions, session].slice(-KEPT_SESSIONS))
  }
}

/** Whether two lists of segments make the same captions. */
function sameWords(one: readonly Segment[], other: readonly Segment[]): boolean {
  return one.length === other.length && one.every((segment, i) => captioned(segment) === captioned(other[i]))
}

function captioned(segment: Segment | undefined): string {
  if (segment === undefined) return ''
  const { speaker, channel, start, end, text, words } = segment
  return JSON.stringify([speaker, channel, start, end, text, words.map((word) => [word.text, word.start, word.end])])
}
