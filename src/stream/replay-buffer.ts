import type { Gap, SupervisorOptions } from './options.ts'
import type { FinalWords } from './turns/final-words.ts'

/** Frames in one piece of memory. */
const SLAB_FRAMES = 16
/** Unsent audio that a source that can be held back may pile up. */
const BACKLOG_MS = 1000
/** Most audio kept for a session that is open: the longest turn, and what follows it until it is final. */
const OPEN_TURN_MS = 75_000
/** Most audio that a live source may be ahead of a server that takes it as fast as it can. */
const MOST_UNPACED_MS = 1_800_000
/** As much is kept beyond that for a server that has not worked on it yet. */
const MOST_LAG_MS = 1_800_000

/** What audio comes, and how much of it is kept; of `wire` it counts whether it is there. */
export type ReplayBufferOptions = Pick<
  SupervisorOptions,
  'frameMs' | 'overlap' | 'maxReplay' | 'live' | 'silentFrame' | 'isQuiet' | 'wire'
>

/** What sends the frames of a {@link ReplayBuffer} into a session. */
export interface FrameReader {
  readonly cursor: number
  /** Number of the first frame that the server may not have heard yet. */
  readonly heard: number
  /** Whether audio is sent at a pace of its own, rather than as fast as the server takes it. */
  readonly paced: boolean
  /** Ms of audio that was sent faster than a server hears it that works no faster than it plays. */
  readonly lagMs: number
  /** Leaves out the frames before number `to`, where it can. */
  skip(to: number): void
}

/**
 * The audio that may be needed again, from the last final word and the overlap before it on: copies of frames, many in
 * one piece of memory, since a garbage collector is slowest at small objects that live for seconds.
 */
export class ReplayBuffer {
  readonly #options: ReplayBufferOptions
  readonly #finals: FinalWords
  /** Pieces of memory, oldest first. */
  readonly #slabs: Buffer[] = []
  /** Some that hold nothing any more: new ones make the garbage collector go through the whole heap the sooner. */
  #spare: Buffer[] = []
  /** The frames instead, where they are of different lengths; few are as large as samples. */
  readonly #loose: Buffer[] = []
  #frameBytes = 0
  /** Number of the first frame that fits in the first slab, of the first that is kept, and of the next. */
  #base = 0
  /** Number of the first frame that is kept. */
  first = 0
  next = 0
  /** The reader that must keep up with the source; absent while no session is open. */
  #lead: FrameReader | undefined
  #readers: readonly FrameReader[] = []
  #begun = false
  /** The furthest that a server lagged behind what it was sent when its session was lost, ms: so much more is heard again. */
  #mostLag = 0
  /** Ms of the stream at which the last session was lost. */
  #awayFrom = 0
  /** Ms before which nothing can be lost any more, though no final word reaches there. */
  #settled = 0
  #gap: Gap | undefined
  /** Words of turns that are open, from where to where. */
  #open: Gap | undefined
  /** Audio of such words that is not kept any more: lost with the session, unless they become final before. */
  #unsure: Gap | undefined
  /** Up to which frame the session of a reader had heard when it last said something. */
  readonly #answered = new WeakMap<FrameReader, number>()
  /** Sound behind that which was taken for silence: the session may have been dead by then. */
  readonly #unanswered = new WeakMap<FrameReader, Gap>()
  /** What of that is lost, oldest first. */
  readonly #lost: Gap[] = []

  constructor(options: ReplayBufferOptions, finals: FinalWords) {
    this.#options = options
    this.#finals = finals
  }

  /** Begins with frame number `frame`, in a stream of which all before `settled`, ms, is heard or known to be lost. */
  beginAt(frame: number, settled: number): void {
    this.#base = this.first = this.next = frame
    this.#awayFrom = this.msAt(frame)
    this.#settled = settled
  }

