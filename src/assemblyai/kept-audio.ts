import type { Feed } from './feed.ts'
import type { FinalWords } from './final-words.ts'
import { FrameList } from './frame-list.ts'
import { FrameSlabs } from './frame-slabs.ts'
import { ReplayBuffer } from './replay-buffer.ts'
import type { Gap } from './supervisor-options.ts'

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
