import { BlockList, isIP, isIPv6 } from 'node:net'
import { fileURLToPath } from 'node:url'
import { bareHost, invalidOption, refusedOption } from '../options.ts'
import { oneLine, redact } from '../redact.ts'

/**
 * Decides whether an address may be connected to. Called with it and with the IP addresses of its host; only `true`, or a
 * promise of it, allows it.
 */
export type AllowUrl = (url: URL, addresses: readonly string[]) => boolean | Promise<boolean>

/** The IP addresses of a host, which may be one itself. Rejects with what the name server says. */
export async function addressesOf(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [host]
  const { lookup } = await import('node:dns/promises')
  return (await lookup(host, { all: true })).map(({ address }) => address)
}

/**
 * Asks whether an address may be connected to. What the host's name means may change, so one of `addresses` must be used.
 *
 * @param shown - the address for people, with no credentials in it.
 * @throws InputError `ADDRESS_REFUSED`
 */
export async function checkAllowed(
  url: URL,
  addresses: readonly string[],
  allowUrl: AllowUrl,
  shown = shownUrl(url),
): Promise<void> {
  const { refused } = await import('./http/failures.ts')
  let allowed: unknown
  try {
    // A copy, so that what the hook does to it changes nothing.
    allowed = await allowUrl(new URL(url.href), [...addresses])
  } catch (cause) {
    throw refused(shown, 'allowUrl threw', cause)
  }
  if (allowed !== true || addresses.length === 0) throw refused(shown, 'allowUrl does not allow it')
}

/** The IP addresses of a host that may be connected to, by {@link checkAllowed}. */
export async function allowedAddresses(url: URL, host: string, shown: string, allowUrl: AllowUrl): Promise<string[]> {
  const addresses = await addressesOf(host)
  await checkAllowed(url, addresses, allowUrl, shown)
  return addresses
}

/** Addresses that are not reached over the public internet, by the registries of special-purpose addresses. */
function makeNetworks(): { special: BlockList; publicNetwork: BlockList } {
  const special = new BlockList()
  for (const [network, prefix] of [
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.88.99.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    ['224.0.0.0', 3],
  ] as const) {
    special.addSubnet(network, prefix, 'ipv4')
  }
  // Only 2000::/3 is public; of that, tunnels that carry an IPv4 address, and documentation, are not.
  const publicNetwork = new BlockList()
  publicNetwork.addSubnet('2000::', 3, 'ipv6')
  for (const [network, prefix] of [
    ['2001::', 23],
    ['2001:db8::', 32],
    ['2002::', 16],
    ['3fff::', 20],
  ] as const) {
    special.addSubnet(network, prefix, 'ipv6')
  }
  return { special, publicNetwork }
}

let networks: ReturnType<typeof makeNetworks> | undefined

/** Whether an IP address is one of the public internet. */
export function isPublicAddress(address: string): boolean {
  const { special, publicNetwork } = (networks ??= makeNetworks())
  if (!isIPv6(address)) return !special.check(address, 'ipv4')
  return publicNetwork.check(address, 'ipv6') && !special.check(address, 'ipv6')
}

/**
 * For the option `allowUrl` of {@link httpSource}, where addresses come from users: lets through only hosts all of whose
 * IP addresses are public, so that nothing inside your own network is reached.
 */
export function publicOnly(_url: URL, addresses: readonly string[]): boolean {
  return addresses.length > 0 && addresses.every(isPublicAddress)
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
  return oneLine(`${url.protocol}//${url.host}${url.pathname}${url.search === '' ? '' : '?…'}`, 2000)
}

/** The path that a `file:` URL, the option `file`, stands for. @throws ConfigurationError `INVALID_OPTION` */
export function filePath(url: string | URL): string {
  try {
    return fileURLToPath(url)
  } catch (cause) {
    const message = `file, when given as a URL, must be a file: URL of this machine; got '${redact(String(url))}'`
    throw refusedOption('file', message, cause)
  }
}

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
  const url = parseUrl(text)
  const secure = url?.protocol === 'rtsps:'
  if (url === undefined || (!secure && url.protocol !== 'rtsp:') || url.hostname === '') {
    throw invalidOption('url', rule, redact(text))
  }
  const { username, password, pathname, search } = url
  const path = `${pathname}${search}`.replaceAll(/[\s\\"'<>|]/g, (character) => encodeURIComponent(character))
  return {
    secure,
    host: bareHost(url),
    port: Number(url.port || (secure ? DEFAULT_SECURE_PORT : DEFAULT_PORT)),
    path,
    credentials: username === '' && password === '' ? '' : `${username}:${password}`,
    shown: redact(`${url.protocol}//${url.host}${path}`),
  }
}
