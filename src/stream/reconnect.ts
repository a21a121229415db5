import { backOff, type BackOffOptions, delayAsked } from '../back-off.ts'
import { SessionError } from '../errors.ts'
import { secretsOfQuery } from '../redact.ts'
import { type Connect, MemoryTransport, type SessionTarget } from '../session/transport.ts'
import type { ReconnectingRecord, SupervisorOptions } from './options.ts'

/** New final words, in ms of the stream, that earn a fresh budget of attempts. */
const PROGRESS_MS = 1000
/** The same in ms of audio that no session had been sent before: where nobody speaks there are no words. */
const NEW_AUDIO_MS = 30_000
/** A session must have been sent this much new audio before it is replaced as planned, ms. */
const LEAST_PER_SESSION_MS = 3000
/** As many planned changes as may follow each other fast; one more for each of these lengths of new audio, ms. */
const MOST_PLANNED = 10
const PER_PLANNED_MS = 10_000
/** Sessions in a row that end before they have been sent again what was sent before. */
const MOST_TOO_SHORT = 3

export type SessionBudgetOptions = BackOffOptions & Pick<SupervisorOptions, 'retries' | 'firstRetries' | 'explained'>

/** Decides whether another session is worth opening, and when: each costs money, so only progress earns more. */
export class SessionBudget {
  readonly #options: SessionBudgetOptions
  #spent = 0
  #limit: number
  /** Ms of the stream that were final, and that had been sent, when the attempts were last refilled. */
  #finalAt = 0
  #sentAt = 0
  #planned = 0
  #plannedAt = 0
  #tooShort = 0
  /** Whether the credentials were refused since a session last began. */
  #isRefused = false

  constructor(options: SessionBudgetOptions) {
    this.#options = options
    this.#limit = options.firstRetries
  }

  begun(): void {
    this.#limit = this.#options.retries
    this.#isRefused = false
  }

  /** The stream has come further: final up to `finalMs`, sent up to `sentMs`. */
  reached(finalMs: number, sentMs: number): void {
    if (finalMs - this.#finalAt < PROGRESS_MS && sentMs - this.#sentAt < NEW_AUDIO_MS) return
    this.#finalAt = Math.max(this.#finalAt, finalMs)
    this.#sentAt = Math.max(this.#sentAt, sentMs)
    this.#spent = 0
  }

  /** Takes one attempt after `cause`; throws what is behind that where none is left, or none can help. None after a hold. */
  spend(cause: Error): ReconnectingRecord {
    if (isHeld(cause)) return { attempt: this.#spent + 1, delay: 0, error: cause }
    const isRefusal = cause instanceof SessionError && cause.code === 'UNAUTHORIZED'
    // Credentials that are refused twice are wrong, whatever is said of them.
    const isInVain = this.#spent >= this.#limit || (isRefusal && this.#isRefused)
    if (!(cause instanceof SessionError) || !cause.retryable || isInVain) {
      throw this.#options.explained?.(cause) ?? cause
    }
    this.#isRefused ||= isRefusal
    this.#spent += 1
    const delay = delayAsked(
      backOff(this.#spent, this.#options, cause.code === 'TOO_MANY_SESSIONS'),
      cause,
      this.#options,
    )
    return { attempt: this.#spent, delay, error: cause }
  }

  /** Whether a session may be replaced before it expires, after `newMs` of audio that was new. */
  mayPlan(newMs: number, sentMs: number): boolean {
    const earned = Math.floor((sentMs - this.#plannedAt) / PER_PLANNED_MS)
    return newMs >= LEAST_PER_SESSION_MS && this.#planned - earned < MOST_PLANNED
  }

  plan(sentMs: number): void {
    const earned = Math.floor((sentMs - this.#plannedAt) / PER_PLANNED_MS)
    this.#planned = Math.max(0, this.#planned - earned) + 1
    this.#plannedAt += earned * PER_PLANNED_MS
  }

  /**
   * A session ended at its limit. @throws SessionError `SESSION_TOO_SHORT` for the third in a row that brought nothing.
   */
  expired(error: SessionError, further: boolean): void {
    this.#tooShort = further ? 0 : this.#tooShort + 1
    if (this.#tooShort < MOST_TOO_SHORT) return
    const message =
      `${error.message}. That was the ${MOST_TOO_SHORT}rd session in a row that ended before it had heard again what was ` +
      'not final yet: the sessions of this server are too short. Ask for longer ones, or make replay.context smaller'
    throw new SessionError('SESSION_TOO_SHORT', message, { cause: error })
  }
}

/** Whether a session was closed, or not opened, because nobody took the turns. */
export function isHeld(error: unknown): error is SessionError {
  return error instanceof SessionError && error.code === 'OUTPUT_STALLED'
}

/** Where one more session connects, and how that server is reached. */
export async function connection(
  options: Pick<SupervisorOptions, 'connect' | 'pingInterval'>,
): Promise<{ target: SessionTarget; connect: Connect }> {
  const given = await options.connect()
  // Those of a webhook, too: a server quotes the parameter that it refuses.
  const target = { ...given, secrets: [...given.secrets, ...secretsOfQuery(given.url)] }
  const { accept } = target
  if (accept !== undefined) return { target, connect: (listener) => new MemoryTransport(accept, listener) }
  // The socket's library takes a quarter of the time that all of this takes to load.
  const { loadSockets, WebSocketTransport } = await import('../session/web-socket.ts')
  await loadSockets()
  return { target, connect: (listener) => new WebSocketTransport(target, options.pingInterval, listener) }
}

export interface RollOverTimes {
  start: number
  deadline: number
}

/** The times for a session of `life` ms from `now` on; the next is opened `before` ms before its expiry. */
export function rollOverTimes(life: number | undefined, now: number, before: number): RollOverTimes {
  if (life === undefined) return { start: Infinity, deadline: Infinity }
  // A session that lives only a minute cannot spend five on its end: a quarter of its life is enough.
  const margin = Math.max(0, Math.min(before, life / 4))
  return { start: now + life - margin, deadline: now + life - margin / 4 }
}
