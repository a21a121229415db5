import type { FinalWords } from './joiner.ts'
import type { Gap } from './options.ts'
import type { Feed } from './sender.ts'

/**
 * The audio that may be needed again: frames of one length, numbered from the first of the stream. All times in ms of
 * the stream.
 */
export class ReplayBuffer {
  readonly #frameMs: number
  readonly #frames: Frames
  #first = 0

  /**
   * @param frameMs - length of a frame; may be fractional.
   * @param frames - where they are kept.
   */
  constructor(frameMs: number, frames: Frames = new FrameList()) {
    this.#frameMs = frameMs
    this.#frames = frames
  }

  /** Number of the first frame that is kept. */
  get first(): number {
    return this.#first
  }

  /** Number that the next frame will have. */
  get next(): number {
    return this.#first + this.#frames.length
  }

  push(frame: Buffer): void {
    this.#frames.push(frame)
  }

  /** The frame with this number, if it is kept. */
  get(number: number): Buffer | undefined {
    return number < this.#first ? undefined : this.#frames.at(number - this.#first)
  }

  /** Forgets all frames before number `number`. */
  dropBefore(number: number): void {
    const count = Math.min(number, this.next) - this.#first
    if (count <= 0) return
    this.#frames.drop(count)
    this.#first += count
  }

