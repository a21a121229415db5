import { validateHeaderName, validateHeaderValue } from 'node:http'
import { ConfigurationError } from '../errors.ts'
import { type FfmpegOptions, resolveFfmpegOptions } from '../ffmpeg/options.ts'
import { checkBoolean, checkInteger, checkKnown, checkString, invalidOption } from '../options.ts'

/** Options of {@link httpSource}. */
export interface HttpSourceOptions extends FfmpegOptions {
  /**
   * Headers to send, e.g. `authorization`. They go to the host of the address only, never to another one that a redirect
   * or a playlist names.
   * @defaultValue none
   */
  headers?: Readonly<Record<string, string>>
  /** The User-Agent header. @defaultValue `'diarize-stream'` */
  userAgent?: string
  /**
   * Longest time in ms from a request to the end of the answer's headers, 100 to 600000, redirects each anew.
   * @defaultValue `10000`
   */
  connectTimeout?: number
  /**
   * Longest time in ms without a byte while bytes are wanted, 50 to 600000; then the connection is given up and opened
   * again. @defaultValue `15000`
   */
  stallTimeout?: number
  /**
   * Attempts in a row, each without a byte, before the last error stands, 0 to 1000000.
   * @defaultValue `5`; once an endless stream has begun, `1000000`
   */
  retries?: number
  /** First delay in ms before such an attempt; each further one is about twice as long, 1 to 60000. @defaultValue `500` */
  retryDelay?: number
  /** Longest such delay in ms, 1 to 600000. @defaultValue `30000` */
  maxRetryDelay?: number
  /**
   * Whether the address is an endless stream, such as a radio station: it is opened again whenever it ends, for ever.
   * @defaultValue `true` where the server sends headers of a radio station (`icy-…`) and no length, else `false`
   */
  live?: boolean
  /**
   * What takes the place of audio that an endless stream lost: `silence` of the same length, so that times keep matching
   * the clock, or nothing. @defaultValue `'silence'`
   */
  gaps?: 'silence' | 'skip'
  /** Most bytes to take from the network in all, from 1; more is an error. @defaultValue no limit */
  maxBytes?: number
  /**
   * Longest audio in ms, from 1. A file that is longer is an error; an endless stream ends there. @defaultValue no limit
   */
  maxDuration?: number
  /**
   * Whether an address may be opened: asked for the first one, for every redirect and every entry of a playlist, with the
   * IP addresses that its host has now; the connection then goes to these and no others. What it throws is the error's
   * `cause`. {@link publicOnly} is one that lets only public addresses through. @defaultValue every address may
   */
  allowUrl?: (url: URL, addresses: readonly string[]) => boolean | Promise<boolean>
  /** Certificates in PEM to trust instead of those that Node trusts. @defaultValue Node's */
  ca?: string | Buffer
  /** Whether the certificate of an `https:` server is checked. @defaultValue `true` */
  verifyCertificate?: boolean
}

const defaults = {
  headers: {},
  userAgent: 'diarize-stream',
  connectTimeout: 10_000,
  stallTimeout: 15_000,
  retryDelay: 500,
  maxRetryDelay: 30_000,
  gaps: 'silence',
  maxBytes: Infinity,
  maxDuration: Infinity,
  verifyCertificate: true,
} as const satisfies HttpSourceOptions

/** {@link HttpSourceOptions} with the defaults filled in. */
export type HttpSettings = Required<Pick<HttpSourceOptions, keyof typeof defaults>> &
  Pick<HttpSourceOptions, 'allowUrl' | 'ca' | 'live' | 'retries'> &
  ReturnType<typeof resolveFfmpegOptions>

const optionNames = [
  ...Object.keys(defaults),
  ...['allowUrl', 'ca', 'live', 'retries', 'audioTrack', 'ffmpegPath', 'signal'],
]

/** Headers that this library sets itself, or that would change what the answer is. */
const ownHeaders = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'host',
  'icy-metadata',
  'if-range',
  'range',
  'te',
  'transfer-encoding',
  'upgrade',
  'user-agent',
])

