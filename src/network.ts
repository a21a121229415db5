import { BlockList, isIP, type LookupFunction, Socket } from 'node:net'
import type { Agent, buildConnector, Client } from 'undici'
import { bareHost, checkProxy, defined } from './options.ts'
import { decoded } from './redact.ts'

/** What this needs of undici, which is loaded only where an address is opened: that takes longer than all of this library. */
export interface Undici {
  buildConnector: typeof buildConnector
  Client: typeof Client
}

export interface ConnectorOptions {
  /** Certificates in PEM to trust instead of those that Node trusts. */
  ca?: string | Buffer | undefined
  /** Whether the certificate of a server is checked; that of a proxy always is. @defaultValue `true` */
  verifyCertificate?: boolean
  /** Longest time in ms to connect, for whoever gives no signal. @defaultValue no limit */
  connectTimeout?: number
  /** The proxy for an address, if any. @defaultValue {@link proxyFor} */
  proxyFor?: (url: URL) => URL | undefined
  /** The IP addresses that a host may be reached at. @defaultValue what the name server says */
  addressesOf?: (hostname: string) => readonly string[] | undefined
}

/** What is connected to, in undici's words: `hostname` without brackets, `port` empty for the protocol's own. */
export type ConnectionTarget = Pick<buildConnector.Options, 'protocol' | 'hostname' | 'port' | 'host' | 'servername'>

/** Opens a connection, through a proxy where there is one; `signal` closes it, also while it is being opened. */
export type Connect = (target: ConnectionTarget, signal?: AbortSignal) => Promise<Socket>

/** A proxy that does not connect to where it is asked to. */
export class ProxyError extends Error {
  readonly status: number

  /** @param proxy - its host and port, without user and password. */
  constructor(proxy: string, status: number) {
    super(`the proxy ${proxy} refuses with HTTP ${status}`)
    this.status = status
  }
}

/** Makes connections as `options` say, for undici and for WebSockets. */
export function createConnect(undici: Undici, options: ConnectorOptions = {}): Connect {
  const { ca, verifyCertificate = true, connectTimeout = 0, addressesOf, proxyFor: proxyOf = proxyFor } = options
  const lookup: LookupFunction | undefined = addressesOf && lookupOf(addressesOf)
  const direct = opener(
    undici.buildConnector({
      timeout: connectTimeout,
      rejectUnauthorized: verifyCertificate,
      ...defined({ ca, lookup }),
    }),
  )
  return async (target, signal) => {
    const { protocol, hostname, port } = target
    const host = hostname.includes(':') ? `[${hostname}]` : hostname
    const proxy = proxyOf(new URL(`${protocol}//${host}${port === '' ? '' : `:${port}`}`))
    if (proxy === undefined) return direct(target, signal)
    const tunnelPort = port === '' ? (protocol === 'https:' ? '443' : '80') : port
    let failure: unknown = unknownHost()
    // A proxy would ask a name server of its own, and might get another answer.
    for (const address of addressesOf === undefined ? [hostname] : (addressesOf(hostname) ?? [])) {
      try {
        const httpSocket = await openTunnel(undici, proxy, address, tunnelPort, connectTimeout, signal)
        return protocol === 'https:' ? await direct({ ...target, httpSocket }, signal) : httpSocket
      } catch (error) {
        if (!(error instanceof ProxyError)) throw error
        failure = error
      }
    }
    throw failure
  }
}

/** {@link Connect} as undici wants it. */
export function toUndici(connect: Connect, signal?: AbortSignal): buildConnector.connector {
  return (target, callback) => {
    connect(target, signal).then(
      (socket) => callback(null, shielded(socket)),
      (error: Error) => callback(error, null),
    )
  }
}

/** Longest time in ms until a connection of {@link proxiedFetch} stands. */
const CONNECT_MS = 10_000

let agent: Agent | undefined

/** `fetch()` that knows the proxies that the environment names. */
export const proxiedFetch: typeof fetch = async (input, init) => {
  const undici = await import('undici')
  agent ??= new undici.Agent({ connect: toUndici(createConnect(undici, { connectTimeout: CONNECT_MS })) })
  const [address, options] = [input, { ...init, dispatcher: agent }] as Parameters<typeof undici.fetch>
  const answer: unknown = await undici.fetch(address, options)
  return answer as Response
}

const isShielded = new WeakSet<Socket>()

/**
 * An assertion of undici 7 fails, which nobody can catch, where a connection ends while its parser is paused (nodejs/undici#5360):
 * so it hears of an end only when it reads on, and of a reset by another code. Where no length was said, going on pauses it
 * anew, by a piece of no bytes, behind the read that tells the end: so that read is one of ours, which it makes only where it
 * is not paused.
 */
function shielded(socket: Socket): Socket {
  // A tunnel's has been already.
  if (isShielded.has(socket)) return socket
  isShielded.add(socket)
  const push = socket.push.bind(socket)
  const read = socket.read.bind(socket)
  let hasEnded = false
  let isLast = false
  let waits: NodeJS.Immediate | undefined
  const readLast = (): void => {
    waits = undefined
    isLast = true
    socket.emit('readable')
    isLast = false
  }
  socket.push = (chunk: unknown, encoding?: BufferEncoding) => {
    hasEnded ||= chunk === null
    return push(chunk, encoding)
  }
  socket.read = (size?: number) => {
    if (hasEnded && size === 0) return null
    // Whoever takes exactly what is there is not told at once that it was the last.
    if (hasEnded && socket.readableLength > 0) return read(socket.readableLength) as Buffer | null
    // What flows is no parser's.
    if (!hasEnded || isLast || socket.readableFlowing !== false) return read(size) as Buffer | null
    waits ??= setImmediate(readLast)
    return null
  }
  socket.prependListener('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ECONNRESET') error.code = 'CONNECTION_RESET'
  })
  return socket
}

