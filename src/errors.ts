import { constants } from 'node:os'
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
  // transcripts of finished files
  | 'TOO_MANY_REQUESTS'
  | 'TRANSCRIPT_FAILED'
  | 'TRANSCRIPT_TIMEOUT'
  // the embedded engine
  | 'ENGINE_UNAVAILABLE'
  | 'ENGINE_FAILED'
  | 'MODEL_MISSING'
  | 'MODEL_UNUSABLE'
  | 'DOWNLOAD_FAILED'
  // voices
  | 'VOICES_UNREADABLE'
  | 'VOICES_MODEL_MISMATCH'
  | 'VOICES_FULL'
  | 'VOICE_UNKNOWN'
  | 'VOICE_UNCLEAR'
  // sinks
  | 'OUTPUT_EXISTS'
  | 'OUTPUT_FENCED'
  | 'OUTPUT_STALLED'
  | 'OUTPUT_UNWRITABLE'
  // checkpoints
  | 'CHECKPOINT_IN_USE'
  | 'CHECKPOINT_UNREADABLE'
  | 'CHECKPOINT_MISMATCH'
  // a fleet
  | 'STORE_UNREACHABLE'

/** What a constructor takes beside code and message: any of the fields of its class, and `cause`, the lower error. */
export type ErrorFields<Class extends DiarizeStreamError> = Partial<
  Omit<Class, 'code' | 'message' | 'name' | 'stack' | 'cause'>
> & { readonly cause?: unknown }

/**
 * Base of every error the library reports. Match on `code`; the message is for people, holds no secret, and ends with
 * the next step where there is one.
 */
export class DiarizeStreamError extends Error {
  readonly code: ErrorCode
  /** Whether trying the same again, unchanged, can succeed. */
  readonly retryable: boolean
  /** Name of the channel that failed, where channels are kept apart. */
  declare readonly channel?: string

  constructor(code: ErrorCode, message: string, fields: ErrorFields<DiarizeStreamError> = {}) {
    const { cause, retryable = false, ...rest } = fields
    // What others wrote is cleaned where it comes in; no message moves the cursor all the same.
    super(redact(message.replaceAll(/[^\P{Cc}\n]+/gu, ' ')), cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.code = code
    this.retryable = retryable
    Object.assign(this, rest)
  }
}

/** An option is wrong, or stages do not fit together: nothing has been started. */
export class ConfigurationError extends DiarizeStreamError {
  /** Path of the option that was refused, such as `reconnect.attempts`. */
  declare readonly option?: string

  constructor(code: ErrorCode, message: string, fields: ErrorFields<ConfigurationError> = {}) {
    super(code, message, fields)
  }
}

/** The input is missing, unreadable, not media, or holds no audio. */
export class InputError extends DiarizeStreamError {
  /** Exit code of FFmpeg where it read the input; `null` where it was killed. */
  declare readonly exitCode?: number | null
  /** Signal that ended FFmpeg; `null` where none did. */
  declare readonly signal?: NodeJS.Signals | null
  /** The last lines that FFmpeg wrote. */
  declare readonly stderr?: string
  /** HTTP or RTSP status with which the input was refused. */
  declare readonly status?: number
  /** Bytes that came of an input that broke off. */
  declare readonly received?: number
  /** Bytes that should have come. */
  declare readonly total?: number
  /** Channels the audio was said to have. */
  declare readonly expected?: number
  /** Channels it has. */
  declare readonly channels?: number

  constructor(code: ErrorCode, message: string, fields: ErrorFields<InputError> = {}) {
    super(code, message, fields)
  }
}

/** FFmpeg is missing or failed. */
export class FfmpegError extends DiarizeStreamError {
  /** Its exit code; `null` where it was killed. */
  declare readonly exitCode?: number | null
  /** Signal that ended it; `null` where none did. */
  declare readonly signal?: NodeJS.Signals | null
  /** The last lines that it wrote. */
  declare readonly stderr?: string
  /** Where it was looked for. */
  declare readonly tried?: readonly string[]