  /** Number of the frame that holds millisecond `ms`. */
  frameAt(ms: number): number {
    return Math.max(0, Math.floor(ms / this.#frameMs))
  }

  /** Ms at which the frame with this number begins. */
  msAt(number: number): number {
    return Math.round(number * this.#frameMs)
  }
}

/** Unsent audio that a source that can be held back may pile up. */
const BACKLOG_MS = 1000
/** Most audio kept for a session that is open: the longest turn, and what follows it until it is final. */
const OPEN_TURN_MS = 75_000
/** Most audio that a live source may be ahead of a server that takes it as fast as it can. */
const MOST_UNPACED_MS = 1_800_000

/** How much audio is kept. All values in ms. */
export interface KeptAudioOptions {
  /** Length of a frame; may be fractional. */
  frameMs: number
  /** Audio before the last final word that a new session hears again. */
  overlap: number
  /** Most audio that may come while no session is open. */
  maxReplay: number
  /** Whether the source cannot be held back. */
  live: boolean
  /** A frame of silence. */
  silentFrame: Buffer
}

/**
 * The audio that another session may need: from the last final word, and the overlap before it, on. Says when the source
 * must wait, and what is missing where it could not.
 */
export class KeptAudio {
  readonly frames: ReplayBuffer
  readonly #options: KeptAudioOptions
  readonly #finals: FinalWords
  /** The feed that must keep up with the source; absent while no session is open. */
  #lead: Feed | undefined
  #feeds: readonly Feed[] = []
  /** Whether a session ever took the lead. */
  #begun = false
  /** Ms of the stream at which the last session was lost. */
  #awayFrom = 0
  /** Ms before which nothing can be lost any more, though no final word reaches there. */
  #settled = 0
  #gap: Gap | undefined

  constructor(options: KeptAudioOptions, finals: FinalWords) {
    this.#options = options
    this.#finals = finals
    this.frames = new ReplayBuffer(options.frameMs, options.live ? new FrameSlabs() : new FrameList())
  }

  /** Number of the frame from which a new session must hear the stream. */
  get from(): number {
    return Math.max(this.frames.first, this.frames.frameAt(this.#finals.hearFrom(this.#options.overlap)))
  }

  /** Tells which feeds read the frames, and which of them must keep up with the source. */
  readBy(feeds: readonly Feed[], lead: Feed | undefined): void {
    if (this.#lead && !lead) this.#awayFrom = this.#end
    this.#begun ||= lead !== undefined
    this.#feeds = feeds
    this.#lead = lead
    this.trim()
  }

  /** The audio that was dropped since it was last asked for. */
  takeGap(): Gap | undefined {
    const gap = this.#gap
    this.#gap = undefined
    this.#settled = Math.max(this.#settled, gap?.end ?? 0)
    return gap
  }

  /** Whether the source may go on. */
  get room(): boolean {
    const { frameMs, maxReplay, live } = this.#options
    if (live) return true
    if (!this.#lead) return this.#end - this.#awayFrom < (this.#begun ? maxReplay : Math.min(maxReplay, BACKLOG_MS))
    // The session may be dead: what it has not made final must still be there then.
    const unsettled = this.#end - this.#unsettledFrom
    return unsettled < OPEN_TURN_MS && (this.frames.next - this.#lead.cursor) * frameMs < BACKLOG_MS
  }

  /** Forgets the audio that is not needed any more, and, where a live source goes on without a session, the oldest. */
  trim(): void {
    const { overlap, maxReplay, frameMs, live } = this.#options
    if (live && this.#lead) this.#leaveOut(this.#lead)
    let sent = Infinity
    for (const { cursor } of this.#feeds) sent = Math.min(sent, cursor)
    this.frames.dropBefore(Math.min(sent, this.frames.frameAt(this.#finals.hearFrom(overlap))))
    const from = this.#unsettledFrom
    if (this.#lead) {
      const excess = this.#end - from - OPEN_TURN_MS
      if (excess < 0) return
      // Heard, and still no final word: it was silence. One frame more makes room for the next.
      const silent = Math.min(sent, Math.ceil((from + excess) / frameMs) + 1, this.#lead.heard)
      this.frames.dropBefore(silent)
      this.#settled = Math.max(this.#settled, this.frames.msAt(silent))
      return
    }
    const excess = this.#end - this.#awayFrom - maxReplay
    if (!live || excess <= 0) return
    const first = Math.ceil((from + excess) / frameMs)
    this.frames.dropBefore(first)
    this.#gap = { start: from, end: this.frames.msAt(first) }
  }

  /**
   * A live source that was away for an hour gives an hour of silence in its place: what is behind by more than any replay is
   * left out, or captions would stay behind.
   */
  #leaveOut(lead: Feed): void {
    const { frameMs, maxReplay, overlap, silentFrame } = this.#options
    const most = (lead.paced ? maxReplay + overlap + OPEN_TURN_MS : MOST_UNPACED_MS) / frameMs
    const from = lead.cursor
    if (this.frames.next - from <= most) return
    lead.skip(Math.floor(this.frames.next - most / 2))
    const to = lead.cursor
    let silent = true
    for (let number = from + 1; number < to && silent; number += 1)
      silent = this.frames.get(number)!.equals(silentFrame)
    if (to > from && !silent) this.#gap = { start: this.frames.msAt(from + 1), end: this.frames.msAt(to) }
    this.#settled = Math.max(this.#settled, this.frames.msAt(to))
    this.frames.dropBefore(Math.min(...this.#feeds.map(({ cursor }) => cursor)))
  }

  /** Ms of the stream at which the next frame begins. */
  get #end(): number {
    return this.frames.msAt(this.frames.next)
  }

  /** First ms of the stream that would be lost if it were dropped now. */
  get #unsettledFrom(): number {
    return Math.max(this.#settled, this.#finals.end)
  }
}

/** Frames in order, of which the oldest are dropped. Positions count from the oldest that is kept. */
export interface Frames {
  readonly length: number
  push(frame: Buffer): void
  /** The frame at this position, if there is one; good for as long as it is kept. */
  at(position: number): Buffer | undefined
  /** Drops so many of the oldest; there must be as many. */
  drop(count: number): void
}

/** Keeps the frames that it is given. */
export class FrameList implements Frames {
  #frames: (Buffer | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#frames.length - this.#head
  }

  push(frame: Buffer): void {
    this.#frames.push(frame)
  }

  at(position: number): Buffer | undefined {
    return this.#frames[this.#head + position]
  }

  drop(count: number): void {
    this.#frames.fill(undefined, this.#head, this.#head + count)
    this.#head += count
    // Moving the rest down only now and then keeps a week-long stream linear.
    if (this.#head > 256 && this.#head * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#head)
      this.#head = 0
    }
  }
}

/** Frames in one piece of memory. */
const SLAB_FRAMES = 32

/**
 * Keeps copies of the frames that it is given, which must be of one length, many in one piece of memory. A live source
 * makes each chunk anew, and thousands of small objects that live for seconds are what a garbage collector is slowest at:
 * at 500 streams they made it stop the process for 10 ms, three times a second.
 */
export class FrameSlabs implements Frames {
  /** Oldest first. */
  readonly #slabs: Buffer[] = []
  /** One that holds nothing any more; the next will need as much. */
  #spare: Buffer | undefined
  #frameBytes = 0
  /** Position of the oldest frame in the first slab, and of the next one. */
  #head = 0
  #end = 0

  get length(): number {
    return this.#end - this.#head
  }

  push(frame: Buffer): void {
    this.#frameBytes ||= frame.length
    const index = this.#end % SLAB_FRAMES
    if (this.#end === this.#slabs.length * SLAB_FRAMES) {
      this.#slabs.push(this.#spare ?? Buffer.allocUnsafeSlow(SLAB_FRAMES * this.#frameBytes))
      this.#spare = undefined
    }
    frame.copy(this.#slabs.at(-1)!, index * this.#frameBytes)
    this.#end += 1
  }

  at(position: number): Buffer | undefined {
    if (position < 0 || position >= this.length) return undefined
    const place = this.#head + position
    const start = (place % SLAB_FRAMES) * this.#frameBytes
    return this.#slabs[Math.floor(place / SLAB_FRAMES)]?.subarray(start, start + this.#frameBytes)
  }

  drop(count: number): void {
    this.#head += count
    while (this.#head >= SLAB_FRAMES) {
      this.#spare = this.#slabs.shift()
      this.#head -= SLAB_FRAMES
      this.#end -= SLAB_FRAMES
    }
  }
}

/** How often a source that is held back is looked at again. */
const RECHECK_MS = 1000

/** Holds a source back until there is room for what it gives; one wait at a time. */
export class RoomWaiter {
  readonly #hasRoom: () => boolean
  readonly #makeRoom: () => void
  #go: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  /**
   * @param hasRoom - whether the source may go on.
   * @param makeRoom - called now and then, since what a server has heard grows with time alone.
   */
  constructor(hasRoom: () => boolean, makeRoom: () => void) {
    this.#hasRoom = hasRoom
    this.#makeRoom = makeRoom
  }

  /** Resolves when there is room; `undefined` where there is. */
  wait(): Promise<void> | undefined {
    if (this.#hasRoom()) return undefined
    // One timer for all waits: there is one with nearly every frame, and each is short.
    if (!this.#stopped) this.#timer ??= setTimeout(this.#recheck, RECHECK_MS)
    return new Promise((resolve) => (this.#go = resolve))
  }

  /** There may be room now. */
  look(): void {
    if (this.#go === undefined || !this.#hasRoom()) return
    const go = this.#go
    this.#go = undefined
    go()
  }

  /** There will be no more to wait for. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  readonly #recheck = (): void => {
    this.#timer = undefined
    if (this.#go === undefined) return
    this.#makeRoom()
    this.look()
    if (this.#go !== undefined && !this.#stopped) this.#timer = setTimeout(this.#recheck, RECHECK_MS)
  }
}
