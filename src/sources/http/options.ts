import type { AllowUrl } from '../address.ts'
import { type FfmpegOptions, resolveFfmpegOptions, type TrackWish } from '../../ffmpeg/arguments.ts'
import {
  checkBoolean,
  checkCertificates,
  checkFunction,
  checkProxy,
  type Checks,
  checkString,
  checkTrust,
  integer,
  invalidOption,
  orInfinity,
  refusedOption,
} from '../../options.ts'
import { reconnectChecks, type ReconnectOptions, type ReconnectSettings, reconnectSettings } from '../live/options.ts'

/** Options of {@link httpSource}. */
export interface HttpSourceOptions extends FfmpegOptions, ReconnectOptions {
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
   * Longest time in ms without a byte while bytes are wanted, 100 to 600000; then the connection is given up and opened
   * again. @defaultValue `15000`
   */
  stallTimeout?: number
  /**
   * Attempts in a row, each without a byte, before the last error stands, 0 or more.
   * @defaultValue `5`; once an endless stream has begun, `Infinity`
   */
  retries?: number
  /**
   * Whether the address is an endless stream, such as a radio station: it is opened again whenever it ends, for ever.
   * @defaultValue `true` where the server sends headers of a radio station (`icy-…`) and no length, else `false`
   */
  live?: boolean
  /** Most bytes to take from the network in all, from 1; more is an error. @defaultValue no limit */
  maxBytes?: number
  /**
   * Longest audio in ms, from 1. A file that is longer is an error; an endless stream ends there, in good order.
   * @defaultValue no limit
   */
  maxDuration?: number
  /**
   * Whether an address may be opened: asked for the first one, for every redirect and every entry of a playlist, with the
   * IP addresses that its host has now; the connection then goes to these and no others. What it throws is the error's
   * `cause`. {@link publicOnly} is one that lets only public addresses through. @defaultValue every address may
   */
  allowUrl?: AllowUrl
  /**
   * The proxy to go through, `http:` or `https:`, with user and password if need be; `false` for none. With `allowUrl` it is
   * asked to connect to the IP address that `allowUrl` has seen, and never for a name.
   * @defaultValue what `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say
   */
  proxy?: string | false
  /** Certificates in PEM to trust instead of those that Node trusts. @defaultValue Node's */
  ca?: string | Buffer
  /** Whether the certificate of an `https:` server is checked; where it is not, there is no use for `ca`. @defaultValue `true` */
  verifyCertificate?: boolean
}

/** Where these differ from those of other sources. */
const reconnectDefaults = { connectTimeout: 10_000, stallTimeout: 15_000 }

/** {@link HttpSourceOptions} with the defaults filled in. */
export interface HttpSettings extends ReconnectSettings, TrackWish {
  headers: Readonly<Record<string, string>>
  userAgent: string
  maxBytes: number
  verifyCertificate: boolean
  /** Attempts in a row for what has an end. */
  fileRetries: number
  allowUrl: HttpSourceOptions['allowUrl'] | undefined
  /** `undefined` for what the environment says. */
  proxy: URL | false | undefined
  ca: string | Buffer | undefined
  live: boolean | undefined
  ffmpegPath: string | undefined
}

/** Attempts in a row, each without a byte, where the options do not say. */
const FILE_RETRIES = 5

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

/** What RFC 9110 allows, as Node does, whose functions for it would load all of its HTTP. */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/
const HEADER_VALUE = /^[\t\u0020-\u007E\u0080-\u00FF]*$/

/** What refuses wrong values of the options of this source alone. */
const ownChecks: Checks = {
  headers: checkHeaders,
  userAgent: checkUserAgent,
  maxBytes: orInfinity(integer(1, undefined, 'bytes')),
  verifyCertificate: checkBoolean,
  allowUrl: checkFunction,
  proxy: (name, value) => {
    if (value !== false) checkString(name, value, 1, 1000)
  },
  ca: checkCertificates,
  live: checkBoolean,
}

/** Checks the options and fills in the defaults. @throws ConfigurationError `INVALID_OPTION` */
export function resolveHttpOptions(options: HttpSourceOptions): HttpSettings {
  const ffmpeg = resolveFfmpegOptions('httpSource()', options, { ...ownChecks, ...reconnectChecks })
  const { headers = {}, userAgent = 'diarize-stream', maxBytes = Infinity, verifyCertificate = true } = options
  const { allowUrl, proxy, ca, live, retries = FILE_RETRIES } = options
  checkTrust(options)
  return {
    ...reconnectSettings(options, reconnectDefaults),
    ...ffmpeg,
    headers,
    userAgent,
    maxBytes,
    verifyCertificate,
    fileRetries: retries,
    allowUrl,
    proxy: typeof proxy === 'string' ? checkProxy('proxy', proxy) : proxy,
    ca,
    live,
  }
}

function checkHeaders(option: string, headers: unknown = {}): void {
  if (typeof headers !== 'object' || headers === null) throw invalidOption(option, 'an object of strings', headers)
  for (const [name, value] of Object.entries(headers)) {
    if (ownHeaders.has(name.toLowerCase())) {
      throw refusedOption(option, `headers must not set ${name}, which httpSource() sets itself`)
    }
    checkHeader(option, name, value)
  }
}

function checkUserAgent(option: string, value: unknown): void {
  checkString(option, value, 1, 1000)
  if (value !== undefined) checkHeader(option, 'user-agent', value)
}

/** The value may be a secret, so no message shows it. */
function checkHeader(option: string, name: string, value: unknown): void {
  if (HEADER_NAME.test(name) && typeof value === 'string' && HEADER_VALUE.test(value)) return
  throw refusedOption(option, `${option} has a name or value that no header may have: ${name}`)
}
