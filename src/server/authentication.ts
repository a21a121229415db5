import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { defined } from '../options.ts'
import { Refusal, unauthorized } from '../protocol/close-codes.ts'
import { waitAtMost } from '../stream-helpers.ts'

/** Decides whether an API key may be used. */
export type KeyCheck = (key: string) => boolean | Promise<boolean>

export interface Admission {
  /** What stands for the key that was shown, or that the token was made with; the same for all who show none. */
  account: string
  /** Milliseconds the token allows the session; absent for an API key. */
  maxSessionMs?: number
}

/** What a connection shows: the `Authorization` header, with a key or a token, and the `token` of the query. */
export interface Credentials {
  authorization: string | undefined
  token: string | undefined
}

/** What a token says; `until` in Unix milliseconds, `max` in seconds. */
interface TokenClaims {
  until: number
  account: string
  max?: number | undefined
}

/** Milliseconds an asynchronous key check may take. */
const CHECK_TIMEOUT = 10_000

/** Judges API keys, and issues and judges temporary tokens. Tokens are signed, not stored; they end with the server. */
export class Authenticator {
  readonly #required: boolean
  readonly #hasKeys: boolean
  readonly #mayUse: KeyCheck
  readonly #secret = randomBytes(32)

  constructor(options: { authentication: boolean; apiKeys?: readonly string[] | KeyCheck | undefined }) {
    this.#required = options.authentication
    this.#hasKeys = options.apiKeys !== undefined
    this.#mayUse = keyCheck(options.apiKeys)
  }

  /**
   * Lets a socket in, or throws a {@link Refusal} (1008). The header takes the raw key, no `Bearer`, or a token, which the
   * official Python SDK sends there.
   */
  async admit({ authorization, token }: Credentials): Promise<Admission> {
    const shown = authorization || token
    if (shown !== undefined && this.#isToken(shown)) return this.#admitToken(shown)
    if (!authorization && token) {
      if (this.#required) throw unauthorized('Invalid API key')
      return { account: '' }
    }
    const admission = { account: this.#accountOf(authorization) }
    if (!this.#required) return admission
    if (!authorization) throw unauthorized('Missing Authorization header')
    if (!(await this.#ask(authorization))) throw unauthorized('Invalid API key')
    return admission
  }

  /** Whether a header may have a token; here `Bearer` is accepted. `undefined` stands for a missing header. */
  async mayIssue(authorization: string | undefined): Promise<boolean | undefined> {
    if (!this.#required) return true
    if (!authorization) return undefined
    return this.#ask(rawKey(authorization))
  }

  /** Whether a header may see the metrics: everybody where no keys were given, for then any would do. */
  async mayObserve(authorization: string | undefined): Promise<boolean> {
    return !this.#hasKeys || (await this.mayIssue(authorization)) === true
  }

  /** Makes a token that opens sessions for `expiresIn` seconds, each of at most `maxSessionSeconds`, for who shows this header. */
  issue(expiresIn: number, maxSessionSeconds: number | undefined, authorization?: string): string {
    const account = this.#accountOf(authorization && rawKey(authorization))
    const claims: TokenClaims = { until: Date.now() + expiresIn * 1000, account, max: maxSessionSeconds }
    const body = Buffer.from(JSON.stringify(claims)).toString('base64url')
    return `${body}.${this.#sign(body)}`
  }

  /** Whether this server has issued it, however long ago. */
  #isToken(text: string): boolean {
    const [body = '', signature = ''] = text.split('.')
    return isSame(signature, this.#sign(body))
  }

  /** @param token - one that {@link issue} has given. */
  #admitToken(token: string): Admission {
    const [body = ''] = token.split('.')
    const claims: TokenClaims = JSON.parse(Buffer.from(body, 'base64url').toString())
    if (claims.until <= Date.now()) throw unauthorized('Signature has expired')
    return { account: claims.account, ...(claims.max !== undefined && { maxSessionMs: claims.max * 1000 }) }
  }

  /** Stands for a key where its sessions are counted; it also stands in tokens, so it must tell nothing of the key. */
  #accountOf(key: string | undefined): string {
    return key ? this.#sign(`account ${key}`) : ''
  }

  #sign(body: string): string {
    return createHmac('sha256', this.#secret).update(body).digest('base64url')
  }

  async #ask(key: string): Promise<boolean> {
    const ask = async (): Promise<unknown> => await this.#mayUse(key)
    try {
      return (await waitAtMost(CHECK_TIMEOUT, ask(), () => new Error('the key check took too long'))) === true
    } catch {
      throw new Refusal(1011, 'Internal error while establishing the session')
    }
  }
}

function keyCheck(keys: readonly string[] | KeyCheck | undefined): KeyCheck {
  if (typeof keys === 'function') return keys
  if (keys === undefined) return (key) => key !== '' && !/^Bearer /i.test(key)
  return (key) => keys.filter((allowed) => isSame(key, allowed)).length > 0
}

/** The key of a header; where tokens are issued it may stand behind `Bearer`. */
function rawKey(authorization: string): string {
  return authorization.replace(/^Bearer +/i, '')
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Compares without telling by its duration how much was right. */
function isSame(left: string, right: string): boolean {
  return timingSafeEqual(digest(left), digest(right))
}

/** An HTTP answer: its status and its body, as JSON unless it is text. */
export interface JsonAnswer {
  status: number
  body: unknown
}

interface Detail {
  type: string
  loc: [string, string]
  msg: string
  input: string | null
  ctx?: Record<string, number>
}

/** Answers `GET /v3/token`: the token, 422 with a `detail` list for wrong parameters, 401 for a wrong key. */
export async function answerTokenRequest(
  query: URLSearchParams,
  authorization: string | undefined,
  authenticator: Authenticator,
): Promise<JsonAnswer> {
  const details: Detail[] = []
  const expiresIn = readInteger(query, 'expires_in_seconds', 1, 600, details)
  if (!query.has('expires_in_seconds')) details.push(missing('query', 'expires_in_seconds'))
  const maxDuration = readInteger(query, 'max_session_duration_seconds', 60, 10_800, details)

  const allowed = await authenticator.mayIssue(authorization)
  if (allowed === undefined) details.push(missing('header', 'Authorization'))
  if (details.length > 0 || expiresIn === undefined) return { status: 422, body: { detail: details } }
  if (!allowed) return { status: 401, body: { error: 'Invalid API key', code: 401 } }
  const token = authenticator.issue(expiresIn, maxDuration, authorization)
  return { status: 200, body: { token, expires_in_seconds: expiresIn } }
}

function missing(place: string, name: string): Detail {
  return { type: 'missing', loc: [place, name], msg: 'Field required', input: null }
}

/** The value of an integer parameter; adds to `details` where it is not one within its bounds. */
function readInteger(
  query: URLSearchParams,
  name: string,
  min: number,
  max: number,
  details: Detail[],
): number | undefined {
  const input = query.getAll(name).at(-1)
  if (input === undefined) return undefined
  const refuse = (type: string, msg: string, ctx?: Record<string, number>) => {
    details.push({ type, loc: ['query', name], msg, input: input.slice(0, 100), ...defined({ ctx }) })
    return undefined
  }
  if (!/^[+-]?\d{1,15}$/.test(input)) {
    return refuse('int_parsing', 'Input should be a valid integer, unable to parse string as an integer')
  }
  const value = Number(input)
  if (value < min) return refuse('greater_than_equal', `Input should be greater than or equal to ${min}`, { ge: min })
  if (value > max) return refuse('less_than_equal', `Input should be less than or equal to ${max}`, { le: max })
  return value
}
