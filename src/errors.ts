import { redact } from './redact.ts'

/** Stable codes of everything that can go wrong; `docs/errors.md` says what to do about each. */
export type ErrorCode =
  // options and usage
  | 'INVALID_OPTION'
  | 'MISSING_API_KEY'
  | 'INVALID_PIPELINE'
  // input
  | 'INPUT_NOT_FOUND'
  | 'INPUT_UNREADABLE'
  | 'INPUT_NOT_MEDIA'
  | 'NO_AUDIO'
  | 'UNSUPPORTED_AUDIO'
  | 'ADDRESS_REFUSED'
  | 'INPUT_REFUSED'
  | 'INPUT_UNREACHABLE'
  | 'INPUT_LOST'
  | 'INPUT_TRUNCATED'
  | 'INPUT_TOO_LARGE'
  | 'INPUT_STALLED'
  | 'NO_MICROPHONE'
  | 'CHANNEL_MISMATCH'
  // FFmpeg
  | 'FFMPEG_NOT_FOUND'
  | 'FFMPEG_FAILED'
  // the socket session
  | 'CONNECT_FAILED'
  | 'CONNECT_TIMEOUT'
  | 'CONNECTION_LOST'
  | 'SESSION_STALLED'
  | 'UNAUTHORIZED'
  | 'TOO_MANY_SESSIONS'
  | 'SESSION_EXPIRED'
  | 'SESSION_TOO_SHORT'
  | 'SERVER_FLOOD'
  | 'SESSION_INACTIVE'
  | 'INVALID_REQUEST'
  | 'AUDIO_REJECTED'
  | 'MESSAGE_TOO_BIG'
  | 'SERVER_ERROR'
  | 'TERMINATION_MISSING'
  | 'TOKEN_FAILED'
  // the embedded engine
  | 'ENGINE_UNAVAILABLE'
  | 'ENGINE_FAILED'
  | 'MODEL_MISSING'
  | 'MODEL_UNUSABLE'
  | 'DOWNLOAD_FAILED'
  // sinks
  | 'OUTPUT_STALLED'
  | 'OUTPUT_UNWRITABLE'

/** What every error of the library carries beside its message. */
export interface ErrorFacts {
  /** Whether trying the same again, unchanged, can succeed. */
  retryable?: boolean
  /** The lower error. */
  cause?: unknown
  /** Any further facts; they become fields of the error. */
  [fact: string]: unknown
}

/**
 * Base of every error the library reports. Match on `code`; the message is for people, holds no secret, and ends with
 * the next step where there is one.
 */
export class DiarizeStreamError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly [fact: string]: unknown

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    const { cause, retryable = false, ...rest } = facts
    // What others wrote is cleaned where it comes in; no message moves the cursor all the same.
    super(redact(message.replaceAll(/[^\P{Cc}\n]+/gu, ' ')), cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.code = code
    this.retryable = retryable
    Object.assign(this, rest)
  }
}

/** An option is wrong, or stages do not fit together: nothing has been started. */
export class ConfigurationError extends DiarizeStreamError {}

/** The input is missing, unreadable, not media, or holds no audio. */
export class InputError extends DiarizeStreamError {}

/** FFmpeg is missing or failed; `exitCode`, `signal` and `stderr` say how. */
export class FfmpegError extends DiarizeStreamError {}

/** The socket session failed; `closeCode` and `serverMessage` say how. */
export class SessionError extends DiarizeStreamError {}

/** The embedded engine cannot start or failed. */
export class EngineError extends DiarizeStreamError {}

/** Captions could not be written. */
export class OutputError extends DiarizeStreamError {}

/** Recoverable trouble, given to listeners of the `warning` event of any stage. */
export interface Warning {
  /** Stable code, e.g. `EMBEDDED_ENGINE`. */
  code: string
  /** What happened, for people; holds no secret. */
  message: string
  /** Further facts. */
  [fact: string]: unknown
}

/** Whether `error` came from an `AbortSignal`: such errors pass through unchanged. */
export function isAbortError(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || (error as { code?: unknown }).code === 'ABORT_ERR')
}
