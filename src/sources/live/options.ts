import type { BackOffOptions } from '../../back-off.ts'
import type { DiarizeStreamError } from '../../errors.ts'
import type { TypedReadable } from '../../events.ts'
import {
  type Check,
  checkAtMost,
  checkSignal,
  defined,
  integer,
  invalidOption,
  oneOf,
  orInfinity,
} from '../../options.ts'
import type { SourceGap } from './timeline.ts'

/** Options of every source that opens its input again when it was lost. */
export interface ReconnectOptions {
  /**
   * What stands for the time the source was away: `'silence'` keeps the times of the stream true to the clock on the
   * wall, `'skip'` goes on as if nothing were missing.
   * @defaultValue `'silence'`
   */
  gaps?: 'silence' | 'skip'
  /** Attempts in a row without audio before the last error stands, 0 or more. @defaultValue `Infinity` */
  retries?: number
  /** First delay in ms before an attempt; each further one is about twice as long, 1 to 60000. @defaultValue `500` */
  retryDelay?: number
  /** Longest such delay in ms, 1 to 600000. @defaultValue `10000`, or a `retryDelay` that is longer */
  maxRetryDelay?: number
  /** Longest time in ms from the start of an attempt to its first audio, 100 to 600000. @defaultValue `15000` */
  connectTimeout?: number
  /** Longest time in ms without audio after that, 100 to 600000. @defaultValue `5000` */
  stallTimeout?: number
  /** Ends the stream in good order after so many ms of it, 1 or more: all captions are written. @defaultValue none */
  maxDuration?: number
  /** Ends the stream in good order when it fires, where `signal` breaks it off. @defaultValue none */
  stop?: AbortSignal
  /** Destroys the stage when it fires. @defaultValue none */
  signal?: AbortSignal
}

/** An attempt to open a live source again, given to listeners of its `reconnecting` event. */
export interface SourceReconnecting {
  /** From 1; back to 1 once there was audio again. */
  attempt: number
  /** Ms until the attempt. */
  delay: number
  /** Why the last attempt ended. */
  error: DiarizeStreamError
}

/** Events of a source of audio that may be lost on its way, beside those of every readable stage. */
export interface LiveSourceEvents {
  /** The input was lost; the next attempt follows after `delay` ms. */
  reconnecting: [SourceReconnecting]
  /** Audio is missing; it is passed on to every stage below. */
  gap: [SourceGap]
}

/** A camera or a microphone: a WAV byte stream that ends only when it is told to. */
export interface LiveSource extends TypedReadable<LiveSourceEvents> {}

/** {@link ReconnectOptions} with the defaults filled in. */
export interface ReconnectSettings extends BackOffOptions {
  gaps: 'silence' | 'skip'
  retries: number
  connectTimeout: number
  stallTimeout: number
  maxDuration: number
  stop: AbortSignal | undefined
  signal: AbortSignal | undefined
}

const defaults = {
  gaps: 'silence',
  retries: Infinity,
  retryDelay: 500,
  maxRetryDelay: 10_000,
  connectTimeout: 15_000,
  stallTimeout: 5000,
  maxDuration: Infinity,
} as const satisfies ReconnectOptions

/** What refuses wrong values of {@link ReconnectOptions}. */
export const reconnectChecks: Readonly<Record<keyof ReconnectOptions, Check>> = {
  gaps: oneOf('silence', 'skip'),
  retries: (name, value) => {
    if (value === undefined || value === Infinity || (Number.isInteger(value) && Number(value) >= 0)) return
    throw invalidOption(name, 'an integer of at least 0, or Infinity', value)
  },
  retryDelay: integer(1, 60_000, 'ms'),
  maxRetryDelay: integer(1, 600_000, 'ms'),
  connectTimeout: integer(100, 600_000, 'ms'),
  stallTimeout: integer(100, 600_000, 'ms'),
  maxDuration: orInfinity(integer(1, undefined, 'ms')),
  stop: checkSignal,
  signal: checkSignal,
}

/**
 * Fills in the defaults of options each of which has been checked.
 *
 * @param own - defaults of the stage that differ.
 * @throws ConfigurationError `INVALID_OPTION` where two do not go together
 */
export function reconnectSettings(options: ReconnectOptions, own: Partial<ReconnectSettings> = {}): ReconnectSettings {
  const { gaps, retries, retryDelay, maxRetryDelay, connectTimeout, stallTimeout, maxDuration, stop, signal } = options
  const given = { gaps, retries, retryDelay, maxRetryDelay, connectTimeout, stallTimeout, maxDuration }
  checkAtMost('retryDelay', retryDelay, 'maxRetryDelay', maxRetryDelay, 'ms')
  const longest = Math.max(defaults.maxRetryDelay, retryDelay ?? 0)
  return { ...defaults, maxRetryDelay: longest, ...own, ...defined(given), stop, signal }
}
