import { SessionError, type Warning } from '../errors.ts'
import { exclusive, invalidOption, refusedOption } from '../options.ts'
import { oneLine } from '../redact.ts'

/** Data zones of the service; `global` routes to the nearest and may process in either. */
export type Region = 'us' | 'eu' | 'global'

const hosts: Readonly<Record<Region, string>> = {
  global: 'wss://streaming.assemblyai.com',
  us: 'wss://streaming.us.assemblyai.com',
  eu: 'wss://streaming.eu.assemblyai.com',
}

export const regions = Object.keys(hosts) as Region[]

export function regionUrl(region: Region): string {
  return `${hosts[region]}/v3/ws`
}

/** Reads a `ws:` or `wss:` address of the user's, without query or credentials. @throws ConfigurationError */
export function serverUrl(value: string | URL): URL {
  const url = addressOf(value, 'ws', 'query, apiKey or token')
  if (url.pathname === '/') url.pathname = '/v3/ws'
  return url
}

/**
 * Reads an address of the user's, which holds nothing that must not end up in logs.
 *
 * @param scheme - the plain one of the two that it may have.
 * @param instead - the options for what it must not hold.
 * @throws ConfigurationError `INVALID_OPTION`
 */
export function addressOf(value: string | URL, scheme: 'ws' | 'http', instead: string): URL {
  const url = URL.canParse(String(value)) ? new URL(value) : undefined
  if (url === undefined) {
    throw invalidOption('url', `an address such as '${scheme}s://localhost:8080'`, String(value).split(/[?#@]/)[0])
  }
  if (![`${scheme}:`, `${scheme}s:`].includes(url.protocol)) {
    throw refusedOption('url', `url, when given, must begin with ${scheme}:// or ${scheme}s://; got ${url.protocol}//`)
  }
  if (url.search || url.hash || url.username || url.password) {
    const message = `url, when given, must hold no query, fragment or credentials; use ${instead} for those`
    throw refusedOption('url', message)
  }
  return url
}

/** Whether `url` stays on this machine, so that plain `ws:` gives nothing away. */
export function isLoopback(url: URL): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
}

/** The warning where others can read what goes to `url`; `undefined` where they cannot. */
export function unencrypted(url: URL, hasCredentials: boolean): Warning | undefined {
  const { protocol, host } = url
  if ((protocol !== 'ws:' && protocol !== 'http:') || isLoopback(url)) return undefined
  const what = `audio${hasCredentials ? ' and credentials' : ''}`
  const message = `${what} go to ${host} unencrypted; use ${protocol.slice(0, -1)}s:// where the network is not yours`
  return { code: 'UNENCRYPTED', message }
}

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

/** Refuses credentials that cannot work. @throws ConfigurationError `INVALID_OPTION`, without the value */
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
    throw refusedOption(name, `${name} must be given raw, without "Bearer" before it`)
  }
  if (/[^\u0021-\u007e]/.test(value.trim())) {
    throw refusedOption(name, `${name} holds characters that no key has, such as spaces or newlines`)
  }
}

/** The credentials of one connection. @throws SessionError `TOKEN_FAILED` where a function gives none. */
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
    // Also an AbortError: nobody can have aborted it but the function itself.
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

/** The key that the environment has, if any. */
export function environmentKey(): string | undefined {
  return process.env['ASSEMBLYAI_API_KEY']?.trim() || undefined
}
