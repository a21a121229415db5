import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { Engine } from '../engine/engine.ts'
import { checkOptions } from '../options.ts'
import { httpServer, refuseUpgrade, requestUrl, SOCKET_PATH } from '../server/listener.ts'
import { type Fault, faultChecks, type FaultPlan, faults } from './faults.ts'
import { type FaultBehaviour, type FaultConnection, FaultyConnection } from './faulty-connection.ts'
import { addressChecks, type FaultServerAddress, PlannedServer } from './planned-server.ts'
import { scriptedEngine, type ScriptedTurn } from './scripted-engine.ts'

/** Options of {@link faultServer}. */
export interface FaultServerOptions extends FaultServerAddress {
  /**
   * What is recognised in every session, until the fault happens.
   * @defaultValue two turns of two speakers within the first four seconds
   */
  turns?: readonly ScriptedTurn[]
  /** What recognises, instead of a script. @defaultValue a scripted engine over `turns` */
  engine?: Engine
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
export class FaultServer extends PlannedServer<FaultServerEvents, Fault, [index: number]> {
  /** Upgrades that clients have asked for, with those never answered. */
  attempts = 0
  readonly #connections: FaultyConnection[] = []
  /** Every connection so far that came as far as the WebSocket, in order. */
  readonly connections: readonly FaultConnection[] = this.#connections
  readonly #engine: Engine
  readonly #upgrader = new WebSocketServer({ noServer: true, perMessageDeflate: false })

  /** @internal */
  constructor(plan: FaultPlan, options: FaultServerOptions) {
    super(plan, faultChecks, options)
    this.#upgrader.on('headers', (headers) => headers.push(`Date: ${new Date().toUTCString()}`))
    this.#engine = options.engine ?? scriptedEngine(options.turns ?? defaultTurns)
  }

  /** Address for clients, e.g. `ws://127.0.0.1:8080/v3/ws`. */
  get url(): string {
    return this.listener.url('ws', SOCKET_PATH)
  }

  /** @internal */
  protected override serverOf(tls: FaultServerAddress['tls']): Server {
    return httpServer(tls, {
      request: (_request, response) => response.writeHead(404).end(),
      upgrade: (request, socket, head) => this.#upgrade(request, socket, head),
    })
  }

  /** @internal */
  protected override dropAll(): Promise<unknown> {
    for (const connection of this.#connections) connection.drop()
    return Promise.all(this.#connections.map((connection) => connection.closed))
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {})
    const fault = this.faultOf(this.attempts++)
    if (fault === undefined) return refuseUpgrade(socket, '500 Wrong Fault')
    const behaviour: FaultBehaviour = faults[fault.fault]
    const connection = behaviour.wrap?.(socket, fault) ?? socket
    connection.on('error', () => {})
    const answer = () => this.#answer(request, connection, head, fault)
    if (behaviour.upgrade) behaviour.upgrade(connection, fault, answer)
    else answer()
  }

  #answer(request: IncomingMessage, socket: Duplex, head: Buffer, fault: Fault): void {
    this.#upgrader.handleUpgrade(request, socket, head, (webSocket) => {
      const facts = {
        index: this.#connections.length,
        query: requestUrl(request)?.searchParams ?? new URLSearchParams(),
        headers: request.headers,
      }
      const connection = new FaultyConnection(facts, webSocket, socket, this.#engine, fault, faults[fault.fault])
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
  checkOptions('faultServer()', options, { turns: () => {}, engine: () => {}, ...addressChecks })
  const server = new FaultServer(plan, options)
  await server.listen()
  return server
}
