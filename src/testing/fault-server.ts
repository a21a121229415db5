import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { Engine } from '../engine/engine.ts'
import { checkInteger, checkKnown, checkString } from '../options.ts'
import { Listener, refuseUpgrade, requestUrl, SOCKET_PATH, type TlsOptions } from '../server/listener.ts'
import { planOf } from './fault-plan.ts'
import { checkFault, type Fault, type FaultPlan, faults } from './faults.ts'
import { type FaultBehaviour, type FaultConnection, FaultyConnection } from './faulty-connection.ts'
import { scriptedEngine, type ScriptedTurn } from './scripted-engine.ts'

/** Options of {@link faultServer}. */
export interface FaultServerOptions {
  /**
   * What is recognised in every session, until the fault happens.
   * @defaultValue two turns of two speakers within the first four seconds
   */
  turns?: readonly ScriptedTurn[]
  /** What recognises, instead of a script. @defaultValue a scripted engine over `turns` */
  engine?: Engine
  /** TCP port to listen on; 0 takes a free one. @defaultValue 0 */
  port?: number
  /** Address to listen on. @defaultValue '127.0.0.1' */
  host?: string
  /** Serves `wss:` with this certificate. @defaultValue none: `ws:` */
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

/** A running {@link faultServer}. */
export class FaultServer extends EventEmitter<FaultServerEvents> {
  readonly #faultOf: (index: number) => Fault
  readonly #engine: Engine
  readonly #listener: Listener
  readonly #upgrader = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  readonly #connections: FaultyConnection[] = []
  #attempts = 0
  #planError: unknown
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(faultOf: (index: number) => Fault, options: FaultServerOptions) {
    super()
    this.#upgrader.on('headers', (headers) => headers.push(`Date: ${new Date().toUTCString()}`))
    this.#faultOf = faultOf
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

  /**
   * Cuts every connection and stops listening. Rejects with what the function that gives the faults has thrown, if it
   * has, or with what is wrong with a fault it gave.
   */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown()
    return this.#closing
  }

  /** The same as {@link close}: `await using server = await faultServer(plan)`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal */
  listen(): Promise<void> {
    return this.#listener.listen()
  }

  async #shutDown(): Promise<void> {
    for (const connection of this.#connections) connection.drop()
    await this.#listener.close(Promise.all(this.#connections.map((connection) => connection.closed)))
    if (this.#planError !== undefined) throw this.#planError
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {})
    const fault = this.#nextFault()
    if (fault === undefined) return refuseUpgrade(socket, '500 Wrong Fault')
    const behaviour: FaultBehaviour = faults[fault.fault]
    const connection = behaviour.wrap?.(socket, fault) ?? socket
    connection.on('error', () => {})
    const answer = () => this.#answer(request, connection, head, fault)
    if (behaviour.upgrade) behaviour.upgrade(connection, fault, answer)
    else answer()
  }

  #nextFault(): Fault | undefined {
    try {
      return this.#faultOf(this.#attempts++)
    } catch (error) {
      this.#planError ??= error
      return undefined
    }
  }

  #answer(request: IncomingMessage, socket: Duplex, head: Buffer, fault: Fault): void {
    this.#upgrader.handleUpgrade(request, socket, head, (webSocket) => {
      const facts = { query: requestUrl(request)?.searchParams ?? new URLSearchParams(), headers: request.headers }
      const index = this.#connections.length
      const behaviour = faults[fault.fault]
      const connection = new FaultyConnection(index, webSocket, socket, facts, this.#engine, fault, behaviour)
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
 * @param plan - the faults; see {@link FaultPlan}.
 * @throws ConfigurationError (`INVALID_OPTION`) for a fault that does not exist, or a wrong option.
 */
export async function faultServer(plan: FaultPlan, options: FaultServerOptions = {}): Promise<FaultServer> {
  checkKnown('faultServer()', options, ['turns', 'engine', 'port', 'host', 'tls'])
  checkInteger('port', options.port, 0, 65_535)
  checkString('host', options.host, 1, 255)
  const server = new FaultServer(planOf(plan, { fault: 'none' }, checkFault), options)
  await server.listen()
  return server
}
