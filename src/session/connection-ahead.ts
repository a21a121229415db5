import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { connect as connectSecure } from 'node:tls'
import { proxyFor } from '../network.ts'
import { bareHost, defined } from '../options.ts'

/** A connection to a server; `undefined` where there is a proxy before it. */
export function connectAhead(url: URL, ca: string | Buffer | undefined): ConnectionAhead | undefined {
  return proxyFor(url) === undefined ? new ConnectionAhead(url, ca) : undefined
}

/** How long a connection waits for its session, in ms: a server closes one on which nothing is said. */
const LONGEST_WAIT_MS = 10_000

/**
 * A connection to a server, made while the first audio is on its way, so that the session that opens with that need not wait for
 * name servers and certificates. Nothing is said on it. One that fails is forgotten: the session makes its own, and tells.
 */
export class ConnectionAhead {
  #socket: Socket | undefined
  readonly #limit: NodeJS.Timeout

  constructor(url: URL, ca: string | Buffer | undefined) {
    const isSecure = url.protocol === 'wss:'
    const host = bareHost(url)
    const to = { host, port: url.port === '' ? (isSecure ? 443 : 80) : Number(url.port) }
    const servername = isIP(host) === 0 ? host : ''
    this.#socket = isSecure ? connectSecure({ ...to, servername, ...defined({ ca }) }) : connectPlain(to)
    this.#socket.on('error', () => {})
    this.#limit = setTimeout(() => this.close(), LONGEST_WAIT_MS)
    this.#limit.unref()
  }

  /** The connection, once; `undefined` where it has been taken or is gone. Whoever takes it owns it. */
  take(): Socket | undefined {
    clearTimeout(this.#limit)
    const socket = this.#socket
    this.#socket = undefined
    if (socket === undefined || (!socket.destroyed && socket.writable && socket.readableLength === 0)) return socket
    socket.destroy()
    return undefined
  }

  close(): void {
    clearTimeout(this.#limit)
    this.#socket?.destroy()
    this.#socket = undefined
  }
}