  push(frame: Buffer): void {
    if (this.#options.wire !== undefined) {
      this.#loose.push(Buffer.from(frame))
      this.next += 1
      return
    }
    this.#frameBytes ||= frame.length
    const place = this.next - this.#base
    if (place === this.#slabs.length * SLAB_FRAMES) {
      this.#slabs.push(this.#spare.pop() ?? Buffer.allocUnsafeSlow(SLAB_FRAMES * this.#frameBytes))
    }
    frame.copy(this.#slabs.at(-1)!, (place % SLAB_FRAMES) * this.#frameBytes)
    this.next += 1
  }

  /** The frame with this number, if it is kept; good for as long as it is. */
  get(number: number): Buffer | undefined {
    if (number < this.first || number >= this.next) return undefined
    const place = number - this.#base
    if (this.#options.wire !== undefined) return this.#loose[place]
    const start = (place % SLAB_FRAMES) * this.#frameBytes
    return this.#slabs[Math.floor(place / SLAB_FRAMES)]?.subarray(start, start + this.#frameBytes)
  }

  /** The frames from `from` to `to`, ms of the stream, if all are kept; a copy. */
  read(from: number, to: number): Buffer | undefined {
    const [first, end] = [this.frameAt(from), Math.ceil(to / this.#options.frameMs)]
    if (first < this.first || end > this.next || first >= end) return undefined
    return Buffer.concat(Array.from({ length: end - first }, (_, index) => this.get(first + index)!))
  }

  /** Forgets all frames before number `number` that nobody has still to send. */
  dropBefore(number: number): void {
    this.first = Math.max(this.first, Math.min(number, this.next, this.#sent))
    while (this.first - this.#base >= SLAB_FRAMES) {
      this.#loose.splice(0, SLAB_FRAMES)
      const slab = this.#slabs.shift()
      // A final turn lets go of many at once, which will be needed for the next; a long silence of more than ever again.
      if (slab !== undefined && this.#spare.length <= this.#slabs.length) this.#spare.push(slab)
      this.#base += SLAB_FRAMES
    }
  }

  frameAt(ms: number): number {
    return Math.max(0, Math.floor(ms / this.#options.frameMs))
  }

  msAt(number: number): number {
    return Math.round(number * this.#options.frameMs)
  }

  /** Number of the frame from which a new session must hear the stream. */
  get replayFrom(): number {
    return Math.max(this.first, this.frameAt(this.#finals.hearFrom(this.#options.overlap)))
  }

  /** Tells who reads the frames, and who of them must keep up with the source. */
  readBy(readers: readonly FrameReader[], lead: FrameReader | undefined): void {
    if (this.#lead && !lead) this.#awayFrom = this.#end
    if (this.#lead !== lead) {
      this.#open = undefined
      this.#mostLag = Math.max(this.#mostLag, this.#lead?.lagMs ?? 0)
    }
    this.#begun ||= lead !== undefined
    this.#readers = readers
    this.#lead = lead
    this.trim()
  }

  /** The words of the turns that the session has still open, from where to where; `undefined` where none is. */
  openWords(words: Gap | undefined): void {
    this.#open = words
    if (words === undefined || this.#finals.end >= (this.#unsure?.end ?? 0)) this.#unsure = undefined
  }

  /** The session of `reader` has said something, so it hears. */
  answered(reader: FrameReader): void {
    this.#answered.set(reader, reader.heard)
    this.#unanswered.delete(reader)
  }

  /** The session of `reader` is lost, and with it what it never answered to, but for what `other` was sent, too. */
  lose(reader: FrameReader, other?: { reader: FrameReader; from: number }): void {
    const lost = this.#unanswered.get(reader)
    this.#unanswered.delete(reader)
    if (lost === undefined) return
    const { start, end } = lost
    const from = other?.from ?? Infinity
    if (start < from) this.#lost.push({ start, end: Math.min(end, from) })
    if (other !== undefined && end > from) this.#doubt(other.reader, { start: Math.max(start, from), end })
  }

  /** Audio that was dropped and is lost, if any is that was not asked for yet. */
  takeGap(): Gap | undefined {
    // While a session has words open, they are not lost.
    if (this.#unsure !== undefined && this.#open === undefined) {
      this.#lost.push(this.#unsure)
      this.#unsure = undefined
    }
    let gap = firstOf(this.#lost)
    if (gap === undefined) [gap, this.#gap] = [this.#gap, undefined]
    this.#settled = Math.max(this.#settled, gap?.end ?? 0)
    return gap
  }

  get hasRoom(): boolean {
    const { frameMs, maxReplay, live } = this.#options
    if (live) return true
    if (!this.#lead) return this.#end - this.#awayFrom < (this.#begun ? maxReplay : Math.min(maxReplay, BACKLOG_MS))
    // The session may be dead: what it has not made final must still be there then, with what it has still to work on.
    const unsettled = this.#end - this.#unsettledFrom - this.#lead.lagMs
    return unsettled < OPEN_TURN_MS && (this.next - this.#lead.cursor) * frameMs < BACKLOG_MS
  }

  /** Forgets the audio that is not needed any more, and, where a live source goes on without a session, the oldest. */
  trim(): void {
    const { overlap, maxReplay, frameMs, live } = this.#options
    if (live && this.#lead) this.#leaveOut(this.#lead)
    const sent = this.#sent
    this.dropBefore(this.frameAt(this.#finals.hearFrom(overlap)))
    const from = this.#unsettledFrom
    if (this.#lead) {
      // After an outage far more has come than this session was sent, or its server has worked on: that makes none of it silence.
      const sentTo = Math.min(this.#end, this.msAt(this.#lead.cursor) + BACKLOG_MS) - this.#lead.lagMs
      const excess = sentTo - from - OPEN_TURN_MS
      if (excess < 0) return
      // Heard, and still no final word: it was silence, or a turn without end. One frame more makes room for the next.
      const silent = Math.min(sent, Math.ceil((from + excess) / frameMs) + 1, this.#lead.heard)
      this.#suspect(this.#lead, silent)
      this.dropBefore(silent)
      this.#settled = Math.max(this.#settled, this.msAt(silent))
      this.#forgo(from, this.#settled)
      return
    }
    // A session that is to take over is sent what is kept already, however long its first turns wait for voices.
    if (!live || this.#readers.length > 0) return
    const excess = this.#end - this.#awayFrom - maxReplay
    if (excess <= 0) return
    const first = Math.ceil((from + excess) / frameMs)
    this.dropBefore(first)
    this.#gap = { start: this.#lostFrom, end: this.msAt(first) }
  }

  /** Remembers where there is sound in the frames before number `to`, which are dropped now, that were not answered. */
  #suspect(lead: FrameReader, to: number): void {
    const from = Math.max(this.first, this.frameAt(this.#unsettledFrom), this.#answered.get(lead) ?? 0)
    for (let number = from; number < to; number += 1) {
      if (this.#options.isQuiet(this.get(number)!)) continue
      this.#doubt(lead, { start: Math.max(this.msAt(number), this.#unsettledFrom), end: this.msAt(number + 1) })
    }
  }

  #doubt(reader: FrameReader, { start, end }: Gap): void {
    const known = this.#unanswered.get(reader)
    this.#unanswered.set(reader, {
      start: Math.min(known?.start ?? start, start),
      end: Math.max(known?.end ?? end, end),
    })
  }

  /** Remembers what words of an open turn lay in the audio from `from` to `to`, which no later session can hear. */
  #forgo(from: number, to: number): void {
    // While the next session opens beside this one, it has been sent it, too.
    if (this.#open === undefined || this.#readers.length > 1) return
    const [start, end] = [Math.max(from, this.#open.start), Math.min(to, this.#open.end)]
    if (start < end) this.#unsure = { start: this.#unsure?.start ?? start, end }
  }

  /** What no replay could reach of the silence of a source that was away is left out, or captions stay behind. */
  #leaveOut(lead: FrameReader): void {
    const { frameMs, maxReplay, overlap, silentFrame } = this.#options
    const heardAgain = overlap + OPEN_TURN_MS + Math.min(this.#mostLag, MOST_LAG_MS)
    const most = (lead.paced ? maxReplay + heardAgain : MOST_UNPACED_MS) / frameMs
    const from = lead.cursor
    if (this.next - from <= most) return
    lead.skip(Math.floor(this.next - most / 2))
    const to = lead.cursor
    let silent = true
    for (let number = from + 1; number < to && silent; number += 1) silent = this.get(number)!.equals(silentFrame)
    // What was to be heard again for the sake of the speakers is final.
    const gap = { start: Math.max(this.msAt(from + 1), this.#lostFrom), end: this.msAt(to) }
    if (to > from && !silent && gap.start < gap.end) this.#gap = gap
    this.#settled = Math.max(this.#settled, this.msAt(to))
    this.dropBefore(to)
    // The frame that is being sent may lie in it.
    this.#spare = []
  }

  /** Number of the first frame that some reader has still to send; `Infinity` where there is none. */
  get #sent(): number {
    let sent = Infinity
    for (const { cursor } of this.#readers) sent = Math.min(sent, cursor)
    return sent
  }

  get #end(): number {
    return this.msAt(this.next)
  }

  /** First ms of a gap that is dropped now: a word may lie in what the last final one has at its end too much. */
  get #lostFrom(): number {
    return Math.max(this.#settled, this.#finals.leastEnd)
  }

  /** First ms of the stream that would be lost if it were dropped now. */
  get #unsettledFrom(): number {
    return Math.max(this.#settled, this.#finals.end)
  }
}

/** Takes out the first of `gaps`, with all that touch it. */
function firstOf(gaps: Gap[]): Gap | undefined {
  const [first, ...others] = gaps.splice(0).toSorted((a, b) => a.start - b.start)
  if (first === undefined) return undefined
  let { end } = first
  for (const gap of others) {
    if (gap.start <= end) end = Math.max(end, gap.end)
    else gaps.push(gap)
  }
  return { start: first.start, end }
}
