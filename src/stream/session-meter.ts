import { SessionError } from '../errors.ts'

/** Servers count the sessions that began within a minute; all other times here are parts or multiples of it, ms. */
const MINUTE_MS = 60_000
/** Openings under way at once, lest all be refused; half of one more for each session that began within the last minute. */
const LEAST_AT_ONCE = 5
/** Minutes without any new session after which those who wait give up. */
const HOPELESS = 5
/** Most openings that wait; who comes then is turned away. */
const MOST_WAITING = 10_000

/** Who opens sessions. */
export interface MeterUser {
  /** Whether the source cannot wait: its openings go first. */
  live: boolean
  /** Most sessions a minute, as far as the user says. */
  perMinute?: number | undefined
}

/** What a stream asks for. */
export interface MeterRequest {
  /** Since when there is no session, in ms of `performance.now()`: who has waited longest goes first. */
  since: number
  /** Whether there was one before. */
  again: boolean
  /** Ms to wait in any case; a place is kept for a live stream meanwhile. */
  delay: number
  /** Called once the session may be opened, or is given up. */
  settled: () => void
}

/** A stream's use of a meter. */
export interface MeterUse {
  /** Asks for a session to be opened. */
  request(request: MeterRequest): Ticket
  /** The stream opens no more sessions. */
  release(): void
}

/** One opening, from the request to its outcome. */
export interface Ticket {
  /** Whether the session may be opened. */
  readonly admitted: boolean
  /** Why it is given up. */
  readonly error: SessionError | undefined
  /** Openings that come before it. */
  readonly ahead: number
  /** Sessions a minute that the server is known to take; `Infinity` where that is not known. */
  readonly perMinute: number
  /** The session has begun. */
  begun(): void
  /** The session could not be opened, or, without an error, is not wanted any more. */
  leave(error?: Error): void
}

/** A ticket as its meter keeps it; times in ms of `performance.now()`. */
interface Opening {
  live: boolean
  since: number
  requestedAt: number
  notBefore: number
  /** When it was let in; `Infinity` while it waits. */
  startedAt: number
  error: SessionError | undefined
  settled: () => void
}

/**
 * How many sessions a process opens with one account, so that an outage that cuts all its streams does not end with all of
 * them refused, over and over. A server says how many a minute it takes only by refusing; so few are opened at once, more as
 * they succeed, and the first refusals tell the limit: what had begun within the minute before. From then on the rest waits
 * for its turn, live streams first, and every other minute a tenth more is tried.
 */
export class SessionMeter {
  readonly #minute: number
  readonly #users = new Map<MeterUse, MeterUser>()
  #anyLive = false
  /** Most sessions a minute, as users say, and as refusals have told. */
  #ceiling = Infinity
  #learnt = Infinity
  /** When sessions began, as far as the server may still count them; oldest first. */
  #begun: number[] = []
  #lastBegin = Number.NEGATIVE_INFINITY
  readonly #underWay = new Set<Opening>()
  /** In the order in which they will be let in. */
  readonly #waiting: Opening[] = []
  #pausedUntil = Number.NEGATIVE_INFINITY
  /** Refusals in a row; those of openings that were under way at the same time count once. */
  #refusals = 0
  #refusedAt = Number.NEGATIVE_INFINITY
  /** When the limit was last tried out. */
  #triedAt = Number.NEGATIVE_INFINITY
  #lastFailure: SessionError | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param minute - what counts as a minute, in ms; tests have no time. */
  constructor(minute = MINUTE_MS) {
    this.#minute = minute
  }

  /** Whether nobody uses it any more. */
  get unused(): boolean {
    return this.#users.size === 0
  }

