import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { backOff, delayAsked } from '../../back-off.ts'
import type { SilenceLimit } from '../../audio/silence.ts'
import { DiarizeStreamError, type InputError } from '../../errors.ts'
import { shownUrl } from '../address.ts'
import type { HttpBody } from '../http/body.ts'
import { notPlaylist, stalled } from '../http/failures.ts'
import type { HttpSettings } from '../http/options.ts'
import type { SourceReconnecting } from '../live/options.ts'
import type { JoinedSource } from '../live/parts.ts'
import { SegmentHistory } from './history.ts'
import { Lateness } from './lateness.ts'
import { type HlsResource, type HlsSegment, type MediaPlaylist, readPlaylist } from './playlist.ts'
import type { Variables } from './variables.ts'

/** Segments before the end of a playlist that still grows with which playing begins. */
const LIVE_SEGMENTS = 3

/** Shortest time between two readings of a playlist, in ms. */
const LEAST_WAIT = 100

/** Least time that a segment is waited for, in ms. */
const LEAST_RESERVE = 2000

/** Longest target duration that is believed, in ms: a playlist is read again after it, and given up after three of it. */
const MOST_TARGET = 60_000

/** Target durations by which a list must be later than usual before its source is believed to have been away. */
const AWAY = 1.5

/** What comes next: a segment, or time in ms for which there will be none, as where its source was away. */
export type FeedItem = HlsSegment | { lost: number; isAway: boolean }

/** What reading a playlist takes from the source that has found it. */
export interface HlsAccess {
  source: JoinedSource
  settings: HttpSettings
  /** Fires when nobody wants anything any longer. */
  signal: AbortSignal
  /** Opens one resource. */
  open: (resource: HlsResource, retries?: number) => HttpBody
  /** What playlists may import of the one that has led to them, as it was read last. */
  variables: () => Variables
  /** Goes once more through the address that was given, to where the playlist is now. */
  findAgain: () => Promise<{ url: URL; playlist: MediaPlaylist }>
  /** Turns bytes into WAV; silence in it is bounded by `limit`. */
  decode: (bytes: Readable, url: URL, limit: SilenceLimit | undefined) => Readable
}

/** Failures in a row after which a list is looked for by way of the address that was given. */
const TRIES = 3

/** Answers that say that there is nothing more at an address, or for whoever asks with it. */
const goneStatus = new Set([401, 403, 404, 410])

/** Codes of errors that no later attempt mends; nor, of a list that has come, that it is protected. */
const permanentErrors = new Set(['ADDRESS_REFUSED', 'INPUT_TOO_LARGE', 'INVALID_OPTION'])

/**
 * The segments of a playlist, one after the other. One that has no end yet is read again and again; what fell out of it
 * unseen, and the time for which its source was away, is told as lost.
 */
export class HlsFeed {
  readonly #access: HlsAccess
  #url: URL
  /** Whether segments are still added. */
  readonly isLive: boolean
  readonly #queue: FeedItem[] = []
  /** Number of the segment to be queued next. */
  #sequence: number
  #ended: boolean
  #wait: number
  #targetDuration: number
  readonly #lateness = new Lateness()
  readonly #history = new SegmentHistory()
  /** Ms of all segments so far, and of what was lost. */
  #position = 0
  #newestAt = performance.now()
  /** Ms of all segments that were listed last. */
  #window = 0
  #failures = 0
  /** Whether it is to be looked for where it is now. */
  #isGone = false

  /**
   * @param url - where the playlist is to be read again.
   * @param first - the playlist as it was first read.
   */
  constructor(access: HlsAccess, url: URL, first: MediaPlaylist) {
    this.#access = access
    this.#url = url
    this.isLive = !first.ended
    this.#ended = first.ended
    this.#targetDuration = Math.min(first.targetDuration, MOST_TARGET)
    this.#sequence = this.isLive ? (first.segments.at(-LIVE_SEGMENTS)?.sequence ?? first.mediaSequence) : 0
    this.#wait = this.#targetDuration
    this.#take(first)
  }

  /** Audio told of so far, in ms, and what was lost. */
  get position(): number {
    return this.#position
  }