/** Checks the options and fills in the defaults. @throws ConfigurationError `INVALID_OPTION` */
export function resolveHttpOptions(options: HttpSourceOptions): HttpSettings {
  checkKnown('httpSource()', options, optionNames)
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as HttpSourceOptions
  checkHeaders(given.headers)
  checkString('userAgent', given.userAgent, 1, 1000)
  if (given.userAgent !== undefined) checkHeader('userAgent', 'user-agent', given.userAgent)
  checkInteger('connectTimeout', given.connectTimeout, 100, 600_000, 'ms')
  checkInteger('stallTimeout', given.stallTimeout, 50, 600_000, 'ms')
  checkInteger('retries', given.retries, 0, 1_000_000)
  checkInteger('retryDelay', given.retryDelay, 1, 60_000, 'ms')
  checkInteger('maxRetryDelay', given.maxRetryDelay, 1, 600_000, 'ms')
  checkBoolean('live', given.live)
  if (given.gaps !== undefined && given.gaps !== 'silence' && given.gaps !== 'skip') {
    throw invalidOption('gaps', "'silence' or 'skip'", given.gaps)
  }
  if (given.maxBytes !== Infinity) checkInteger('maxBytes', given.maxBytes, 1, undefined, 'bytes')
  if (given.maxDuration !== Infinity) checkInteger('maxDuration', given.maxDuration, 1, undefined, 'ms')
  if (given.allowUrl !== undefined && typeof given.allowUrl !== 'function') {
    throw invalidOption('allowUrl', 'a function', given.allowUrl)
  }
  if (given.ca !== undefined && !Buffer.isBuffer(given.ca)) checkString('ca', given.ca, 1, 10_000_000)
  checkBoolean('verifyCertificate', given.verifyCertificate)
  const { audioTrack, ffmpegPath, signal } = given
  return {
    ...defaults,
    ...given,
    ...resolveFfmpegOptions('httpSource()', withoutAbsent({ audioTrack, ffmpegPath, signal })),
  }
}

/**
 * The address as a URL that may be opened.
 *
 * @throws ConfigurationError `INVALID_OPTION`
 */
export function checkAddress(url: unknown): URL {
  const address = url instanceof URL ? new URL(url.href) : typeof url === 'string' ? parseUrl(url) : undefined
  if (address !== undefined && isHttp(address)) return address
  const shown = address === undefined ? url : `${address.protocol}…`
  throw invalidOption('url', 'an http: or https: address', shown)
}

/** Whether an address has a scheme that is opened at all. */
export function isHttp(url: URL): boolean {
  return (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== ''
}

/** `text` as a URL, taken relative to `base`; `undefined` where it is none. */
export function parseUrl(text: string, base?: URL): URL | undefined {
  try {
    return new URL(text, base)
  } catch {
    return undefined
  }
}

/** An address as messages show it: without user, password and query, any of which may hold a secret. */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}${url.search === '' ? '' : '?…'}`
}

function checkHeaders(headers: unknown): void {
  if (headers === undefined) return
  if (typeof headers !== 'object' || headers === null) throw invalidOption('headers', 'an object of strings', headers)
  for (const [name, value] of Object.entries(headers)) {
    if (ownHeaders.has(name.toLowerCase())) {
      throw new ConfigurationError('INVALID_OPTION', `headers must not set ${name}, which httpSource() sets itself`, {
        option: 'headers',
      })
    }
    checkHeader('headers', name, value)
  }
}

/** The value may be a secret, so no message shows it. */
function checkHeader(option: string, name: string, value: unknown): void {
  try {
    validateHeaderName(name)
    if (typeof value !== 'string') throw new TypeError('no string')
    validateHeaderValue(name, value)
  } catch {
    throw new ConfigurationError('INVALID_OPTION', `${option} has a name or value that no header may have: ${name}`, {
      option,
    })
  }
}

function withoutAbsent(options: object): FfmpegOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