/** A connection through a proxy to `address`, on which nothing has been said yet. */
async function openTunnel(
  { buildConnector: build, Client: UndiciClient }: Undici,
  proxy: URL,
  address: string,
  port: string,
  connectTimeout: number,
  signal?: AbortSignal,
): Promise<Socket> {
  const authority = `${isIP(address) === 6 ? `[${address}]` : address}:${port}`
  const direct = opener(build({ timeout: connectTimeout }))
  const connect = toUndici((target) => direct(target, signal))
  const client = new UndiciClient(proxy.origin, { pipelining: 0, headersTimeout: connectTimeout, connect })
  try {
    const { statusCode, socket } = await client.connect({
      path: authority,
      headers: { host: authority, ...proxyHeaders(proxy) },
      ...(signal && { signal }),
    })
    if (statusCode >= 200 && statusCode < 300) return socket as Socket
    socket.on('error', () => {}).destroy()
    throw new ProxyError(proxy.host, statusCode)
  } finally {
    // The socket is no longer the client's.
    void client.destroy()
  }
}

/** What a proxy that wants a login gets. */
export function proxyHeaders({ username, password }: URL): { 'proxy-authorization'?: string } {
  return username === '' && password === '' ? {} : { 'proxy-authorization': basicLogin(username, password) }
}

/** Basic authentication with user and password as they stand in a URL. */
export function basicLogin(username: string, password: string): string {
  return `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')}`
}

/**
 * The proxy that the environment names for an address: `HTTP_PROXY` or `HTTPS_PROXY`, unless `NO_PROXY` lists its host, or a
 * domain or network that it belongs to; the names in lower case count before the others. A host of this machine's own never has one.
 *
 * @throws ConfigurationError `INVALID_OPTION` where the variable holds no address of such a proxy.
 */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv = process.env): URL | undefined {
  const isSecure = url.protocol === 'https:' || url.protocol === 'wss:'
  const name = isSecure ? 'HTTPS_PROXY' : 'HTTP_PROXY'
  const address = env[name.toLowerCase()] ?? env[name] ?? ''
  const list = env['no_proxy'] ?? env['NO_PROXY'] ?? ''
  if (address === '' || isExempt(url, isSecure ? '443' : '80', list)) return undefined
  return checkProxy(name, address)
}

function isExempt(url: URL, ownPort: string, list: string): boolean {
  const host = bareHost(url).toLowerCase()
  if (/^(?:(?:.*\.)?localhost|127\.\d+\.\d+\.\d+|::1)$/.test(host)) return true
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      if (entry === '*' || isInNetwork(host, entry)) return true
      const [, bracketed, plain, itsPort] = /^(?:\[(.*)\]|(?:\*?\.)?([^:]+))(?::(\d+))?$/.exec(entry) ?? []
      const name = bracketed ?? plain ?? entry
      if (itsPort !== undefined && itsPort !== (url.port || ownPort)) return false
      return name !== '' && (host === name || host.endsWith(`.${name}`))
    })
}

/** Whether a host is an IP address of a network such as `10.0.0.0/8`. */
function isInNetwork(host: string, network: string): boolean {
  const [, address = '', bits = ''] = /^\[?([\da-f:.]+)\]?\/(\d{1,3})$/.exec(network) ?? []
  const version = isIP(address)
  if (version === 0 || isIP(host) !== version || Number(bits) > (version === 4 ? 32 : 128)) return false
  const list = new BlockList()
  list.addSubnet(address, Number(bits), `ipv${version as 4 | 6}`)
  return list.check(host, `ipv${version as 4 | 6}`)
}

/** A connector of undici's as a function that gives the socket, which `signal` closes. */
function opener(
  connect: buildConnector.connector,
): (target: ConnectionTarget & { httpSocket?: Socket }, signal?: AbortSignal) => Promise<Socket> {
  return (target, signal) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      // Its types do not say so, but a connector gives the socket at once.
      const socket = connect(target, (error, opened) => (error === null ? resolve(opened) : reject(error))) as unknown
      if (!(socket instanceof Socket)) return
      const close = (): void => void socket.destroy(signal?.reason as Error)
      signal?.addEventListener('abort', close, { once: true })
      socket.once('close', () => signal?.removeEventListener('abort', close))
    })
}

/** Makes a connection go to addresses that are known, whatever the name server says by now. */
export function lookupOf(addressesOf: (hostname: string) => readonly string[] | undefined): LookupFunction {
  return (hostname, options, callback) => {
    const all = (addressesOf(hostname) ?? []).map((address) => ({ address, family: isIP(address) }))
    const [first] = all
    if (first === undefined) callback(unknownHost(), '', 0)
    else if (options.all) callback(null, all)
    else callback(null, first.address, first.family)
  }
}

function unknownHost(): NodeJS.ErrnoException {
  return Object.assign(new Error('no address'), { code: 'ENOTFOUND' })
}
