import { invalidOption } from '../../options.ts'
import { redact } from '../../redact.ts'

/** Where a camera is. */
export interface RtspAddress {
  /** Whether its connection is encrypted. */
  secure: boolean
  host: string
  port: number
  /** Path and query as they stand in the address. */
  path: string
  /** `user:password`, percent-encoded; empty where there are none. */
  credentials: string
  /** The address for people, with no credentials in it. */
  shown: string
}

const DEFAULT_PORT = 554
const DEFAULT_SECURE_PORT = 322

/**
 * Reads the address of a camera.
 *
 * @throws ConfigurationError `INVALID_OPTION` where it is no `rtsp:` or `rtsps:` address; the message hides credentials.
 */
export function parseRtspUrl(address: unknown): RtspAddress {
  const rule = 'an rtsp: or rtsps: address with a host'
  const text = address instanceof URL ? address.href : address
  if (typeof text !== 'string') throw invalidOption('url', rule, address)
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw invalidOption('url', rule, redact(text))
  }
  const secure = url.protocol === 'rtsps:'
  if ((!secure && url.protocol !== 'rtsp:') || url.hostname === '') throw invalidOption('url', rule, redact(text))
  const { username, password, hostname, pathname, search } = url
  const path = `${pathname}${search}`.replaceAll(/[\s\\"'<>|]/g, (character) => encodeURIComponent(character))
  return {
    secure,
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || (secure ? DEFAULT_SECURE_PORT : DEFAULT_PORT)),
    path,
    credentials: username === '' && password === '' ? '' : `${username}:${password}`,
    shown: redact(`${url.protocol}//${url.host}${path}`),
  }
}
