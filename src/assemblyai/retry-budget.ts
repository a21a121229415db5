import { SessionError } from '../errors.ts'
import { type BackOffOptions, backOff } from './back-off.ts'
import type { ReconnectingRecord } from './supervisor-options.ts'

/** A session that has lived this long has earned a fresh budget. */
const STABLE_MS = 30_000

/** How many attempts there are in a row. */
export interface RetryBudgetOptions extends BackOffOptions {
  retries: number
  /** The same before the first session. */
  firstRetries: number
}

/** Decides whether another session is worth an attempt, and when. */
export class RetryBudget {
  readonly #options: RetryBudgetOptions
  #spent = 0
  #limit: number
  #since = 0

  constructor(options: RetryBudgetOptions) {
    this.#options = options
    this.#limit = options.firstRetries
  }

  /** A session has begun. */
  begun(): void {
    this.#limit = this.#options.retries
  }

  /** A session has taken over. */
  tookOver(): void {
    this.#since = performance.now()
  }

  /** The session has ended. */
  ended(): void {
    if (performance.now() - this.#since > STABLE_MS) this.refill()
  }

  /** The stream has come further. */
  refill(): void {
    this.#spent = 0
  }

  /**
   * Takes one attempt after `cause`.
   *
   * @throws `cause` where none is left, or none can help.
   */
  spend(cause: Error): ReconnectingRecord {
    if (!(cause instanceof SessionError) || !cause.retryable || this.#spent >= this.#limit) throw cause
    this.#spent += 1
    const delay = Math.round(backOff(this.#spent, this.#options, cause.code === 'TOO_MANY_SESSIONS'))
    return { attempt: this.#spent, delay, error: cause }
  }
}
