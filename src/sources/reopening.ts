import { backOff, delayAsked } from '../assemblyai/back-off.ts'
import type { ReconnectingSourceOptions } from './reconnecting-source-options.ts'

/** Ms between portions of what stands for a source that is away. */
const FILL_MS = 200

/** The waits between the loss of a source and its next opening, each longer than the one before while none brings audio. */
export class Reopening {
  readonly #options: Pick<ReconnectingSourceOptions, 'retries' | 'retryDelay' | 'maxRetryDelay'>
  readonly #fill: () => void
  #failures = 0
  #retryTimer: NodeJS.Timeout | undefined
  #fillTimer: NodeJS.Timeout | undefined

  /** @param fill - called now and then from a wait on, until there is audio. */
  constructor(options: Pick<ReconnectingSourceOptions, 'retries' | 'retryDelay' | 'maxRetryDelay'>, fill: () => void) {
    this.#options = options
    this.#fill = fill
  }

  /**
   * Begins a wait.
   *
   * @param filled - whether there is anything to fill.
   * @param open - called when the wait is over.
   * @param error - what the last attempt failed with.
   * @returns which attempt comes next, from 1, and the wait in ms; `undefined` where there have been too many.
   */
  wait(filled: boolean, open: () => void, error?: Error): { attempt: number; delay: number } | undefined {
    this.#failures += 1
    if (this.#failures > this.#options.retries) return undefined
    const delay = delayAsked(backOff(this.#failures, this.#options, false), error, this.#options)
    clearInterval(this.#fillTimer)
    if (filled) this.#fillTimer = setInterval(this.#fill, FILL_MS)
    this.#retryTimer = setTimeout(open, delay)
    return { attempt: this.#failures, delay }
  }

  /** There is audio again. */
  succeeded(): void {
    this.#failures = 0
    clearInterval(this.#fillTimer)
  }

  /** Nothing will be opened any more. */
  stop(): void {
    clearTimeout(this.#retryTimer)
    clearInterval(this.#fillTimer)
  }
}
