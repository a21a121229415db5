import { certificateAdvice, type ErrorCode, type ErrorFields, SessionError } from '../errors.ts'
import { oneLine, redact } from '../redact.ts'

export interface CloseMeaning {
  code: ErrorCode
  /** Whether a new session, opened with the same parameters, can succeed. */
  retryable: boolean
  /** What happened, to follow "the server …". */
  what: string
  /** What the user can do, as a sentence; absent where nothing but trying again helps. */
  advice?: string
}

const LOST: CloseMeaning = { code: 'CONNECTION_LOST', retryable: true, what: 'closed the connection' }
const UNAVAILABLE: CloseMeaning = { code: 'SERVER_ERROR', retryable: true, what: 'failed' }

const REFUSED: CloseMeaning = {
  code: 'UNAUTHORIZED',
  retryable: false,
  what: 'refused the credentials',
  advice: 'Check the API key (raw, without "Bearer") or ask for a fresh token.',
}

const byCode: Readonly<Record<number, CloseMeaning>> = {
  1000: { code: 'CONNECTION_LOST', retryable: true, what: 'ended the session before it was asked to' },
  1001: { code: 'CONNECTION_LOST', retryable: true, what: 'is going away' },
  1008: REFUSED,
  1009: {
    code: 'MESSAGE_TOO_BIG',
    retryable: false,
    what: 'refused a message as too big',
    advice: 'Keep messages under 128 KB.',
  },
  1011: UNAVAILABLE,
  1012: UNAVAILABLE,
  1013: UNAVAILABLE,
  3005: { code: 'SERVER_ERROR', retryable: true, what: 'cancelled the session' },
  3006: {
    code: 'INVALID_REQUEST',
    retryable: false,
    what: 'refused a parameter or message',
    advice: 'Correct the option that the text names.',
  },
  3007: {
    code: 'AUDIO_REJECTED',
    retryable: false,
    what: 'refused the audio',
    advice: 'Check that sampleRate and encoding describe the audio, and leave pace as it is.',
  },
  3008: { code: 'SESSION_EXPIRED', retryable: true, what: 'ended the session at its time limit' },
  3009: { code: 'TOO_MANY_SESSIONS', retryable: true, what: 'refused one more session' },
}

const TOO_MANY: CloseMeaning = {
  code: 'TOO_MANY_SESSIONS',
  retryable: true,
  what: 'refused one more session',
  advice: 'Wait at least 2 s before the next attempt, or open fewer sessions a minute.',
}

/** What a close code means. Other meanings hide in the text: rate limits and a fault of the service under 1008, inactivity under 3006. */
export function closeMeaning(code: number, text = ''): CloseMeaning {
  if ((code === 1008 || code === 3009) && /concurren|too many|rate.?limit/i.test(text)) return TOO_MANY
  // It says so now and then of credentials that it takes the next time.
  if (code === 1008 && /incorrect padding/i.test(text)) return { ...REFUSED, retryable: true }
  if (code === 3006 && /inactivity/i.test(text)) {
    return { code: 'SESSION_INACTIVE', retryable: true, what: 'ended the session for inactivity' }
  }
  return byCode[code] ?? LOST
}

/** A server, as errors may name it. */
export interface NamedServer {
  /** Address; its query is not shown. */
  url: string
  /** Values that no message may show. */
  secrets: string[]
}

/** An error that names the server without its query, and shows none of its secrets. */
export function sessionError(
  target: NamedServer,
  code: ErrorCode,
  what: string,
  facts: ErrorFields<SessionError> & { retryable: boolean; advice?: string | undefined },
): SessionError {
  const { advice, ...rest } = facts
  const place = target.url.split('?')[0] ?? ''
  return new SessionError(code, redact(`${place}: ${what}${advice ? `. ${advice}` : ''}`, target.secrets), rest)
}

/** The error that a close code stands for; `text` is that of the Error frame before it, else the close reason. */
export function closeError(target: NamedServer, closeCode: number, said: string, begun: boolean): SessionError {
  const text = oneLine(said, 500, target.secrets)
  const { code, retryable, what, advice } = closeMeaning(closeCode, text)
  const detail = text && text !== CLOSE_REASON ? `: ${text}` : ''
  return sessionError(
    target,
    code,
    `the server ${what}${begun ? '' : ' before the session began'} (code ${closeCode})${detail}`,
    {
      retryable,
      closeCode,
      serverMessage: redact(text, target.secrets),
      advice,
    },
  )
}

/** The error for a server that answers the upgrade with a plain HTTP response. */
export function refusalError(
  target: NamedServer,
  httpStatus: number,
  body: string,
  wait: { retryAfter?: number } = {},
): SessionError {
  const unauthorized = httpStatus === 401 || httpStatus === 403
  const text = oneLine(body, 300, target.secrets)
  const advice = unauthorized
    ? 'Check the API key or ask for a fresh token.'
    : httpStatus === 404
      ? 'Check the path of the address.'
      : undefined
  return sessionError(
    target,
    unauthorized ? 'UNAUTHORIZED' : 'CONNECT_FAILED',
    `the server refused the connection with HTTP ${httpStatus}${text && `: ${text}`}`,
    {
      retryable: httpStatus === 429 || httpStatus >= 500,
      httpStatus,
      ...wait,
      serverMessage: redact(text, target.secrets),
      advice,
    },
  )
}

/** The error for a connection that could not be made, or broke. */
export function connectionError(target: NamedServer, cause: Error, begun: boolean): SessionError {
  const reason = (cause as NodeJS.ErrnoException).code ?? ''
  const why = oneLine(cause.message, 500, target.secrets) || reason || 'no reason given'
  const advice = certificateSentence(reason)
  return sessionError(
    target,
    begun ? 'CONNECTION_LOST' : 'CONNECT_FAILED',
    begun ? `the connection failed: ${why}` : `cannot connect: ${why}`,
    {
      // A certificate that is not trusted now will not be at the next attempt.
      retryable: advice === undefined,
      cause,
      advice,
    },
  )
}

/** What helps where a certificate is not taken, as a sentence; `undefined` for errors of another kind. */
export function certificateSentence(reason: string): string | undefined {
  const advice = certificateAdvice(reason)
  return advice && `${advice.charAt(0).toUpperCase()}${advice.slice(1)}.`
}

/** Why the server ends a connection, sent as an `Error` and then as the close code. */
export class Refusal extends Error {
  readonly code: number

  constructor(code: number, text: string) {
    super(text)
    this.name = 'Refusal'
    this.code = code
  }
}

/** Close reason after every `Error` message: the text stands in that message only. */
export const CLOSE_REASON = 'See Error message for details'

/** 1008: the client may not use the server, or not now. */
export function unauthorized(reason: string): Refusal {
  return new Refusal(1008, `Unauthorized Connection: ${reason}`)
}

/** 3006: a parameter of the query or of `UpdateConfiguration` is wrong. */
export function invalidParameter(wire: string, rule: string): Refusal {
  return new Refusal(3006, `User Input Validation Error: Invalid '${wire}': ${rule}`)
}

/** 3006: a text message is JSON, but not one the protocol knows. */
export function invalidMessage(rule: string): Refusal {
  return new Refusal(3006, `Invalid Message: ${rule}`)
}

/** Cuts what a client sent down to what may be quoted in an error text. */
export function quote(text: string): string {
  return text.length > 100 ? `${text.slice(0, 97)}...` : text
}