  /** How long a segment is worth waiting for, in ms: what follows it is listed for no longer. */
  get reserve(): number {
    return Math.max(LEAST_RESERVE, 2 * this.#targetDuration, this.#window - this.#targetDuration)
  }

  /** What comes next, without taking it; waits for it. `undefined` at the end. */
  async peek(): Promise<FeedItem | undefined> {
    while (this.#queue.length === 0) {
      if (this.#ended) return undefined
      await this.#reload()
    }
    return this.#queue[0]
  }

  /** What comes next where that is known by now, `undefined` where it is not; `'end'` at the end. */
  get next(): FeedItem | 'end' | undefined {
    return this.#queue[0] ?? (this.#ended ? 'end' : undefined)
  }

  /** Takes what {@link peek} gave. */
  take(): void {
    this.#queue.shift()
  }

  async #reload(): Promise<void> {
    const { settings, signal, open, variables, findAgain, source } = this.#access
    await delay(Math.max(LEAST_WAIT, this.#wait), undefined, { signal })
    const wasGone = this.#isGone
    this.#isGone = false
    let body: HttpBody | undefined
    try {
      let playlist: Awaited<ReturnType<typeof fetchPlaylist>>
      if (wasGone) {
        ;({ url: this.#url, playlist } = await findAgain())
      } else {
        body = open({ url: this.#url }, 0)
        playlist = await fetchPlaylist(body, this.#url, variables())
      }
      if (playlist.kind !== 'media') throw notPlaylist('it has become another kind of playlist')
      this.#targetDuration = Math.min(playlist.targetDuration, MOST_TARGET)
      this.#ended = playlist.ended
      const hasNews = this.#take(playlist)
      this.#wait = hasNews ? this.#targetDuration : this.#targetDuration / 2
      if (hasNews || this.#ended) this.#failures = 0
      else if (this.#isStalled() && !this.#history.isGrowing)
        throw stalled(shownUrl(this.#url), this.#patience, 'segment')
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof DiarizeStreamError) || permanentErrors.has(error.code)) throw error
      if (body?.readableEnded === true && error.code === 'INPUT_UNREADABLE') throw error
      if (this.#failures >= settings.retries) throw error
      this.#failures += 1
      // Where a session has run out, another address is to be had where the first one came from.
      this.#isGone = !wasGone && (this.#failures % TRIES === 0 || goneStatus.has((error as InputError).status ?? 0))
      this.#wait = delayAsked(backOff(this.#failures, settings, false), error, settings)
      source.emit('reconnecting', { attempt: this.#failures, delay: this.#wait, error } satisfies SourceReconnecting)
    }
  }

  /** How long no segment may come, in ms: segments come whole. */
  get #patience(): number {
    return Math.max(this.#access.settings.stallTimeout, 3 * this.#targetDuration)
  }

  #isStalled(): boolean {
    return performance.now() - this.#newestAt > this.#patience
  }

  /** Queues what is new; says whether there was anything. */
  #take({ segments, mediaSequence, ended }: MediaPlaylist): boolean {
    const now = performance.now()
    const last = segments.at(-1)
    if (last === undefined) return false
    const target = this.#targetDuration
    const from = segments.at(-LIVE_SEGMENTS)?.sequence ?? mediaSequence
    // Numbers never go back, unless the source has begun anew.
    const restart = this.#history.restart(segments, { next: this.#sequence, from, now, target, ended })
    this.#sequence = restart ?? this.#sequence
    const fresh = segments.filter(({ sequence }) => sequence >= this.#sequence)
    const [first] = fresh
    if (first === undefined) return false
    if (restart !== undefined) fresh[0] = { ...first, discontinuity: true }
    this.#history.add(this.#position === 0 ? segments : fresh)
    const dropped = Math.max(0, mediaSequence - this.#sequence) * (sum(segments) / segments.length)
    const change = fresh.findIndex(({ discontinuity }) => discontinuity)
    const length = sum(fresh)
    // Held up on its way, all of it comes at once in the end; what is still as late then was away. Numbers are more exact.
    const late = change >= 0 || this.#isStalled() ? this.#lateness.of(now, this.#position + length) : 0
    const isAway = late > dropped + AWAY * target
    const lost = Math.round(isAway ? late : dropped)
    if (this.isLive && lost > 0 && this.#position > 0) {
      const at = dropped > 0 ? 0 : Math.max(0, change)
      this.#queue.push(...fresh.splice(0, at), { lost, isAway })
      this.#position += lost
    }
    for (const segment of fresh) this.#queue.push(segment)
    this.#position += length
    this.#sequence = last.sequence + 1
    this.#newestAt = now
    this.#window = sum(segments)
    this.#lateness.note(now, this.#position)
    return true
  }
}

/** Reads the playlist at an address: what it names is relative to where its answer came from. */
export async function fetchPlaylist(body: HttpBody, url: URL, variables: Variables): ReturnType<typeof readPlaylist> {
  try {
    const answer = await body.open()
    return await readPlaylist(body, url, answer.url, variables)
  } finally {
    body.destroy()
  }
}

function sum(segments: readonly HlsSegment[]): number {
  return segments.reduce((total, { duration }) => total + duration, 0)
}
