import type { ServerMessage } from '../assemblyai/messages.ts'
import { embeddedEngine } from '../engine/embedded.ts'
import type { Engine } from '../engine/engine.ts'
import { ConfigurationError } from '../errors.ts'
import {
  checkBoolean,
  checkInteger,
  checkKnown,
  checkNumber,
  checkOneOf,
  checkString,
  invalidOption,
} from '../options.ts'
import { answerTokenRequest, Authenticator, type JsonAnswer } from './authentication.ts'
import { Connection, type ConnectionHost, SessionRate } from './connection.ts'
import { Listener, refuseUpgrade, requestUrl, SOCKET_PATH, type TlsOptions } from './listener.ts'
import type { UnattributedLabel } from './outgoing.ts'
import type { ReceivedMessage, ServerSession, SessionEnd } from './session.ts'
import { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'

const TOKEN_PATH = '/v3/token'
/** Largest WebSocket message in bytes. */
const MAX_MESSAGE = 131_072

/** Events of a {@link StreamingServer}. */
export interface StreamingServerEvents {
  /** A client was let in; its `Begin` follows when the engine is open. */
  session: [session: ServerSession]
  /** A client sent a frame; reported before it is judged. */
  message: [session: ServerSession, message: ReceivedMessage]
  /** A message was sent to a client; the `Error` that ends a session is told by `sessionEnd` instead. */
  sent: [session: ServerSession, message: ServerMessage]
  /** A session has ended, and its engine is gone. */
  sessionEnd: [session: ServerSession, end: SessionEnd]
  /** A client was refused before it had a session. */
  refused: [refusal: { code: number; reason: string }]
}

/** A running server; made by {@link serve}. */
export class StreamingServer extends EventEmitter<StreamingServerEvents> {
  readonly #host: ConnectionHost
  readonly #listener: Listener
  readonly #upgrader = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE, perMessageDeflate: false })
  readonly #connections = new Set<Connection>()
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(options: ResolvedServerOptions) {
    super()
    // By it a client whose own clock is wrong knows how long a session lasts.
    this.#upgrader.on('headers', (headers) => headers.push(`Date: ${new Date().toUTCString()}`))
    this.#host = {
      options,
      authenticator: new Authenticator(options),
      sessions: new Set(),
      rate: new SessionRate(options.maxSessionsPerMinute),
      onSession: (session) => this.emit('session', session),
      onMessage: (session, message) => this.emit('message', session, message),
      onSent: (session, message) => this.emit('sent', session, message),
      onSessionEnd: (session, end) => this.emit('sessionEnd', session, end),
      onRefused: ({ code, message }) => this.emit('refused', { code, reason: message }),
    }
    this.#listener = new Listener(options, {
      request: (request, response) => void this.#answer(request, response),
      upgrade: (request, socket, head) => this.#upgrade(request, socket, head),
    })
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

  /** Sessions that have begun and are not yet gone. */
  get sessions(): ReadonlySet<ServerSession> {
    return this.#host.sessions
  }

  /** Ends all sessions with close code 1001 and stops listening; resolves when no socket, timer or engine is left. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown()
    return this.#closing
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
    response.writeHead(answer.status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    response.end(JSON.stringify(answer.body))
  }

  async #route(request: IncomingMessage): Promise<JsonAnswer> {
    const url = requestUrl(request)
    if (url?.pathname === SOCKET_PATH) return { status: 426, body: { detail: 'Upgrade Required' } }
    if (url?.pathname !== TOKEN_PATH) return { status: 404, body: { detail: 'Not Found' } }
    if (request.method !== 'GET') return { status: 405, body: { detail: 'Method Not Allowed' } }
    return answerTokenRequest(url.searchParams, request.headers.authorization, this.#host.authenticator)
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = requestUrl(request)
    socket.on('error', () => {})
    if (url?.pathname !== SOCKET_PATH || this.#closing !== undefined) {
      const status = this.#closing === undefined ? '404 Not Found' : '503 Service Unavailable'
      return refuseUpgrade(socket, status)
    }
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

/** Decides whether an API key may be used. */
export type KeyCheck = (key: string) => boolean | Promise<boolean>

