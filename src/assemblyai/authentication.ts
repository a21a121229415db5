import { ConfigurationError, SessionError, isAbortError } from '../errors.ts'
import { invalidOption } from '../options.ts'
import { oneLine } from '../redact.ts'
import { exclusive } from './parameters.ts'

/** A secret, or a function asked for one at every connection. */
export type Secret = string | (() => string | Promise<string>)

/** How a session authenticates; at most one of the two. */
export interface AuthenticationOptions {
  /**
   * API key, sent raw in the `Authorization` header; a function is asked anew for each connection.
   * @defaultValue the environment's `ASSEMBLYAI_API_KEY`, for the service's own addresses only
   */
  apiKey?: Secret
  /**
   * Temporary token, sent as a query parameter; prefer a function, since a token opens sessions for minutes only.
   * @defaultValue none
   */
  token?: Secret
}

/** What goes into the handshake, and what must never be printed. */
export interface Credentials {
  headers: Record<string, string>
  query: Record<string, string>
  secrets: string[]
}

/**
 * Refuses credentials that cannot work.
 *
 * @throws ConfigurationError `INVALID_OPTION`; its text never shows the value.
 */
export function checkAuthentication(options: AuthenticationOptions): void {
  exclusive('apiKey', options.apiKey, 'token', options.token)
  for (const name of ['apiKey', 'token'] as const) {
    const value = options[name]
    if (value === undefined || typeof value === 'function') continue
    if (typeof value !== 'string' || value.trim() === '') {
      throw invalidOption(name, 'a non-empty string or a function', typeof value === 'string' ? '' : value)
    }
    checkSecret(name, value)
  }
}

function checkSecret(name: string, value: string): void {
  if (/^bearer\s/i.test(value)) {
    throw new ConfigurationError('INVALID_OPTION', `${name} must be given raw, without "Bearer" before it`, {
      option: name,
    })
  }
  if (/[^\u0021-\u007e]/.test(value.trim())) {
    throw new ConfigurationError(
      'INVALID_OPTION',
      `${name} holds characters that no key has, such as spaces or newlines`,
      {
        option: name,
      },
    )
  }
}

/**
 * Asks for the credentials of one connection.
 *
 * @throws SessionError `TOKEN_FAILED`, retryable, where a function rejects or gives nothing.
 */
export async function credentials(options: AuthenticationOptions): Promise<Credentials> {
  const name = options.apiKey === undefined ? 'token' : 'apiKey'
  const source = options.apiKey ?? options.token
  if (source === undefined) return { headers: {}, query: {}, secrets: [] }
  const value = (typeof source === 'function' ? await ask(name, source) : source).trim()
  return name === 'apiKey'
    ? { headers: { Authorization: value }, query: {}, secrets: [value] }
    : { headers: {}, query: { token: value }, secrets: [value, encodeURIComponent(value)] }
}

async function ask(name: string, source: () => string | Promise<string>): Promise<string> {
  let value: unknown
  try {
    value = await source()
  } catch (error) {
    if (isAbortError(error)) throw error
    throw new SessionError('TOKEN_FAILED', `the ${name} function failed: ${messageOf(error)}`, {
      retryable: true,
      cause: error,
    })
  }
  if (typeof value !== 'string' || value.trim() === '') {
    throw new SessionError('TOKEN_FAILED', `the ${name} function gave no string; it must return or resolve to one`)
  }
  checkSecret(name, value)
  return value
}

function messageOf(error: unknown): string {
  return oneLine(error instanceof Error ? error.message : String(error))
}
