import type { Cue } from '../../model.ts'
import type { Utterance } from '../segments.ts'
import { wholeTimes } from '../formats/timestamps.ts'
import { cleanText } from '../text.ts'
import { textWidth } from '../width.ts'
import { dashCues, type PreviousCue } from './labels.ts'
import { CueLayout, joins, type UnnumberedCue } from './layout.ts'
import type { LayoutSettings } from './options.ts'
import { fitBefore, leastReadingTime, type SpokenSpan } from './times.ts'

/** Turns laid out together at most; a revision of one of them lays out all of them again. */
const MAX_TURNS_TOGETHER = 50

/** Lays out utterances as they come; the last words wait for the next, which may share a cue, or for {@link close}. */
class TurnLayout {
  readonly #settings: LayoutSettings
  #previous: (PreviousCue & { start?: number }) | undefined
  #open: { layout: CueLayout; last: Utterance; utterances: number } | undefined

  constructor(settings: LayoutSettings, previous?: PreviousCue) {
    this.#settings = settings
    this.#previous = previous
  }

  /** Whether words may wait for more. */
  get open(): boolean {
    return this.#open !== undefined
  }

  get oldest(): number | undefined {
    return this.#open?.layout.oldest
  }

  /** Whether `utterance` cannot share a cue with what is open. */
  begins(utterance: Utterance): boolean {
    const open = this.#open
    if (open === undefined || open.utterances >= MAX_TURNS_TOGETHER) return true
    const before = open.last.segments.at(-1)
    const after = utterance.segments[0]
    return before === undefined || after === undefined || !joins(before, after, this.#settings)
  }

  add(utterance: Utterance): UnnumberedCue[] {
    const before = this.begins(utterance) ? this.close(startOf(utterance)) : []
    return [...before, ...this.#add(utterance)]
  }

  #add(utterance: Utterance): UnnumberedCue[] {
    if (utterance.cue !== undefined) return this.#out([repairTimes(utterance.cue, this.#previous)])
    if (utterance.segments.length === 0) return []
    this.#open ??= { layout: new CueLayout(this.#settings, this.#previous), last: utterance, utterances: 0 }
    this.#open.last = utterance
    this.#open.utterances += 1
    return this.#out(this.#open.layout.add(utterance.segments))
  }

  /** The cues of all words that wait; `next` is when what follows begins (`Infinity`: nothing; absent: unknown). */
  close(next?: number): UnnumberedCue[] {
    const cues = this.#open?.layout.close(next) ?? []
    this.#open = undefined
    return this.#out(cues)
  }

  #out(cues: UnnumberedCue[]): UnnumberedCue[] {
    this.#previous = lastVisible(cues) ?? this.#previous
    return cues
  }
}

function lastVisible(cues: readonly UnnumberedCue[]): UnnumberedCue | undefined {
  return cues.findLast(({ lines }) => lines.some((line) => cleanText(line) !== ''))
}

/** A ready cue with times that a caption file may hold: integers, starts that never fall, an end after the start. */
function repairTimes(cue: Cue, previous: { start?: number } | undefined): Cue {
  const { start, end } = wholeTimes(cue, previous?.start)
  return { ...cue, start, end: Math.max(start + 1, end) }
}

/** Turns of all channels laid out together at most; a revision of one of them lays out all of them again. */
const MAX_TOGETHER = 200

/** How far a layout has come: while nothing waits, the next cue depends on this alone. */
export interface LayoutState {
  previous?: PreviousCue & { start: number }
  /** Cues that are on the screen, how high, and of which channel. */
  shown: readonly { lane: number; end: number; channel?: string }[]
  /** The latest first millisecond of a channel's cues. */
  latest?: number
}

/** A cue, and its channel. */
interface ChannelCue extends UnnumberedCue {
  channel: string
}

/** A channel on which words wait, and where they end so far. */
interface OpenChannel {
  layout: TurnLayout
  end: number
}

/**
 * Lays out utterances of several channels, on which people may speak at the same time: each channel by itself, its cues
 * put in order of their starts. Where they overlap, they are stacked, or the earlier one gives way (`overlap`).
 *
 * Turns come in order of their starts, so a cue is certain once a turn begins after it, and no older words wait on any
 * channel. One that comes too late for its place is shown after what is out, for as long as it needs to be read. Utterances without a channel are laid out one after the other, as {@link TurnLayout} does.
 */
export class ChannelLayout {
  readonly #settings: LayoutSettings
  #previous: LayoutState['previous']
  #single: TurnLayout
  readonly #channels = new Map<string, OpenChannel>()
  #utterances = 0
  /** Cues that an earlier one may still come before, by start. */
  #held: ChannelCue[] = []
  #shown: LayoutState['shown']
  #latest: number
  #late = 0

  constructor(
    settings: LayoutSettings,
    { previous, shown, latest = previous?.start ?? 0 }: LayoutState = { shown: [] },
  ) {
    this.#settings = settings
    this.#previous = previous
    this.#shown = shown
    this.#latest = latest
    this.#single = new TurnLayout(settings, previous)
  }

