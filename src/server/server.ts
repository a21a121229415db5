import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { answerTokenRequest, Authenticator, type JsonAnswer } from './authentication.ts'
import { Connection, type ConnectionHost, SessionRate, type StreamingServerEvents } from './connection.ts'
import { type Handlers, httpServer, Listener, refuseUpgrade, requestUrl, SOCKET_PATH } from './listener.ts'
import { METRICS_TYPE, ServerMetrics } from './metrics.ts'
import { checkNumber } from '../options.ts'
import { resolveServerOptions, type ResolvedServerOptions, type ServerOptions } from './options.ts'
import { waitAtMost } from '../stream-helpers.ts'
import type { ServerSession } from './session.ts'

const TOKEN_PATH = '/v3/token'
const METRICS_PATH = '/metrics'

/** A running server; made by {@link serve}. */
export class StreamingServer extends EventEmitter<StreamingServerEvents> {
  readonly #host: ConnectionHost
  readonly #listener: Listener
  readonly #upgrader: WebSocketServer
  readonly #metrics: ServerMetrics | undefined
  readonly #connections = new Set<Connection>()
  #draining = false
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(options: ResolvedServerOptions) {
    super()
    const { maxPayload } = options
    this.#upgrader = new WebSocketServer({ noServer: true, maxPayload, perMessageDeflate: false })
    // By it a client whose own clock is wrong knows how long a session lasts.
    this.#upgrader.on('headers', (headers) => headers.push(`Date: ${new Date().toUTCString()}`))
    this.#host = {
      options,
      authenticator: new Authenticator(options),
      sessions: new Set(),
      rate: new SessionRate(options.maxSessionsPerMinute, options.maxSessionsPerMinutePerKey, options.minute),
      events: this,
    }
    this.#metrics = options.metrics ? new ServerMetrics(this, this.sessions) : undefined
    const handlers: Handlers = {
      request: (request, response) => void this.#answer(request, response),
      upgrade: (request, socket, head) => this.#upgrade(request, socket, head),
    }
    this.#listener = new Listener(options, httpServer(options.tls, handlers))
  }

  /** Port the server listens on. */
  get port(): number {
    return this.#listener.port
  }

  /** Address for clients, e.g. `ws://127.0.0.1:8080/v3/ws`. */
  get url(): string {
    return this.#listener.url('ws', SOCKET_PATH)
  }

  /** Address of the endpoint that gives temporary tokens, e.g. `http://127.0.0.1:8080/v3/token`. */
  get tokenUrl(): string {
    return this.#listener.url('http', TOKEN_PATH)
  }

  /** Address of the metrics, where {@link ServerOptions.metrics} is on, e.g. `http://127.0.0.1:8080/metrics`. */
  get metricsUrl(): string | undefined {
    return this.#metrics && this.#listener.url('http', METRICS_PATH)
  }

  /** Sessions that have begun and are not yet gone. */
  get sessions(): ReadonlySet<ServerSession> {
    return this.#host.sessions
  }

  /**
   * Takes no more sessions, which clients learn by a 503, and waits for those that are open to end. Whoever wants to go
   * calls {@link close} then.
   *
   * @param ms - longest wait, in ms.
   * @returns whether all sessions have ended.
   */
  async drain(ms: number): Promise<boolean> {
    checkNumber('ms', ms, 0, 2 ** 31 - 1, 'ms')
    this.#draining = true
    await waitAtMost(ms, Promise.all([...this.#connections].map((connection) => connection.closed)))
    return this.#connections.size === 0
  }

  /** Ends all sessions with close code 1001 and stops listening; resolves when no socket, timer or engine is left. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown()
    return this.#closing
  }

  /** The same as {@link close}: `await using server = await serve()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal */
  listen(): Promise<void> {
    return this.#listener.listen()
  }

  async #shutDown(): Promise<void> {
    for (const connection of this.#connections) connection.shutDown()
    await this.#listener.close(Promise.all([...this.#connections].map((connection) => connection.closed)))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: JsonAnswer
    try {
      answer = await this.#route(request)
    } catch {
      answer = { status: 500, body: { detail: 'Internal Server Error' } }
    }
    const { status, body } = answer
    const [type, text] = typeof body === 'string' ? [METRICS_TYPE, body] : ['application/json', JSON.stringify(body)]
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
    response.end(text)
  }

  async #route(request: IncomingMessage): Promise<JsonAnswer> {
    const url = requestUrl(request)
    if (url?.pathname === SOCKET_PATH) return { status: 426, body: { detail: 'Upgrade Required' } }
    if (url?.pathname === METRICS_PATH && this.#metrics) return this.#tellMetrics(request, this.#metrics)
    if (url?.pathname !== TOKEN_PATH) return { status: 404, body: { detail: 'Not Found' } }
    if (request.method !== 'GET') return { status: 405, body: { detail: 'Method Not Allowed' } }
    return answerTokenRequest(url.searchParams, request.headers.authorization, this.#host.authenticator)
  }

  async #tellMetrics(request: IncomingMessage, metrics: ServerMetrics): Promise<JsonAnswer> {
    if (request.method !== 'GET') return { status: 405, body: { detail: 'Method Not Allowed' } }
    if (!(await this.#host.authenticator.mayObserve(request.headers.authorization))) {
      return { status: 401, body: { error: 'Invalid API key', code: 401 } }
    }
    return { status: 200, body: metrics.text() }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = requestUrl(request)
    socket.on('error', () => {})
    if (url?.pathname !== SOCKET_PATH) return refuseUpgrade(socket, '404 Not Found')
    if (this.#draining || this.#closing !== undefined) return refuseUpgrade(socket, '503 Service Unavailable')
    this.#upgrader.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new Connection(webSocket, request, url.searchParams, this.#host)
      this.#connections.add(connection)
      void connection.closed.finally(() => this.#connections.delete(connection))
    })
  }
}

/**
 * Starts a server that speaks the streaming v3 protocol over any {@link ServerOptions.engine}: the same messages,
 * limits and close codes as the service, so that clients meet in tests what they will meet in production.
 *
 * @throws ConfigurationError (`INVALID_OPTION`) for a wrong option, or an address that cannot be listened on.
 */
export async function serve(options: ServerOptions = {}): Promise<StreamingServer> {
  const server = new StreamingServer(resolveServerOptions(options))
  await server.listen()
  return server
}
