import type { Segment } from '../model.ts'
import type { Passage } from '../captions/passages.ts'
import { WrittenPassage } from './written-passage.ts'

/** Passages kept at most, so that a stream without end needs bounded memory. */
const MAX_KEPT = 10_000
/** Sessions of each channel whose turns are kept: a revision may still come for the one before the present one. */
const KEPT_SESSIONS = 2

/** A passage that is to be written, or to be written anew. */
export interface TakenPassage<State> {
  passage: WrittenPassage<State>
  /** Whether it is the last one; else it revises one that is kept. */
  isNew: boolean
  /** Passages that it has taken the place of. */
  gone: readonly WrittenPassage<State>[]
  /** Whether it begins otherwise than before, on which the end of the text before it depends. */
  isMoved: boolean
}

/**
 * Remembers the passages that have been written, in order, for as long as a revision of them may come: those of the
 * last two sessions of each channel.
 */
export class Revisions<State = unknown> {
  readonly #kept: WrittenPassage<State>[] = []
  /** Several of one order where segments made by hand came interleaved with those of other turns. */
  readonly #byOrder = new Map<number, WrittenPassage<State>[]>()
  readonly #revised = new Set<WrittenPassage<State>>()
  /** Passages before which there is something in the text that is kept no more, or not there. */
  readonly #displaced = new Set<WrittenPassage<State>>()
  #isNextDisplaced = false
  readonly #sessions = new Map<string, string[]>()
  #newestForgotten = -1
  #late = 0

  /** The passages that are kept, each in its newest revision. */
  get kept(): readonly WrittenPassage<State>[] {
    return this.#kept
  }

  /** Whether a kept passage differs from what was written of it. */
  get pending(): boolean {
    return this.#revised.size > 0 || this.#displaced.size > 0
  }

  /** How many cues would have to be other than they were written. */
  get uncorrected(): number {
    let blocks = this.#late
    for (const passage of this.#revised) blocks += Math.max(1, passage.blocks)
    return blocks
  }

  /** Takes a passage; `undefined` where it changes nothing. */
  take(passage: Passage): TakenPassage<State> | undefined {
    const { turn } = passage
    const known = turn && this.#byOrder.get(turn.order)
    const [earlier] = known ?? []
    if (known === undefined || earlier?.turn === undefined || turn === undefined) return this.#takeNew(passage)
    if (turn.revision < earlier.turn.revision) return undefined
    if (turn.revision > earlier.turn.revision) return this.#revise(earlier, known, passage)
    const isKnown = known.some((one) => sameWords(one.segments, passage.segments))
    return isKnown ? undefined : this.#keep(passage)
  }

  /** Makes the kept passages before `first` small, or all where there is none: no text of them is under way. */
  settle(first: WrittenPassage<State> | undefined): void {
    let index = first === undefined ? this.#kept.length : this.#kept.lastIndexOf(first)
    while (index > 0 && this.#kept[index - 1]?.packed === false) this.#kept[--index]?.pack()
  }

  /** Notes that what is written of a kept passage is not its newest revision, or not in its place. */
  correctLater(passage: WrittenPassage<State>): void {
    this.#revised.add(passage)
  }

  /** Notes that what is written before a kept passage is not what it must be. */
  displaced(passage: WrittenPassage<State>): void {
    this.#displaced.add(passage)
  }

  /** Notes that the text of a kept passage has been written behind the last one. */
  strayed(passage: WrittenPassage<State>): void {
    this.#revised.add(passage)
    this.#isNextDisplaced = true
  }

  /** Whether the text is not what it must be in the place of a kept passage, or just before it. */
  readonly isChanged = (passage: WrittenPassage<State>): boolean => {
    return this.#revised.has(passage) || this.#displaced.has(passage)
  }

  /** Notes that everything kept is written in its newest revision. */
  corrected(): void {
    for (const passage of this.#revised) passage.pack()
    this.#revised.clear()
    this.#displaced.clear()
    this.#isNextDisplaced = false
  }

  /** Whether {@link forget} has anything to forget. */
  get hasOld(): boolean {
    return this.#kept.length > MAX_KEPT || this.#isOld(this.#kept[0])
  }

  /**
   * Forgets the oldest passages that no revision is expected for. Where there are too many, half are forgotten, so that
   * this comes seldom.
   */
  forget(): void {
    let count = this.#kept.length > MAX_KEPT ? this.#kept.length - MAX_KEPT / 2 : 0
    while (this.#isOld(this.#kept[count])) count += 1
    // What lies together in the text can be made again only together.
    count = Math.min(count, this.#kept.length - 1)
    while (count > 0 && this.#kept[count]?.begins === false) count -= 1
    const forgotten = this.#kept.splice(0, count)
    for (const passage of forgotten) {
      this.#displaced.delete(passage)
      const order = passage.turn?.order
      if (order === undefined) continue
      const others = this.#byOrder.get(order)?.filter((one) => one !== passage) ?? []
      if (others.length === 0) this.#byOrder.delete(order)
      else this.#byOrder.set(order, others)
      if (this.#revised.delete(passage)) this.#late += Math.max(1, passage.blocks)
      this.#newestForgotten = Math.max(this.#newestForgotten, order)
    }
  }

  #takeNew(passage: Passage): TakenPassage<State> | undefined {
    const { turn } = passage
    if (turn !== undefined && turn.order <= this.#newestForgotten && turn.revision > 0) {
      this.#late += Math.max(1, passage.segments.length)
      return undefined
    }
    if (turn?.session !== undefined) this.#noteSession(turn.channel ?? '', turn.session)
    return this.#keep(passage)
  }

  #keep(passage: Passage): TakenPassage<State> {
    const kept = new WrittenPassage<State>(passage)
    this.#kept.push(kept)
    if (this.#isNextDisplaced) this.#displaced.add(kept)
    this.#isNextDisplaced = false
    const order = passage.turn?.order
    if (order !== undefined) this.#byOrder.set(order, [...(this.#byOrder.get(order) ?? []), kept])
    return { passage: kept, isNew: true, gone: [], isMoved: false }
  }

  #revise(
    earlier: WrittenPassage<State>,
    all: WrittenPassage<State>[],
    passage: Passage,
  ): TakenPassage<State> | undefined {
    const blocks = all.reduce((sum, kept) => sum + kept.blocks, 0)
    const empty = all.every((kept) => kept.empty)
    // What came interleaved is put together now, which changes the captions even where the words are the same.
    const segments = all.flatMap((one) => one.segments)
    const changed = all.length > 1 || !sameWords(segments, passage.segments)
    const isMoved = beginning(segments[0]) !== beginning(passage.segments[0])
    Object.assign(earlier, { turn: passage.turn, segments: passage.segments, blocks, empty })
    const gone = all.splice(1)
    for (const other of gone) {
      const index = this.#kept.indexOf(other)
      this.#kept.splice(index, 1)
      const follower = this.#kept[index]
      if (follower !== undefined) this.#displaced.add(follower)
      this.#revised.delete(other)
      this.#displaced.delete(other)
    }
    return changed ? { passage: earlier, isNew: false, gone, isMoved } : undefined
  }

  #isOld(passage: WrittenPassage<State> | undefined): boolean {
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

function beginning(segment: Segment | undefined): string {
  return JSON.stringify([segment?.start, segment?.speaker, segment?.channel, segment?.language])
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
