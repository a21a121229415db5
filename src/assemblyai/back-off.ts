/** How attempts to connect again are spaced. */
export interface BackOffOptions {
  /** First delay in ms; each further one is twice as long. */
  retryDelay: number
  /** Longest delay in ms. */
  maxRetryDelay: number
}

/** Sessions opened again within two seconds of a refusal for their number were refused again. */
const CROWDED_MS = 2000

/**
 * Milliseconds to wait before attempt `attempt` (from 1): exponential, with half of it drawn at random so that many
 * clients that lost the same server do not come back at the same moment.
 *
 * @param crowded - whether the last attempt was refused for too many sessions.
 * @param random - a number from 0 to 1.
 */
export function backOff(attempt: number, options: BackOffOptions, crowded: boolean, random = Math.random()): number {
  const longest = Math.min(options.maxRetryDelay, options.retryDelay * 2 ** (attempt - 1))
  const delay = longest * (0.5 + random / 2)
  return crowded ? Math.max(CROWDED_MS * (1 + random / 2), delay) : delay
}
