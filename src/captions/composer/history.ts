import { deserialize, serialize, type Cue, type Segment, type Serialized } from '../../model.ts'
import { defined } from '../../options.ts'
import type { Utterance } from '../segments.ts'

/** Utterances kept at most, so that a stream without end needs bounded memory. */
const MAX_KEPT = 10_000
/** Turns that came late, and are forgotten before earlier ones, that are known by their order at most. */
const MOST_AHEAD = 1000
/** Sessions of each channel whose turns are kept: a revision may still come for the one before the present one. */
const KEPT_SESSIONS = 2

/** A place in a text from which it can be made again. */
export interface Position {
  state: unknown
  blocks: number
  bytes: number
}

/** An utterance of which a text is made, and may be made again. A stream keeps thousands, so they can be packed. */
export class Entry implements Utterance {
  turn?: NonNullable<Utterance['turn']>
  readonly cue?: Cue
  readonly channel: string | undefined
  /** First millisecond of it; `undefined` where there is nothing in it to write. */
  start: number | undefined
  blocks = 0
  empty = false
  /** Whether it shares nothing with the utterances before it. */
  begins = true
  /** Where it begins in the text, if it shares nothing with those before it. */
  position: Position | undefined
  /** Whether its end was written without waiting any longer for what follows. */
  cut = false
  #segments: Segment[] | undefined
  #packed: Serialized<Segment[]> | undefined

  constructor({ turn, cue, segments }: Utterance) {
    if (turn !== undefined) this.turn = turn
    if (cue !== undefined) this.cue = cue
    this.#segments = segments
    this.channel = turn?.channel ?? segments[0]?.channel
    this.start = cue?.start ?? segments[0]?.start
  }

  get segments(): Segment[] {
    return this.#segments ?? (this.#packed === undefined ? [] : deserialize(this.#packed))
  }

  set segments(segments: Segment[]) {
    this.#segments = segments
    this.#packed = undefined
    this.start = this.cue?.start ?? segments[0]?.start
  }

  get end(): number {
    return this.segments.reduce((end, segment) => Math.max(end, segment.end), this.start ?? 0)
  }

  get packed(): boolean {
    return this.#segments === undefined
  }

  /** Makes it small, at the price of slower segments. */
  pack(): void {
    if (this.#segments === undefined) return
    this.#packed ??= serialize(this.#segments)
    this.#segments = undefined
  }

  /** Makes its segments fast until it is packed again. */
  unpack(): void {
    this.#segments = this.segments
  }
}

export interface Recorded {
  entry: Entry
  /** Whether it is a new one; else it revises one that is kept. */
  isNew: boolean
  /** The one that it belongs before, where it has come late. */
  follower?: Entry
  gone: readonly Entry[]
  /** Whether it begins otherwise than before, on which the end of the text before it depends. */
  isMoved: boolean
}

/**
 * The utterances that were written, in order, while a revision may come: those of each channel's last two sessions. One that
 * comes late is put before those of other channels that begin after it, and those of its own that it lies before.
 */
export class History {
  readonly #kept: Entry[] = []
  /** Several of one order where segments made by hand came interleaved with those of other turns. */
  readonly #byOrder = new Map<number, Entry[]>()
  /** Those of which something else is written than their newest revision, or elsewhere. */
  readonly #stale = new Set<Entry>()
  /** Those before which there is something in the text that is kept no more, or not there. */
  readonly #displaced = new Set<Entry>()
  #isNextDisplaced = false
  readonly #sessions = new Map<string, string[]>()
  #newestForgotten = -1
  /** Orders of those that are forgotten though earlier ones are kept: they came late. */
  #ahead: readonly number[] = []
  #late = 0

  get kept(): readonly Entry[] {
    return this.#kept
  }

  /** Whether anything kept differs from what was written of it. */
  get isStale(): boolean {
    return this.#stale.size > 0 || this.#displaced.size > 0
  }

