/**
 * How many sessions all processes of a fleet open with one key: a service lets so many begin within any minute, and gives more to
 * who uses most of what there is. All times are those of the store, in ms of the epoch.
 */

/** What is known of a key, as it stands in the store. */
export interface BucketState {
  /** Sessions that may begin within a minute, as far as is known. */
  limit: number
  /** When sessions were let in within the last minute and a little more, oldest first. */
  opened: number[]
  /** Live streams that wait, and until when they count without asking again. */
  waiting: Record<string, number>
  /** When a live stream last asked: until some time after that, a few places are kept for such. */
  liveAt: number
  /** When the limit last rose. */
  grownAt: number
  /** Nobody is let in before this. */
  pausedUntil: number
  /** Refusals in a row, and when the last one was. */
  refusals: number
  refusedAt: number
  openedTotal: number
  refusedTotal: number
}

export interface BucketOptions {
  /** What is taken for the limit at first, in sessions a minute. */
  perMinute: number
  /** Whether the limit is tried out, as the service raises it for who uses it. */
  grows: boolean
}

export interface BucketRequest {
  /** Tells who asks from others. */
  id: string
  live: boolean
}

/** Until when a session counts that was let in: longer than a minute, as it begins some time after. */
const WINDOW_MS = 63_000
const MINUTE_MS = 60_000
/** Who waits asks at least as often. */
const ASK_MS = 1000
const WAITS_MS = 5000
/** From this share of the limit on it grows, by so much, once a minute. */
const MUCH = 0.7
const GROWTH = 0.1
/** Share of the limit that recordings leave to live streams, where there were any within so long. */
const KEPT = 0.1
const LIVE_MS = 600_000
/** First pause after a refusal, which doubles. */
const PAUSE_MS = 2000
const LONGEST_PAUSE_MS = 30_000

export function readBucket(text: string | undefined, { perMinute }: BucketOptions): BucketState {
  if (text !== undefined) return JSON.parse(text) as BucketState
  return {
    limit: perMinute,
    opened: [],
    waiting: {},
    liveAt: 0,
    grownAt: 0,
    pausedUntil: 0,
    refusals: 0,
    refusedAt: 0,
    openedTotal: 0,
    refusedTotal: 0,
  }
}

/** Lets a session be opened, or says in how many ms to ask again. */
export function takeToken(
  before: BucketState,
  { id, live }: BucketRequest,
  options: BucketOptions,
  now: number,
): { state: BucketState; wait: number } {
  const state = aged(before, options, now)
  const others = Object.keys(state.waiting).filter((other) => other !== id).length
  if (live) state.liveAt = now
  const isLiveAbout = now - state.liveAt < LIVE_MS && state.limit > 1
  const kept = live ? 0 : Math.max(others, isLiveAbout ? Math.ceil(state.limit * KEPT) : 0)
  if (now >= state.pausedUntil && state.opened.length < state.limit - kept) {
    delete state.waiting[id]
    state.opened.push(now)
    state.openedTotal += 1
    return { state, wait: 0 }
  }
  if (live) state.waiting[id] = now + WAITS_MS
  const oldest = state.opened[0]
  const room = oldest === undefined ? ASK_MS : oldest + WINDOW_MS - now
  return { state, wait: Math.max(50, Math.min(ASK_MS, Math.max(state.pausedUntil - now, room))) }
}

/** A server has refused a session as one too many: the limit is what had begun before. */
export function noteRefusal(before: BucketState, options: BucketOptions, now: number): BucketState {
  const state = aged(before, options, now)
  state.refusedTotal += 1
  // Those that were under way at the same time count once.
  const isNew = now - state.refusedAt > PAUSE_MS
  state.refusals = now - state.refusedAt > 2 * MINUTE_MS ? 1 : state.refusals + (isNew ? 1 : 0)
  state.refusedAt = now
  if (isNew) {
    // The one that was refused had been let in here.
    const begun = state.opened.filter((at) => at > now - MINUTE_MS).length - 1
    state.limit = Math.max(1, Math.min(state.limit, begun))
    const pause = Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** (Math.max(1, state.refusals) - 1))
    state.pausedUntil = Math.max(state.pausedUntil, now + pause)
  }
  state.grownAt = now
  return state
}

/** What is known by now. */
function aged(before: BucketState, { perMinute, grows }: BucketOptions, now: number): BucketState {
  const opened = before.opened.filter((at) => at > now - WINDOW_MS)
  const waiting = Object.fromEntries(Object.entries(before.waiting).filter(([, until]) => until > now))
  const state = { ...before, opened, waiting }
  // Without growth, what a refusal has taught may have been of others, who are gone: it is found out again, up to what was said.
  const most = grows ? Infinity : perMinute
  state.limit = Math.min(state.limit, most)
  const mayGrow = grows ? opened.length >= state.limit * MUCH : state.limit < perMinute
  if (mayGrow && now - state.grownAt >= MINUTE_MS) {
    state.limit = Math.min(most, state.limit + Math.max(1, Math.round(state.limit * GROWTH)))
    state.grownAt = now
  }
  return state
}
