import { createHash, randomBytes } from 'node:crypto'
import { defined } from '../../options.ts'
import { decoded } from '../../redact.ts'

/** One way of proving who one is that a server offers. */
interface Challenge {
  /** In lower case. */
  scheme: string
  /** By name in lower case. */
  parameters: Readonly<Record<string, string>>
}

/** Refusals in a row of what a camera was shown, each of them for another nonce: then it is no matter of its age. */
const MOST_REFUSALS = 2

/** Digest algorithms that are known, by name in lower case; the stronger has the higher rank. */
const algorithms: Readonly<Record<string, { hash: string; rank: number }>> = {
  md5: { hash: 'md5', rank: 2 },
  'md5-sess': { hash: 'md5', rank: 2 },
  'sha-256': { hash: 'sha256', rank: 3 },
  'sha-256-sess': { hash: 'sha256', rank: 3 },
}

/**
 * Proves to a camera who asks, by what it wants: Basic, or Digest of RFC 2069, 2617 and 7616. For all connections to it: some say what
 * they want and close.
 */
export class RtspAuthentication {
  readonly #user: string
  readonly #password: string
  readonly #isGiven: boolean
  readonly #makeNonce: () => string
  #challenge: Challenge | undefined
  /** How often the nonce was used. */
  #count = 0
  #refusals = 0

  /**
   * @param credentials - `user:password`, percent-encoded; empty where there are none.
   * @param makeNonce - gives what no one can guess.
   */
  constructor(credentials: string, makeNonce = (): string => randomBytes(16).toString('hex')) {
    const colon = credentials.indexOf(':')
    this.#isGiven = credentials !== ''
    this.#user = bytesOf(colon < 0 ? credentials : credentials.slice(0, colon))
    this.#password = colon < 0 ? '' : bytesOf(credentials.slice(colon + 1))
    this.#makeNonce = makeNonce
  }

  /**
   * Takes what a camera wants to be shown, by its refusal of a request.
   *
   * @param offers - its headers `WWW-Authenticate`.
   * @param tries - how often that request was answered by such a refusal before.
   * @param authorization - what the request was sent with.
   * @returns whether to send the request again: not with a password that was refused, unless that was for its age.
   */
  accept(offers: readonly string[], tries: number, authorization: string | undefined): boolean {
    const [best] = offers.flatMap(parseChallenges).toSorted((a, b) => rankOf(b) - rankOf(a))
    if (!this.#isGiven || best === undefined || rankOf(best) === 0) return false
    const isStale = best.parameters['stale']?.toLowerCase() === 'true'
    const isKnown = best.parameters['nonce'] === this.#challenge?.parameters['nonce']
    this.#challenge = best
    if (!isKnown) this.#count = 0
    if (authorization === undefined) return tries === 0
    if (tries > 0) return isStale && tries < 3
    // Before, it was right, or the authorization was for a nonce of an earlier request, or connection.
    if (isStale) return true
    this.#refusals += 1
    if (!isKnown && this.#refusals <= MOST_REFUSALS) return true
    this.#refusals = 0
    return false
  }

  /** Says that the camera took what it was shown. */
  confirm(): void {
    this.#refusals = 0
  }

  /** The header `Authorization` of a request; `undefined` while the camera has not asked for one. */
  authorize(method: string, uri: string): string | undefined {
    if (this.#challenge === undefined) return undefined
    const { scheme, parameters } = this.#challenge
    if (scheme === 'basic') {
      return `Basic ${Buffer.from(`${this.#user}:${this.#password}`, 'latin1').toString('base64')}`
    }
    const { realm = '', nonce = '', opaque, qop, algorithm } = parameters
    const name = (algorithm ?? 'md5').toLowerCase()
    const hash = (...parts: string[]): string =>
      createHash(algorithms[name]?.hash ?? 'md5')
        .update(parts.join(':'), 'latin1')
        .digest('hex')
    const own = this.#makeNonce()
    this.#count += 1
    const count = this.#count.toString(16).padStart(8, '0')
    const login = hash(this.#user, realm, this.#password)
    const key = name.endsWith('-sess') ? hash(login, nonce, own) : login
    const what = hash(method, uri)
    const response = qop === undefined ? hash(key, nonce, what) : hash(key, nonce, count, own, 'auth', what)
    const quoted = { username: this.#user, realm, nonce, uri, response, ...defined({ opaque }) }
    const fields = Object.entries(quoted).map(([field, value]) => `${field}="${value.replaceAll(/["\\]/g, '\\$&')}"`)
    if (algorithm !== undefined) fields.push(`algorithm=${algorithm}`)
    if (qop !== undefined) fields.push('qop=auth', `nc=${count}`)
    if (qop !== undefined || name.endsWith('-sess')) fields.push(`cnonce="${own}"`)
    return `Digest ${fields.join(', ')}`
  }
}

/** How good a way is; 0 where it is not known. */
function rankOf({ scheme, parameters: { algorithm = 'md5', qop = 'auth' } }: Challenge): number {
  if (scheme === 'basic') return 1
  if (scheme !== 'digest' || !/(?:^|[\s,])auth(?:$|[\s,])/i.test(qop)) return 0
  return algorithms[algorithm.toLowerCase()]?.rank ?? 0
}

/** All that one header offers: a server may put several ways into one. */
function parseChallenges(header: string): Challenge[] {
  const found: { scheme: string; parameters: Record<string, string> }[] = []
  const parameter = /[\s,]*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))/y
  const scheme = /[\s,]*([\w-]+)/y
  for (let at = 0; at < header.length;) {
    parameter.lastIndex = at
    scheme.lastIndex = at
    const pair = found.length === 0 ? null : parameter.exec(header)
    const word = pair === null ? scheme.exec(header) : null
    if (pair !== null) {
      const [, name = '', quoted, bare = ''] = pair
      const { parameters } = found.at(-1)!
      parameters[name.toLowerCase()] ??= quoted === undefined ? bare : quoted.replaceAll(/\\(.)/g, '$1')
      at = parameter.lastIndex
    } else if (word !== null) {
      found.push({ scheme: (word[1] ?? '').toLowerCase(), parameters: {} })
      at = scheme.lastIndex
    } else break
  }
  return found
}

/** What is percent-encoded, a character for each of its bytes, as headers have them. */
function bytesOf(text: string): string {
  return Buffer.from(decoded(text)).toString('latin1')
}