  /** Registers a stream; `released` is called once it opens no more sessions. */
  use(user: MeterUser, released = () => {}): MeterUse {
    const use: MeterUse = {
      request: (request) => this.#request(user, request),
      release: () => {
        if (!this.#users.delete(use)) return
        this.#sumUp()
        // What it said of the limit may have held others up.
        this.#advance()
        released()
      },
    }
    this.#users.set(use, user)
    this.#sumUp()
    return use
  }

  #sumUp(): void {
    this.#ceiling = Infinity
    this.#anyLive = false
    for (const { live, perMinute = Infinity } of this.#users.values()) {
      this.#ceiling = Math.min(this.#ceiling, perMinute)
      this.#anyLive ||= live
    }
  }

  get #perMinute(): number {
    return Math.min(this.#learnt, this.#ceiling)
  }

  #request({ live }: MeterUser, { since, again, delay, settled }: MeterRequest): Ticket {
    const now = performance.now()
    // Streams that are cut together do not ask together: who can wait lets those who cannot go first.
    const grace = again && !live && this.#anyLive ? this.#minute / 30 : 0
    const notBefore = now + Math.max(delay, grace)
    const opening: Opening = {
      live,
      since,
      requestedAt: now,
      notBefore,
      startedAt: Infinity,
      error: undefined,
      settled,
    }
    if (this.#waiting.length >= MOST_WAITING) {
      const message = `${MOST_WAITING} streams of this process wait for a session already`
      opening.error = new SessionError('TOO_MANY_SESSIONS', message, { retryable: true })
    } else {
      let place = this.#waiting.length
      while (place > 0 && goesBefore(opening, this.#waiting[place - 1]!)) place -= 1
      this.#waiting.splice(place, 0, opening)
      this.#advance()
    }
    return this.#ticket(opening)
  }

  #ticket(opening: Opening): Ticket {
    const ahead = (): number => Math.max(0, this.#waiting.indexOf(opening))
    const perMinute = (): number => this.#perMinute
    return {
      get admitted() {
        return opening.startedAt !== Infinity
      },
      get error() {
        return opening.error
      },
      get ahead() {
        return ahead()
      },
      get perMinute() {
        return perMinute()
      },
      begun: () => this.#begin(opening),
      leave: (error) => this.#leave(opening, error),
    }
  }

  #begin(opening: Opening): void {
    if (!this.#underWay.delete(opening)) return
    // Counted from here, since the server counts from no later than this.
    this.#lastBegin = performance.now()
    this.#begun.push(this.#lastBegin)
    this.#refusals = 0
    this.#forget(this.#lastBegin)
    // Others of the same moment may have been refused; this one was not.
    if (this.#begun.length > this.#learnt) this.#learnt = this.#begun.length
    this.#advance()
  }

  #leave(opening: Opening, error: Error | undefined): void {
    const place = this.#waiting.indexOf(opening)
    if (place >= 0) this.#waiting.splice(place, 1)
    if (this.#underWay.delete(opening) && error instanceof SessionError) {
      this.#lastFailure = error
      if (error.code === 'TOO_MANY_SESSIONS' || error.httpStatus === 429) this.#refused(opening, error)
      // It may be about to ask again, and keeps its place before others then.
      clearTimeout(this.#timer)
      if (this.#waiting.length > 0) this.#timer = setTimeout(() => this.#advance(), 1)
      return
    }
    this.#advance()
  }

  #refused({ startedAt }: Opening, { retryAfter = 0 }: SessionError): void {
    const now = performance.now()
    this.#forget(now)
    this.#learnt = Math.max(1, this.#begun.length)
    // A minute passes until the limit is reached again, another until it is tried out.
    this.#triedAt = now + this.#minute
    if (startedAt > this.#refusedAt) {
      this.#refusedAt = now
      this.#refusals += 1
    }
    // Where others use the account up, nothing of ours has begun: two seconds, then four, up to half a minute.
    const pause = Math.min((this.#minute / 30) * 2 ** (this.#refusals - 1), this.#minute / 2)
    this.#pausedUntil = Math.max(this.#pausedUntil, now + Math.max(pause, Math.min(retryAfter, this.#minute)))
  }

  #forget(now: number): void {
    const old = this.#begun.findIndex((at) => at > now - this.#minute)
    this.#begun.splice(0, old < 0 ? this.#begun.length : old)
  }

  /** Lets in who may go, gives up on who waits without hope, and sets the timer for the next look. */
  #advance(): void {
    clearTimeout(this.#timer)
    const now = performance.now()
    this.#forget(now)
    /** Places kept for live streams that are not to be tried yet. */
    let kept = 0
    for (let place = 0; place < this.#waiting.length;) {
      const opening = this.#waiting[place]!
      if (!this.#hasRoom(opening.live ? 0 : kept, now)) break
      if (opening.notBefore <= now) {
        this.#waiting.splice(place, 1)
        this.#underWay.add(opening)
        opening.startedAt = now
        opening.settled()
      } else {
        place += 1
        if (opening.live) kept += 1
      }
    }
    this.#giveUp(now)
    // Who waits keeps the process alive; where nobody does, there is no timer.
    if (this.#waiting.length === 0) return
    this.#timer = setTimeout(() => this.#advance(), Math.max(1, Math.ceil(this.#nextLook(now) - now)))
  }

  #hasRoom(kept: number, now: number): boolean {
    if (now < this.#pausedUntil) return false
    const open = this.#underWay.size + kept
    if (open >= LEAST_AT_ONCE + Math.floor(this.#begun.length / 2)) return false
    const used = this.#begun.length + open
    if (used < this.#perMinute) return true
    if (used >= this.#ceiling || used > this.#learnt || now < this.#triedAt + this.#minute) return false
    // A service gives more to who uses what there is.
    this.#learnt += Math.max(1, Math.round(this.#learnt / 10))
    this.#triedAt = now
    return true
  }

  /** When something may have changed without an event. */
  #nextLook(now: number): number {
    const oldest = (this.#begun[0] ?? Infinity) + this.#minute
    let next = now + this.#minute
    const times = [this.#pausedUntil, oldest, this.#triedAt + this.#minute, this.#hopelessAt(this.#waiting[0]!)]
    for (const at of times) if (at > now) next = Math.min(next, at)
    for (const { notBefore } of this.#waiting) if (notBefore > now) next = Math.min(next, notBefore)
    return next
  }

  #hopelessAt({ requestedAt }: Opening): number {
    return Math.max(requestedAt, this.#lastBegin) + HOPELESS * this.#minute
  }

  #giveUp(now: number): void {
    for (const opening of this.#waiting.filter((each) => this.#hopelessAt(each) <= now)) {
      this.#waiting.splice(this.#waiting.indexOf(opening), 1)
      const seconds = Math.round((HOPELESS * this.#minute) / 1000)
      const last = this.#lastFailure
      const why = last === undefined ? '' : `. The last attempt: ${last.message}`
      const message = `this stream waits for its turn to open a session, and for ${seconds} s no other got one either${why}`
      const fields = { retryable: true, cause: last }
      opening.error = new SessionError(last?.code ?? 'TOO_MANY_SESSIONS', message, fields)
      opening.settled()
    }
  }
}

function goesBefore(one: Opening, other: Opening): boolean {
  return one.live === other.live ? one.since < other.since : one.live
}

/** The meters of this process, by server and account. */
const meters = new Map<string, Map<unknown, SessionMeter>>()

/**
 * The meter of an account at a server, shared by all streams of the process that use it at present.
 *
 * @param account - what stands for the account: the key, or the function that gives it.
 * @param minute - what counts as a minute where there is no such meter yet, in ms.
 */
export function useMeter(server: string, account: unknown, user: MeterUser, minute?: number): MeterUse {
  const atServer = meters.get(server) ?? new Map<unknown, SessionMeter>()
  meters.set(server, atServer)
  const meter = atServer.get(account) ?? new SessionMeter(minute)
  atServer.set(account, meter)
  return meter.use(user, () => {
    if (!meter.unused) return
    atServer.delete(account)
    if (atServer.size === 0) meters.delete(server)
  })
}