  /** How far it has come, while nothing waits. */
  get state(): LayoutState {
    return { ...(this.#previous && { previous: this.#previous }), shown: this.#shown, latest: this.#latest }
  }

  /** How many cues came too late for their place. */
  get late(): number {
    return this.#late
  }

  /** Whether words may wait for more. */
  get open(): boolean {
    return this.#channels.size > 0 || this.#single.open
  }

  /** Whether `utterance` has nothing to do with what is open, which {@link add} then closes. */
  begins(utterance: Utterance): boolean {
    if (channelOf(utterance) === undefined) return this.#channels.size > 0 || this.#single.begins(utterance)
    if (this.#channels.size === 0 || this.#utterances >= MAX_TOGETHER) return true
    const start = utterance.segments[0]?.start ?? 0
    return [...this.#channels.values()].every(({ end }) => start - end >= this.#settings.turnPause)
  }

  add(utterance: Utterance): UnnumberedCue[] {
    // A turn that says nothing ends nothing either.
    if (utterance.cue === undefined && utterance.segments.length === 0) return []
    const before = this.begins(utterance) ? this.close(startOf(utterance)) : []
    return [...before, ...this.#add(utterance)]
  }

  #add(utterance: Utterance): UnnumberedCue[] {
    const channel = channelOf(utterance)
    if (channel === undefined) return this.#keepLast(this.#single.add(utterance))
    const start = utterance.segments[0]?.start ?? 0
    this.#utterances += 1
    const open = this.#open(channel, start)
    this.#hold(channel, open.layout.add(utterance))
    open.end = Math.max(open.end, ...utterance.segments.map(({ end }) => end))
    const oldest = [...this.#channels.values()].map(({ layout }) => layout.oldest ?? Infinity)
    return this.#release(Math.min(start, ...oldest))
  }

  /** The cues of all words that wait; see {@link TurnLayout.close}. */
  close(next?: number): UnnumberedCue[] {
    if (this.#channels.size === 0) return this.#keepLast(this.#single.close(next))
    for (const [channel, { layout }] of this.#channels) this.#hold(channel, layout.close(next))
    const cues = this.#release(Infinity)
    this.#channels.clear()
    this.#utterances = 0
    this.#single = new TurnLayout(this.#settings, this.#previous)
    return cues
  }

  #open(channel: string, start: number): OpenChannel {
    const known = this.#channels.get(channel)
    if (known !== undefined) return known
    // Who comes before a cue is known only when all channels are put in order: room for a label is kept in each. Other
    // channels never move its times, and neither do cues that were said later.
    const own = this.#shown.findLast((cue) => cue.channel === channel)
    const layout = new TurnLayout({ ...this.#settings, labelAfter: 0 }, start < this.#latest ? undefined : own)
    const open = { layout, end: 0 }
    this.#channels.set(channel, open)
    return open
  }

  #hold(channel: string, cues: readonly UnnumberedCue[]): void {
    for (const cue of cues) this.#held.push({ ...cue, channel })
    this.#held.sort((one, other) => one.start - other.start)
  }

  /** Lets go of the cues that begin before `until`, but for the last where the next one may shorten it. */
  #release(until: number): UnnumberedCue[] {
    const isClipped = this.#settings.overlap === 'clip'
    const isPaired = isClipped && this.#settings.dashes
    const released: UnnumberedCue[] = []
    for (;;) {
      const [cue, next] = this.#held
      if (cue === undefined || cue.start >= until) break
      if (isClipped && next === undefined && until !== Infinity) break
      const isNextCertain = next !== undefined && next.start < until
      const pair = isPaired && isNextCertain ? dashCues(cue, next, this.#settings) : undefined
      if (pair !== undefined) {
        this.#held.splice(0, 2, { ...pair, channel: cue.channel })
        continue
      }
      this.#held.shift()
      released.push(this.#placed(cue, isClipped, next))
    }
    return released
  }

  #placed({ channel, ...cue }: ChannelCue, isClipped: boolean, next: UnnumberedCue | undefined): UnnumberedCue {
    const previous = this.#previous
    const placed: UnnumberedCue = isClipped
      ? { ...cue, ...fitBefore(spanOf(cue), next?.start, previous?.end, this.#settings) }
      : { ...cue, start: Math.max(cue.start, previous?.start ?? 0) }
    let { end } = placed
    if (cue.start < this.#latest) {
      end = Math.max(end, placed.start + leastReadingTime(spanOf(cue), this.#settings))
      this.#late += 1
    }
    placed.end = Math.max(end, placed.start + 1)
    this.#latest = Math.max(this.#latest, cue.start)
    const lane = isClipped ? 0 : this.#freeLane(placed.start)
    if (lane > 0) placed.lane = lane
    this.#shown = [...this.#shown.filter((one) => one.end > placed.start), { lane, end: placed.end, channel }]
    this.#keepLast([placed])
    return placed
  }

  #freeLane(start: number): number {
    const taken = new Set(this.#shown.filter(({ end }) => end > start).map(({ lane }) => lane))
    let lane = 0
    while (taken.has(lane)) lane += 1
    return lane
  }

  #keepLast(cues: UnnumberedCue[]): UnnumberedCue[] {
    const last = lastVisible(cues)
    if (last !== undefined) this.#previous = shownCue(last)
    return cues
  }
}

/** What the next cue must know of one that is shown. */
export function shownCue({ start, end, speaker }: UnnumberedCue): PreviousCue & { start: number } {
  return { start, end, ...(speaker !== undefined && { speaker }) }
}

function startOf({ cue, segments }: Utterance): number | undefined {
  return cue?.start ?? segments[0]?.start
}

function channelOf(utterance: Utterance): string | undefined {
  return utterance.cue === undefined ? utterance.segments[0]?.channel : undefined
}

function spanOf(cue: UnnumberedCue): SpokenSpan {
  const width = cue.lines.reduce((sum, line) => sum + textWidth(line), 0)
  return { start: cue.start, end: cue.end, width, words: cue.words.length }
}
