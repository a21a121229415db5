import { type ErrorCode, SessionError, type Warning } from '../errors.ts'
import type { BeginMessage, ClientMessage } from './messages.ts'
import type { PlacedSession } from './placed-session.ts'
import type { SessionBudget } from './session-budget.ts'
import type { Session } from './session.ts'
import type { StateWaiter } from './state-waiter.ts'
import type { ReconnectingRecord, SupervisorOptions } from './supervisor-options.ts'

/** What a {@link SessionOpener} calls. */
export interface SessionOpenerListener {
  /** A session has begun; at once, since the first turn may come in the same packet. */
  begun(session: Session, begin: BeginMessage): PlacedSession
  reconnecting(record: ReconnectingRecord): void
  warning(warning: Warning): void
}

/** Opens sessions, again and again where that can help, and knows those that are open. */
export class SessionOpener {
  readonly #options: SupervisorOptions
  readonly #budget: SessionBudget
  readonly #state: StateWaiter
  readonly #listener: SessionOpenerListener
  readonly #sessions = new Set<Session>()
  #destroyed = false

  /** @param state - by what the wait before an attempt ends early: its owner says so there after `destroy`. */
  constructor(options: SupervisorOptions, budget: SessionBudget, state: StateWaiter, listener: SessionOpenerListener) {
    this.#options = options
    this.#budget = budget
    this.#state = state
    this.#listener = listener
  }

  /** Opens one session. Rejects where that fails. */
  async open(): Promise<PlacedSession> {
    const options = this.#options
    // With the socket's library, which takes a quarter of the time that all of this takes to load, and is not needed by
    // who only decodes or writes captions.
    const [sessions, target] = await Promise.all([import('./session.ts'), options.connect()])
    if (this.#destroyed) throw new SessionError('CONNECTION_LOST', 'the stream was closed before the session began')
    const session = new sessions.Session(target, options)
    this.#sessions.add(session)
    session.on('warning', (warning) => this.#listener.warning(warning))
    session.once('end', () => this.#sessions.delete(session))
    return new Promise((resolve, reject) => {
      session.once('begin', (begin) => resolve(this.#listener.begun(session, begin)))
      session.once('end', (end) => reject(options.failure() ?? end.error ?? new Error('the session ended')))
    })
  }

  /**
   * Opens a session, and tries again within the budget.
   *
   * @param lost - why the one before it was lost.
   */
  async reopen(lost?: Error): Promise<PlacedSession> {
    let cause = lost
    for (;;) {
      if (cause) await this.#backOff(cause)
      try {
        return await this.open()
      } catch (error) {
        cause = error as Error
      }
    }
  }

  /** Sends a message to all sessions that are open. */
  sendMessage(message: ClientMessage): void {
    for (const session of this.#sessions) session.sendMessage(message)
  }

  /** Drops all sessions that are open now. */
  drop(code: ErrorCode, why: string): void {
    for (const session of this.#sessions) void session.destroy(code, why)
  }

  /** Drops all sessions and opens no more; resolves when no socket is left. */
  async destroy(): Promise<void> {
    this.#destroyed = true
    await Promise.all([...this.#sessions].map((session) => session.destroy()))
  }

  /** Waits before the next attempt; throws `cause` where none is left, or none can help. */
  async #backOff(cause: Error): Promise<void> {
    if (this.#destroyed) throw cause
    const record = this.#budget.spend(cause)
    this.#listener.reconnecting(record)
    if (await this.#state.until(() => this.#destroyed, record.delay)) throw cause
  }
}