/** Options of {@link serve}. */
export interface ServerOptions {
  /**
   * What recognises speech; one engine session is opened for each client.
   * @defaultValue the engine that runs on this machine, `embeddedEngine()`
   */
  engine?: Engine
  /**
   * TCP port to listen on; 0 takes a free one.
   * @defaultValue 0
   */
  port?: number
  /**
   * Address to listen on. Any other than a loopback address needs `apiKeys` or `authentication: false`.
   * @defaultValue '127.0.0.1'
   */
  host?: string
  /**
   * Serves `wss:` with this certificate instead of `ws:`; the official JavaScript SDK needs it.
   * @defaultValue none: `ws:`
   */
  tls?: TlsOptions
  /**
   * API keys that are let in, or a function that decides about one within 10 s.
   * @defaultValue any key that is not empty
   */
  apiKeys?: readonly string[] | KeyCheck
  /**
   * `false` lets everybody in, with or without a key; on a loopback address that includes the web pages that browsers of
   * this machine show.
   * @defaultValue true
   */
  authentication?: boolean
  /**
   * Sessions at one time; further ones are refused with 1008 "Too many concurrent sessions".
   * @defaultValue 100
   */
  maxSessions?: number
  /**
   * Sessions that may begin within any 60 seconds; further ones are refused with 1008 "Too many concurrent sessions".
   * @defaultValue Infinity: no limit
   */
  maxSessionsPerMinute?: number
  /**
   * Seconds after which a session is ended with 3008; a token may ask for less. `Begin` tells the end in whole seconds
   * of the clock, so that it is moved to the next of these.
   * @defaultValue 10800
   */
  maxSessionDuration?: number
  /**
   * `enforce` ends a session with 3007 whose audio is more than `maxAhead` seconds ahead of the clock; `off` lets audio
   * come as fast as the engine takes it, and says so in `Begin` where the engine does not mind. To judge it, up to
   * `maxAhead` seconds of audio are taken in and kept for the engine.
   * @defaultValue 'off' where the engine is faster than real time, else 'enforce'
   */
  pacing?: 'enforce' | 'off'
  /**
   * Seconds of audio that may come beyond the time passed, where pacing is enforced.
   * @defaultValue 300
   */
  maxAhead?: number
  /**
   * What stands where a speaker could not be told.
   * @defaultValue 'UNKNOWN'
   */
  unattributedLabel?: UnattributedLabel
}

/** {@link ServerOptions} with every default filled in. */
export type ResolvedServerOptions = Required<Omit<ServerOptions, 'tls' | 'apiKeys'>> &
  Pick<ServerOptions, 'tls' | 'apiKeys'> & {
    /** Whether only programs of this machine can reach the server. */
    loopback: boolean
  }

const defaults = {
  port: 0,
  host: '127.0.0.1',
  authentication: true,
  maxSessions: 100,
  maxSessionsPerMinute: Infinity,
  maxSessionDuration: 10_800,
  maxAhead: 300,
  unattributedLabel: 'UNKNOWN',
} as const

const known = ['engine', 'tls', 'apiKeys', 'pacing', ...Object.keys(defaults)]

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/**
 * Checks the options of {@link serve} and fills in the defaults.
 *
 * @throws ConfigurationError (`INVALID_OPTION`)
 */
export function resolveServerOptions(options: ServerOptions): ResolvedServerOptions {
  checkKnown('serve()', options, known)
  const engine = options.engine ?? embeddedEngine()
  if (typeof engine?.open !== 'function') throw invalidOption('engine', 'an Engine', options.engine)
  checkInteger('port', options.port, 0, 65_535)
  checkString('host', options.host, 1, 255)
  checkBoolean('authentication', options.authentication)
  checkInteger('maxSessions', options.maxSessions, 1, 100_000)
  if (options.maxSessionsPerMinute !== Infinity) {
    checkInteger('maxSessionsPerMinute', options.maxSessionsPerMinute, 1, 1_000_000)
  }
  checkNumber('maxSessionDuration', options.maxSessionDuration, 0.001, 86_400, 'seconds')
  checkOneOf('pacing', options.pacing, ['enforce', 'off'])
  checkNumber('maxAhead', options.maxAhead, 0, 86_400, 'seconds')
  checkOneOf('unattributedLabel', options.unattributedLabel, ['UNKNOWN', 'PENDING'])
  checkKeys(options.apiKeys)
  checkTls(options.tls)

  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const host = options.host ?? defaults.host
  const loopback = isLoopback(host)
  if (!loopback && options.apiKeys === undefined && options.authentication !== false) {
    throw new ConfigurationError(
      'INVALID_OPTION',
      `host ${host} can be reached from other machines: give apiKeys, or authentication: false to let everybody in`,
      { option: 'apiKeys' },
    )
  }
  return {
    ...defaults,
    engine,
    pacing: engine.fasterThanRealTime ? 'off' : 'enforce',
    ...(given as Partial<ServerOptions>),
    loopback,
  }
}

function checkKeys(keys: ServerOptions['apiKeys']): void {
  if (keys === undefined || typeof keys === 'function') return
  const usable = Array.isArray(keys) && keys.length > 0 && keys.every((key) => typeof key === 'string' && key !== '')
  // The value is not shown: it may be a key given without its brackets.
  if (!usable) throw invalidOption('apiKeys', 'a list of at least one non-empty string, or a function', typeof keys)
}

function isPem(value: unknown): boolean {
  return typeof value === 'string' || Buffer.isBuffer(value)
}

function checkTls(tls: ServerOptions['tls']): void {
  if (tls === undefined) return
  if (!isPem(tls?.key) || !isPem(tls.cert)) throw invalidOption('tls', '{ key, cert } in PEM', tls)
}
