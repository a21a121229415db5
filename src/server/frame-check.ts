import { Refusal } from './refusal.ts'

/** Longest audio message in ms, inclusive. */
const LONGEST = 1000
/** Shortest audio message in ms that counts as full, inclusive. */
const SHORTEST = 50
/** Milliseconds of short messages at which the server loses patience. */
const PATIENCE = 1000

/**
 * Judges the length of audio messages: 50 to 1000 ms. A longer one is refused at once. Shorter ones are let pass until
 * they add up to a second, so that a short tail does no harm (the service was seen to take 49 messages of 20 ms).
 */
export class FrameCheck {
  #shortMs = 0

  /** Takes the length of the next message in ms; throws a {@link Refusal} where it ends the session. */
  accept(ms: number): void {
    if (ms > LONGEST) throw violation(ms)
    if (ms >= SHORTEST) return
    // An empty message lasts no time, yet must not be free.
    this.#shortMs += Math.max(ms, 1)
    if (this.#shortMs >= PATIENCE) throw violation(ms)
  }
}

function violation(ms: number): Refusal {
  const text = `Input Duration Violation: ${ms.toFixed(1)} ms. Expected between ${SHORTEST} and ${LONGEST} ms`
  return new Refusal(3007, `Input Duration Error: ${text}`)
}
