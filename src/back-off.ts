import type { IncomingHttpHeaders } from 'node:http'

export interface BackOffOptions {
  /** First delay in ms; each further one is twice as long. */
  retryDelay: number
  maxRetryDelay: number
}

/** Sessions opened again within two seconds of a refusal for their number were refused again. */
const CROWDED_MS = 2000

/** Ms to wait before an attempt: exponential, half of it at random, so that clients do not come back together. */
export function backOff(attempt: number, options: BackOffOptions, crowded: boolean, random = Math.random()): number {
  const longest = Math.min(options.maxRetryDelay, options.retryDelay * 2 ** (attempt - 1))
  const delay = longest * (0.5 + random / 2)
  return crowded ? Math.max(CROWDED_MS * (1 + random / 2), delay) : delay
}

/** Milliseconds after which the server wants to be asked again: a number of seconds, or a date by its own clock. */
export function retryAfter({ 'retry-after': header = '', date }: IncomingHttpHeaders): { retryAfter?: number } {
  if (/^\s*\d+\s*$/.test(header)) return { retryAfter: Number(header) * 1000 }
  const at = Date.parse(header)
  if (!/^\s*[a-z]/i.test(header) || Number.isNaN(at)) return {}
  const now = Date.parse(date ?? '')
  return { retryAfter: Math.max(0, at - (Number.isNaN(now) ? Date.now() : now)) }
}

/** `delay`, or, where the server behind `error` asked for more by `retryAfter`, that, but never more than `maxRetryDelay`. */
export function delayAsked(delay: number, error: unknown, { maxRetryDelay }: BackOffOptions): number {
  const { retryAfter: asked } = (error ?? {}) as { retryAfter?: unknown }
  return Math.round(Math.max(delay, Math.min(typeof asked === 'number' ? asked : 0, maxRetryDelay)))
}
