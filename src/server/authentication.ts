import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { KeyCheck } from './options.ts'
import { Refusal, unauthorized } from './refusal.ts'

/** What lets a client in, and for how long. */
export interface Admission {
  /** Seconds the token allows the session; absent for an API key. */
  maxSessionSeconds?: number
}

/** What a connection shows: the `Authorization` header and the `token` of the query. */
export interface Credentials {
  authorization: string | undefined
  token: string | undefined
}

/** What a token says; `until` in Unix milliseconds, `max` in seconds. */
interface TokenClaims {
  until: number
  max?: number | undefined
}

/** Milliseconds an asynchronous key check may take. */
const CHECK_TIMEOUT = 10_000

/** Judges API keys, and issues and judges temporary tokens. Tokens are signed, not stored; they end with the server. */
export class Authenticator {
  readonly #required: boolean
  readonly #mayUse: KeyCheck
  readonly #secret = randomBytes(32)

  constructor(options: { authentication: boolean; apiKeys?: readonly string[] | KeyCheck | undefined }) {
    this.#required = options.authentication
    this.#mayUse = keyCheck(options.apiKeys)
  }

  /** Lets a socket in, or throws a {@link Refusal} (1008). The header takes the raw key: no `Bearer`. */
  async admit(credentials: Credentials): Promise<Admission> {
    if (!credentials.authorization && credentials.token) return this.#admitToken(credentials.token)
    if (!this.#required) return {}
    if (!credentials.authorization) throw unauthorized('Missing Authorization header')
    if (!(await this.#ask(credentials.authorization))) throw unauthorized('Invalid API key')
    return {}
  }

  /** Whether a header may have a token; here `Bearer` is accepted. `undefined` stands for a missing header. */
  async mayIssue(authorization: string | undefined): Promise<boolean | undefined> {
    if (!this.#required) return true
    if (!authorization) return undefined
    return this.#ask(authorization.replace(/^Bearer +/i, ''))
  }

  /** Makes a token that opens sessions for `expiresIn` seconds, each of at most `maxSessionSeconds`. */
  issue(expiresIn: number, maxSessionSeconds: number | undefined): string {
    const claims: TokenClaims = { until: Date.now() + expiresIn * 1000, max: maxSessionSeconds }
    const body = Buffer.from(JSON.stringify(claims)).toString('base64url')
    return `${body}.${this.#sign(body)}`
  }

  #admitToken(token: string): Admission {
    const [body = '', signature = ''] = token.split('.')
    if (!isSame(signature, this.#sign(body))) {
      if (!this.#required) return {}
      throw unauthorized('Invalid API key')
    }
    const claims: TokenClaims = JSON.parse(Buffer.from(body, 'base64url').toString())
    if (claims.until <= Date.now()) throw unauthorized('Signature has expired')
    return claims.max === undefined ? {} : { maxSessionSeconds: claims.max }
  }

  #sign(body: string): string {
    return createHmac('sha256', this.#secret).update(body).digest('base64url')
  }

  async #ask(key: string): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('the key check took too long')), CHECK_TIMEOUT).unref()
    })
    try {
      const allowed: unknown = await Promise.race([this.#mayUse(key), timeout])
      return allowed === true
    } catch {
      throw new Refusal(1011, 'Internal error while establishing the session')
    } finally {
      clearTimeout(timer)
    }
  }
}

function keyCheck(keys: readonly string[] | KeyCheck | undefined): KeyCheck {
  if (typeof keys === 'function') return keys
  if (keys === undefined) return (key) => key !== '' && !/^Bearer /i.test(key)
  return (key) => keys.filter((allowed) => isSame(key, allowed)).length > 0
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Compares without telling by its duration how much was right. */
function isSame(left: string, right: string): boolean {
  return timingSafeEqual(digest(left), digest(right))
}
