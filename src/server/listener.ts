import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { ConfigurationError } from '../errors.ts'

/** Path of the socket. */
export const SOCKET_PATH = '/v3/ws'

/** Bytes of a request's head: 100 key terms of 50 letters beyond ASCII take 45,000 in a URL. */
const MAX_HEADER = 65_536

/** Certificate of a TLS server. */
export interface TlsOptions {
  /** Private key in PEM. */
  key: string | Buffer
  /** Certificate chain in PEM. */
  cert: string | Buffer
}

/** Where to listen. */
export interface Address {
  host: string
  port: number
  tls?: TlsOptions | undefined
}

/** Who handles what comes in. */
export interface Handlers {
  request(request: IncomingMessage, response: ServerResponse): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

/** An HTTP or HTTPS server that knows its address and, when closed, leaves no socket behind. */
export class Listener {
  readonly #address: Address
  readonly #http: Server
  readonly #sockets = new Set<Socket>()

  constructor(address: Address, handlers: Handlers) {
    this.#address = address
    const limits = { maxHeaderSize: MAX_HEADER }
    this.#http = address.tls ? createHttpsServer({ ...address.tls, ...limits }) : createHttpServer(limits)
    this.#http.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    this.#http.on('request', (request, response) => handlers.request(request, response))
    this.#http.on('upgrade', (request, socket, head) => handlers.upgrade(request, socket, head))
  }

  /** Port listened on. */
  get port(): number {
    const address = this.#http.address()
    return typeof address === 'object' && address !== null ? address.port : this.#address.port
  }

  /** The URL of `path` here; `scheme` is `ws` or `http`, made secure where there is TLS. */
  url(scheme: 'ws' | 'http', path: string): string {
    const { host, tls } = this.#address
    const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
    return `${scheme}${tls ? 's' : ''}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${this.port}${path}`
  }

  /** @throws ConfigurationError (`INVALID_OPTION`) for an address that cannot be listened on. */
  async listen(): Promise<void> {
    const { host, port } = this.#address
    try {
      await new Promise<void>((resolve, reject) => {
        this.#http.once('error', reject)
        this.#http.listen(port, host, resolve)
      })
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new ConfigurationError('INVALID_OPTION', `cannot listen on ${host}, port ${port}: ${reason}`, { cause })
    }
    this.#http.removeAllListeners('error').on('error', () => {})
  }

  /** Takes no more connections, waits for `drained`, then cuts what is left. */
  async close(drained: Promise<unknown>): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#http.close(() => resolve())
    })
    await drained
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

/** Milliseconds a client gets to take the answer to a refused upgrade. */
const REFUSAL_TIMEOUT = 5000

/** Answers an upgrade with a status such as `404 Not Found` instead, and sees the socket off. */
export function refuseUpgrade(socket: Duplex, status: string, body = ''): void {
  const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nConnection: close`
  socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  // Unless the socket is read, the client's end of it is never seen.
  socket.resume()
  const cut = setTimeout(() => socket.destroy(), REFUSAL_TIMEOUT).unref()
  socket.once('close', () => clearTimeout(cut))
}

/** The URL of a request, of which only path and query matter; `undefined` where it is not one. */
export function requestUrl(request: IncomingMessage): URL | undefined {
  try {
    return new URL(`http://server${request.url ?? ''}`)
  } catch {
    return undefined
  }
}

/** Cuts a connection by a TCP reset; one under TLS can only be cut. */
export function resetConnection(socket: Duplex | null): void {
  if (socket instanceof Socket && !(socket instanceof TLSSocket)) socket.resetAndDestroy()
  else socket?.destroy()
}
