import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { Engine } from '../engine/engine.ts'
import { checkInteger, checkKnown, checkOneOf, checkString } from '../options.ts'
import { Listener, requestUrl, SOCKET_PATH, type TlsOptions } from '../server/listener.ts'
import { faults, type Fault, type FaultBehaviour } from './faults.ts'
import { FaultyConnection, type FaultConnection } from './faulty-connection.ts'
import type { ScriptedTurn } from './script.ts'
import { scriptedEngine } from './scripted-engine.ts'

/** Options of {@link faultServer}. */
export interface FaultServerOptions {
  /**
   * What is recognised in every session, until the fault strikes.
   * @defaultValue two turns of two speakers within the first four seconds
   */
  turns?: readonly ScriptedTurn[]
  /**
   * What recognises, instead of a script.
   * @defaultValue a scripted engine over `turns`
   */
  engine?: Engine
  /**
   * TCP port to listen on; 0 takes a free one.
   * @defaultValue 0
   */
  port?: number
  /**
   * Address to listen on.
   * @defaultValue '127.0.0.1'
   */
  host?: string
  /**
   * Serves `wss:` with this certificate.
   * @defaultValue none: `ws:`
   */
  tls?: TlsOptions
}

/** Events of a {@link FaultServer}. */
export interface FaultServerEvents {
  /** A client has come as far as the WebSocket. */
  connection: [connection: FaultConnection]
  /** A connection is closed and nothing of it is left. */
  disconnect: [connection: FaultConnection]
}

const defaultTurns: readonly ScriptedTurn[] = [
  { words: 'Good morning, how are you?', start: 200, end: 1400, speaker: 'A' },
  { words: 'Very well, thank you.', start: 2400, end: 3600, speaker: 'B' },
]

const healthy: Fault = { fault: 'none' }

/** A running {@link faultServer}. */
export class FaultServer extends EventEmitter<FaultServerEvents> {
  readonly #faults: Fault | readonly Fault[]
  readonly #engine: Engine
  readonly #listener: Listener
  readonly #upgrader = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  readonly #connections: FaultyConnection[] = []
  #attempts = 0
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(plan: Fault | readonly Fault[], options: FaultServerOptions) {
    super()
    this.#faults = plan
    this.#engine = options.engine ?? scriptedEngine(options.turns ?? defaultTurns)
    const { host = '127.0.0.1', port = 0, tls } = options
    this.#listener = new Listener(
      { host, port, tls },
      {
        request: (_request, response) => response.writeHead(404).end(),
        upgrade: (request, socket, head) => this.#upgrade(request, socket, head),
      },
    )
  }

  /** Address for clients, e.g. `ws://127.0.0.1:8080/v3/ws`. */
  get url(): string {
    return this.#listener.url('ws', SOCKET_PATH)
  }

  /** Port the server listens on. */
  get port(): number {
    return this.#listener.port
  }

  /** Upgrades that clients have asked for, with those never answered. */
  get attempts(): number {
    return this.#attempts
  }

  /** Every connection so far that came as far as the WebSocket, in order. */
  get connections(): readonly FaultConnection[] {
    return this.#connections
  }

  /** Cuts every connection and stops listening. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown()
    return this.#closing
  }

  /** @internal */
  listen(): Promise<void> {
    return this.#listener.listen()
  }

  async #shutDown(): Promise<void> {
    for (const connection of this.#connections) connection.drop()
    await this.#listener.close(Promise.all(this.#connections.map((connection) => connection.closed)))
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {})
    const fault = ('fault' in this.#faults ? this.#faults : this.#faults[this.#attempts]) ?? healthy
    this.#attempts++
    const behaviour: FaultBehaviour = faults[fault.fault]
    if (behaviour.upgrade) return behaviour.upgrade(socket, fault)
    this.#upgrader.handleUpgrade(request, socket, head, (webSocket) => {
      const facts = { query: requestUrl(request)?.searchParams ?? new URLSearchParams(), headers: request.headers }
      const index = this.#connections.length
      const connection = new FaultyConnection(index, webSocket, facts, this.#engine, fault, behaviour)
      this.#connections.push(connection)
      this.emit('connection', connection)
      void connection.closed.finally(() => this.emit('disconnect', connection))
    })
  }
}

/**
 * Starts a v3 server that misbehaves on purpose, for tests of what a pipeline does then.
 *
 * ```ts
 * const server = await faultServer([{ fault: 'drop', afterMs: 500 }, { fault: 'refuse', code: 3009 }])
 * ```
 *
 * @param plan - a fault for every connection; or a list: the first connection gets the first fault, the second the
 *   second, and those after the last get a good server.
 * @throws ConfigurationError (`INVALID_OPTION`) for a fault that does not exist, or a wrong option.
 */
export async function faultServer(
  plan: Fault | readonly Fault[],
  options: FaultServerOptions = {},
): Promise<FaultServer> {
  checkKnown('faultServer()', options, ['turns', 'engine', 'port', 'host', 'tls'])
  checkInteger('port', options.port, 0, 65_535)
  checkString('host', options.host, 1, 255)
  for (const fault of 'fault' in plan ? [plan] : plan) checkFault(fault)
  const server = new FaultServer(plan, options)
  await server.listen()
  return server
}

const faultFields = ['fault', 'afterMs', 'afterFinals', 'delayMs', 'code', 'text', 'status', 'body', 'bytes']

function checkFault(fault: Fault): void {
  checkKnown('a fault', fault, faultFields)
  checkOneOf('fault', fault.fault, Object.keys(faults))
  checkInteger('afterFinals', fault.afterFinals, 0)
  checkInteger('delayMs', fault.delayMs, 0, 3_600_000, 'ms')
  checkInteger('code', fault.code, 1000, 4999)
  checkInteger('status', fault.status, 200, 599)
  checkInteger('bytes', fault.bytes, 0, 268_435_456, 'bytes')
}
