import { Refusal } from './refusal.ts'

/**
 * Judges whether audio comes too fast: it may be ahead of the clock by so much and no more. The clock starts with the
 * first audio message.
 */
export class PacingCheck {
  readonly #maxAheadMs: number
  #startedAt: number | undefined
  #receivedMs = 0

  /** @param maxAheadMs - audio in ms that may have come beyond the time passed; `Infinity` turns the check off. */
  constructor(maxAheadMs: number) {
    this.#maxAheadMs = maxAheadMs
  }

  /** Takes the length in ms of audio that came at `now` (ms of any steady clock); throws a {@link Refusal}. */
  accept(ms: number, now: number): void {
    this.#startedAt ??= now
    this.#receivedMs += ms
    const elapsed = now - this.#startedAt
    if (this.#receivedMs - elapsed <= this.#maxAheadMs) return
    const received = (this.#receivedMs / 1000).toFixed(1)
    const passed = (elapsed / 1000).toFixed(6)
    throw new Refusal(3007, `Audio Transmission Rate Exceeded: Received ${received} sec. audio in ${passed} sec`)
  }
}