  constructor(code: ErrorCode, message: string, fields: ErrorFields<FfmpegError> = {}) {
    super(code, message, fields)
  }
}

/** A session with the server failed. */
export class SessionError extends DiarizeStreamError {
  /** Close code of the WebSocket. */
  declare readonly closeCode?: number
  /** HTTP status with which the server refused the connection. */
  declare readonly httpStatus?: number
  /** What the server said of it. */
  declare readonly serverMessage?: string
  /** Id of the session, where it had begun. */
  declare readonly sessionId?: string
  /** Bytes that a server had sent which sent too many. */
  declare readonly bytes?: number
  /** Time in ms that the server asks to be left alone for. */
  declare readonly retryAfter?: number

  constructor(code: ErrorCode, message: string, fields: ErrorFields<SessionError> = {}) {
    super(code, message, fields)
  }
}

/** The engine on this machine cannot start or failed. */
export class EngineError extends DiarizeStreamError {
  /** Name of the model. */
  declare readonly model?: string
  /** Folder of the model. */
  declare readonly folder?: string
  /** The file of it that is wrong. */
  declare readonly file?: string
  /** npm package that is missing. */
  declare readonly package?: string
  /** HTTP status with which a download was refused. */
  declare readonly status?: number
  /** The last lines that the engine's process wrote. */
  declare readonly stderr?: string

  constructor(code: ErrorCode, message: string, fields: ErrorFields<EngineError> = {}) {
    super(code, message, fields)
  }
}

/** Captions could not be written. */
export class OutputError extends DiarizeStreamError {
  /** Path of the file, or what else was to be written to. */
  declare readonly target?: string
  /** Process that writes the file already. */
  declare readonly pid?: number
  /** Epoch of the writer that was refused. */
  declare readonly epoch?: number
  /** Epoch of the writer that has taken the output over. */
  declare readonly currentEpoch?: number

  constructor(code: ErrorCode, message: string, fields: ErrorFields<OutputError> = {}) {
    super(code, message, fields)
  }
}

/** A run cannot go on from a checkpoint. Nothing has been started, and no output was touched. */
export class CheckpointError extends DiarizeStreamError {
  /** Path of the checkpoint. */
  declare readonly file?: string
  /** What is not as it was when the checkpoint was made. */
  declare readonly difference?: 'input' | 'options' | 'outputs'
  /** The process that runs with it. */
  declare readonly pid?: number

  constructor(code: ErrorCode, message: string, fields: ErrorFields<CheckpointError> = {}) {
    super(code, message, fields)
  }
}

/** A fleet cannot use its store. */
export class FleetError extends DiarizeStreamError {
  /** Address of the store, without credentials. */
  declare readonly store?: string

  constructor(code: ErrorCode, message: string, fields: ErrorFields<FleetError> = {}) {
    super(code, message, fields)
  }
}

/** A voice book cannot be used, or a clip does not show a voice. */
export class VoiceBookError extends DiarizeStreamError {
  /** Path of the voice book. */
  declare readonly file?: string
  /** Name of the voice. */
  declare readonly voice?: string
  /** The speaker model that made the voices of the book. */
  declare readonly bookModel?: { readonly name: string; readonly sha256: string }
  /** The speaker model that was to be used. */
  declare readonly model?: { readonly name: string; readonly sha256: string }
  /** Speech that was found in a clip, in ms. */
  declare readonly speechMs?: number

  constructor(code: ErrorCode, message: string, fields: ErrorFields<VoiceBookError> = {}) {
    super(code, message, fields)
  }
}

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
  return (error as { name?: unknown } | null | undefined)?.name === 'AbortError' || errorCode(error) === 'ABORT_ERR'
}

/** The `code` of whatever was thrown: of an error of this library, of Node or of the system; `undefined` where it has none. */
export function errorCode(thrown: unknown): unknown {
  const { code, errno } = (thrown ?? {}) as { code?: unknown; errno?: unknown }
  // Node has no name for a quota that is used up: "Unknown system error -122".
  return errno === -constants.errno.EDQUOT ? 'EDQUOT' : code
}

/** What to do about a certificate that was refused, by the code of the error; `undefined` where it is no matter of one. */
export function certificateAdvice(code: string): string | undefined {
  if (/CERT_(?:HAS_EXPIRED|NOT_YET_VALID)/.test(code)) return "have it renewed, or set this machine's clock"
  if (/ALTNAME|HOSTNAME_MISMATCH/.test(code)) return 'give the address by the name that it is for'
  // Codes of Node, beside those of OpenSSL that name a certificate.
  if (!/CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)/.test(code)) return undefined
  return 'name the one to trust in NODE_EXTRA_CA_CERTS, or give it as ca'
}