  /** How many blocks would have to be other than they were written. */
  get staleBlocks(): number {
    let blocks = this.#late
    for (const entry of this.#stale) blocks += Math.max(1, entry.blocks)
    return blocks
  }

  /** Order of the first turn that is kept, or of the next. */
  get oldest(): number {
    let oldest = Infinity
    for (const { turn } of this.#kept) if (turn !== undefined) oldest = Math.min(oldest, turn.order)
    return oldest === Infinity ? this.#newestForgotten + 1 : oldest
  }

  /** Orders of the turns that are kept and whose end was written without waiting. */
  get cuts(): number[] {
    return this.#kept.flatMap(({ cut, turn }) => (cut && turn !== undefined ? [turn.order] : []))
  }

  /** Orders behind {@link oldest} that are forgotten. */
  get ahead(): readonly number[] {
    return this.#ahead
  }

  /** Takes nothing that is kept for cut any more; what is written of it is stale. */
  joinCuts(): void {
    for (const entry of this.#kept) {
      if (entry.cut) this.#stale.add(entry)
      entry.cut = false
    }
  }

  /** Takes the turns before `order`, and those `ahead` of it, for forgotten. */
  resumeFrom(order: number, ahead: readonly number[] = []): void {
    this.#newestForgotten = order - 1
    this.#ahead = ahead
  }

  record(utterance: Utterance): Recorded | undefined {
    const { turn } = utterance
    const known = turn && this.#byOrder.get(turn.order)
    const [earlier] = known ?? []
    if (known === undefined || earlier?.turn === undefined || turn === undefined) return this.#recordNew(utterance)
    if (turn.revision < earlier.turn.revision) return undefined
    if (turn.revision > earlier.turn.revision) return this.#revise(earlier, known, utterance)
    const isKnown = known.some((one) => sameWords(one.segments, utterance.segments))
    return isKnown ? undefined : this.#keep(utterance)
  }

  /** Makes what is kept before `first` small, or all where there is none: no text of it is under way. */
  packBefore(first: Entry | undefined): void {
    let index = first === undefined ? this.#kept.length : this.#kept.lastIndexOf(first)
    while (index > 0 && this.#kept[index - 1]?.packed === false) this.#kept[--index]?.pack()
  }

  /** Notes that what is written of an entry is not its newest revision, or not in its place. */
  markStale(entry: Entry): void {
    this.#stale.add(entry)
  }

  markDisplaced(entry: Entry): void {
    this.#displaced.add(entry)
  }

  /** Notes that the text of an entry has been written behind the last one. */
  markMisplaced(entry: Entry): void {
    this.#stale.add(entry)
    this.#isNextDisplaced = true
  }

  /** Whether the text is not what it must be in the place of an entry, or just before it. */
  readonly isChanged = (entry: Entry): boolean => this.#stale.has(entry) || this.#displaced.has(entry)

  /** Notes that everything kept is written in its newest revision. */
  markWritten(): void {
    for (const entry of this.#stale) entry.pack()
    this.#stale.clear()
    this.#displaced.clear()
    this.#isNextDisplaced = false
  }

  get hasOld(): boolean {
    return this.#kept.length > MAX_KEPT || this.#isOld(this.#kept[0])
  }

  /** Forgets the oldest entries that no revision is expected for; of too many, half at once. */
  forget(): void {
    let count = this.#kept.length > MAX_KEPT ? this.#kept.length - MAX_KEPT / 2 : 0
    while (this.#isOld(this.#kept[count])) count += 1
    // What lies together in the text can be made again only together.
    count = Math.min(count, this.#kept.length - 1)
    while (count > 0 && this.#kept[count]?.begins === false) count -= 1
    const ahead = [...this.#ahead]
    for (const entry of this.#kept.splice(0, count)) {
      this.#displaced.delete(entry)
      const order = entry.turn?.order
      if (order === undefined) continue
      const others = this.#byOrder.get(order)?.filter((one) => one !== entry) ?? []
      if (others.length === 0) this.#byOrder.delete(order)
      else this.#byOrder.set(order, others)
      if (this.#stale.delete(entry)) this.#late += Math.max(1, entry.blocks)
      this.#newestForgotten = Math.max(this.#newestForgotten, order)
      ahead.push(order)
    }
    const { oldest } = this
    this.#ahead = ahead.filter((order) => order > oldest && !this.#byOrder.has(order)).slice(-MOST_AHEAD)
  }

  #recordNew(utterance: Utterance): Recorded | undefined {
    const { turn } = utterance
    if (turn !== undefined && turn.revision > 0 && this.#isForgotten(turn.order)) {
      this.#late += Math.max(1, utterance.segments.length)
      return undefined
    }
    if (turn?.session !== undefined) this.#noteSession(turn.channel ?? '', turn.session)
    return this.#keep(utterance)
  }

  #isForgotten(order: number): boolean {
    return order <= this.#newestForgotten || this.#ahead.includes(order)
  }

  #keep(utterance: Utterance): Recorded {
    const entry = new Entry(utterance)
    const place = this.#placeOf(entry)
    const follower = this.#kept[place]
    this.#kept.splice(place, 0, entry)
    if (this.#isNextDisplaced) this.#displaced.add(entry)
    this.#isNextDisplaced = false
    const order = utterance.turn?.order
    if (order !== undefined) this.#byOrder.set(order, [...(this.#byOrder.get(order) ?? []), entry])
    return { entry, isNew: true, gone: [], isMoved: false, ...defined({ follower }) }
  }

  /** Where an utterance belongs. */
  #placeOf(entry: Entry): number {
    let place = this.#kept.length
    if (entry.start === undefined) return place
    for (let index = place - 1; index >= 0; index -= 1) {
      const before = this.#kept[index]!
      // One that says nothing has no place of its own.
      if (before.start === undefined) continue
      if (!overtakes(entry, before)) break
      place = index
    }
    return place
  }

  #revise(earlier: Entry, all: Entry[], utterance: Utterance): Recorded | undefined {
    const blocks = all.reduce((sum, entry) => sum + entry.blocks, 0)
    const empty = all.every((entry) => entry.empty)
    // What came interleaved is put together now, which changes the captions even where the words are the same.
    const segments = all.flatMap((entry) => entry.segments)
    const changed = all.length > 1 || !sameWords(segments, utterance.segments)
    const isMoved = beginning(segments[0]) !== beginning(utterance.segments[0])
    Object.assign(earlier, { turn: utterance.turn, segments: utterance.segments, blocks, empty })
    const gone = all.splice(1)
    for (const other of gone) {
      const index = this.#kept.indexOf(other)
      this.#kept.splice(index, 1)
      const follower = this.#kept[index]
      if (follower !== undefined) this.#displaced.add(follower)
      this.#stale.delete(other)
      this.#displaced.delete(other)
    }
    return changed ? { entry: earlier, isNew: false, gone, isMoved } : undefined
  }

  #isOld(entry: Entry | undefined): boolean {
    if (entry === undefined) return false
    if (entry.turn === undefined) return true
    const { session, channel = '' } = entry.turn
    return session !== undefined && !this.#sessions.get(channel)?.includes(session)
  }

  #noteSession(channel: string, session: string): void {
    const sessions = this.#sessions.get(channel) ?? []
    if (sessions.includes(session)) return
    this.#sessions.set(channel, [...sessions, session].slice(-KEPT_SESSIONS))
  }
}

/** Whether an utterance that comes later belongs before: by its start where channels differ, else only if it ends before that begins. */
function overtakes(late: Entry, before: Entry): boolean {
  const from = before.start!
  if (late.start! >= from) return false
  if (late.channel !== before.channel) return late.channel !== undefined && before.channel !== undefined
  // Onsets are padded; and where streams are joined by hand, times begin at 0 once more.
  const session = late.turn?.session
  return session !== undefined && session === before.turn?.session && late.end <= from
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
  const { speaker, speakerName, channel, start, end, text, words } = segment
  const said = words.map((word) => [word.text, word.start, word.end])
  return JSON.stringify([speaker, speakerName, channel, start, end, text, said])
}
