import { type ErrorCode, SessionError } from '../errors.ts'
import { oneLine, redact } from '../redact.ts'
import { closeMeaning } from './close-codes.ts'

/** Where a session connects, with everything that its handshake carries. */
export interface SessionTarget {
  /** Full address with its query. */
  url: string
  headers: Record<string, string>
  /** Values that no message may show. */
  secrets: string[]
}

/** An error that names the server without its query, and shows none of its secrets. */
export function sessionError(
  target: SessionTarget,
  code: ErrorCode,
  what: string,
  facts: { retryable: boolean; advice?: string; [fact: string]: unknown },
): SessionError {
  const { advice, ...rest } = facts
  const place = target.url.split('?')[0] ?? ''
  return new SessionError(code, redact(`${place}: ${what}${advice ? `. ${advice}` : ''}`, target.secrets), rest)
}

/** The error that a close code stands for; `text` is that of the Error frame before it, else the close reason. */
export function closeError(target: SessionTarget, closeCode: number, said: string, begun: boolean): SessionError {
  const text = oneLine(said)
  const { code, retryable, what, advice } = closeMeaning(closeCode, text)
  const detail = text && text !== 'See Error message for details' ? `: ${text}` : ''
  return sessionError(
    target,
    code,
    `the server ${what}${begun ? '' : ' before the session began'} (code ${closeCode})${detail}`,
    {
      retryable,
      closeCode,
      serverMessage: redact(text, target.secrets),
      ...(advice ? { advice } : {}),
    },
  )
}

/** The error for a server that answers the upgrade with a plain HTTP response. */
export function refusalError(
  target: SessionTarget,
  httpStatus: number,
  body: string,
  wait: { retryAfter?: number } = {},
): SessionError {
  const unauthorized = httpStatus === 401 || httpStatus === 403
  const text = oneLine(body, 300)
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
      ...(advice ? { advice } : {}),
    },
  )
}

/** The error for a connection that could not be made, or broke. */
export function connectionError(target: SessionTarget, cause: Error, begun: boolean): SessionError {
  const reason = (cause as NodeJS.ErrnoException).code ?? ''
  const why = oneLine(cause.message) || reason || 'no reason given'
  const untrusted = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS/.test(reason)
  return sessionError(
    target,
    begun ? 'CONNECTION_LOST' : 'CONNECT_FAILED',
    begun ? `the connection failed: ${why}` : `cannot connect: ${why}`,
    {
      // A certificate that is not trusted now will not be at the next attempt.
      retryable: !untrusted,
      cause,
      ...(untrusted ? { advice: 'Name the certificate of its authority in NODE_EXTRA_CA_CERTS.' } : {}),
    },
  )
}
