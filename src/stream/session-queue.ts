import { SessionError, type Warning } from '../errors.ts'
import type { SessionAdmission, SupervisorOptions } from './options.ts'
import type { MeterRequest, MeterUse, Ticket } from './session-meter.ts'
import type { Waiter } from './waiter.ts'

/** A stream that waits to be let in says so after this long. */
const LONG_WAIT_MS = 5000

/** Lets one stream open its sessions when it may: by the meter of the process, and by whoever outside is to be asked. */
export class SessionQueue {
  readonly #live: boolean
  readonly #meter: MeterUse | undefined
  readonly #admission: SessionAdmission | undefined
  readonly #state: Waiter
  readonly #warn: (warning: Warning) => void

  /** @param state - says when something may have changed for those who wait. */
  constructor(
    { live, meter, admission }: Pick<SupervisorOptions, 'live' | 'meter' | 'admission'>,
    state: Waiter,
    warn: (warning: Warning) => void,
  ) {
    this.#live = live
    this.#meter = meter?.()
    this.#admission = admission
    this.#state = state
    this.#warn = warn
  }

  /**
   * Waits until a session may be opened, and at least for `delay` ms.
   *
   * @param unwanted - whether none is wanted any more, which ends the wait.
   * @throws (rejects with) SessionError where that is so, or where no stream gets any.
   */
  async wait(
    { since, again, delay }: Omit<MeterRequest, 'settled'>,
    unwanted: () => boolean,
  ): Promise<Ticket | undefined> {
    const ticket = this.#meter?.request({ since, again, delay, settled: () => this.#state.changed() })
    if (delay > 0) await this.#state.until(unwanted, delay)
    if (this.#admission !== undefined) await this.#ask(this.#admission, again, unwanted)
    if (ticket === undefined) return undefined
    const settled = (): boolean => ticket.admitted || ticket.error !== undefined || unwanted()
    await this.#until(settled, () => queued(ticket))
    if (ticket.error) throw ticket.error
    if (!unwanted()) return ticket
    ticket.leave()
    throw notWanted()
  }

  /** The stream opens no more sessions. */
  release(): void {
    this.#meter?.release()
  }

  /** Waits until somebody outside lets the session be opened. */
  async #ask(admission: SessionAdmission, again: boolean, unwanted: () => boolean): Promise<void> {
    const abort = new AbortController()
    let isSettled = false
    // It may give no promise, in JavaScript.
    const asked = (async () => admission({ live: this.#live, again, signal: abort.signal }))()
    const admitted = asked.finally(() => {
      isSettled = true
      this.#state.changed()
    })
    // What comes of it is of no interest any more where it is not waited for.
    admitted.catch(() => {})
    const message = 'this stream waits until another session may be opened with its key'
    await this.#until(
      () => isSettled || unwanted(),
      () => ({ code: 'SESSION_QUEUED', message }),
    )
    if (isSettled) return admitted
    abort.abort()
    throw notWanted()
  }

  /** Waits for `condition`, and warns where that takes long. */
  async #until(condition: () => boolean, warning: () => Warning): Promise<void> {
    if (await this.#state.until(condition, LONG_WAIT_MS)) return
    this.#warn(warning())
    await this.#state.until(condition)
  }
}

function notWanted(): SessionError {
  return new SessionError('CONNECTION_LOST', 'no session is wanted any more')
}

function queued({ ahead, perMinute }: Ticket): Warning {
  const isKnown = perMinute !== Infinity
  const rate = isKnown ? `; the server takes ${perMinute} a minute` : ''
  const message = `${ahead} other streams of this process get a session before this one${rate}`
  return { code: 'SESSION_QUEUED', message, ahead, ...(isKnown && { perMinute }) }
}
