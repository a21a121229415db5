import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type Server, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { refusedOption } from '../options.ts'

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

export interface Address {
  host: string
  port: number
  tls?: TlsOptions | undefined
}

export interface Handlers {
  request(request: IncomingMessage, response: ServerResponse): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

export function httpServer(tls: TlsOptions | undefined, handlers: Handlers): Server {
  const limits = { maxHeaderSize: MAX_HEADER }
  return (tls ? createHttpsServer({ ...tls, ...limits }) : createHttpServer(limits))
    .on('request', (request, response) => handlers.request(request, response))
    .on('upgrade', (request, socket, head) => handlers.upgrade(request, socket, head))
}

/** A server that knows its address, keeps its port, and leaves no socket behind when it is closed. */
export class Listener {
  readonly #address: Address
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor({ host, port, tls }: Address, server: Server) {
    this.#address = { host, port, tls }
    this.#server = server
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  get port(): number {
    return this.#address.port
  }

  /** The URL of `path` here; the scheme is made secure where there is TLS. */
  url(scheme: 'ws' | 'http' | 'rtsp', path: string): string {
    const { host, tls } = this.#address
    const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
    return `${scheme}${tls ? 's' : ''}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${this.port}${path}`
  }

  /** @throws ConfigurationError (`INVALID_OPTION`) for an address that cannot be listened on. */
  async listen(): Promise<void> {
    const { host, port } = this.#address
    try {
      this.#server.listen(port, host)
      await once(this.#server, 'listening')
    } catch (cause) {
      const { message, code } = cause as NodeJS.ErrnoException
      const option = code === 'EADDRINUSE' || code === 'EACCES' ? 'port' : 'host'
      throw refusedOption(option, `cannot listen on ${host}, port ${port}: ${message}`, cause)
    }
    this.#server.removeAllListeners('error').on('error', () => {})
    const address = this.#server.address()
    if (typeof address === 'object' && address !== null) this.#address.port = address.port
  }

  /** Takes no more connections, waits for `drained`, then cuts what is left. */
  async close(drained: Promise<unknown>): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
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
