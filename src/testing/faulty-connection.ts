import type { IncomingMessage } from 'node:http'
import type { WebSocket } from 'ws'
import type { ServerMessage } from '../assemblyai/messages.ts'
import type { Engine } from '../engine/engine.ts'
import { parseQuery } from '../server/parameters.ts'
import { CLOSE_REASON, Refusal } from '../server/refusal.ts'
import { Session } from '../server/session.ts'
import type { FaultBehaviour, Fault, FaultySocket } from './faults.ts'

/** Text messages of a client that are kept. */
const KEPT_MESSAGES = 10_000

/** What a client did on one connection to a {@link faultServer}. */
export interface FaultConnection {
  /** From 0, in order of connecting. */
  readonly index: number
  /** Query of the URL. */
  readonly query: URLSearchParams
  /** Headers of the upgrade. */
  readonly headers: IncomingMessage['headers']
  /** Text messages received, the first 10,000 of them. */
  readonly messages: readonly string[]
  /** Milliseconds of audio received. */
  readonly receivedMs: number
  /** Code the client closed with; absent while open, 1006 after a cut. */
  readonly closeCode: number | undefined
}

/** A good session on a socket that misbehaves. */
export class FaultyConnection implements FaultConnection, FaultySocket {
  readonly index: number
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly messages: string[] = []
  readonly fault: Fault
  /** Settles when the socket is closed and its engine gone. */
  readonly closed: Promise<void>
  closeCode: number | undefined
  readonly #socket: WebSocket
  readonly #behaviour: FaultBehaviour
  readonly #session: Session
  readonly #timers = new Set<NodeJS.Timeout>()
  #begun = false
  #struck = false
  #silent = false
  #finals = 0

  constructor(
    index: number,
    socket: WebSocket,
    request: { query: URLSearchParams; headers: IncomingMessage['headers'] },
    engine: Engine,
    fault: Fault,
    behaviour: FaultBehaviour,
  ) {
    this.index = index
    this.query = request.query
    this.headers = request.headers
    this.fault = fault
    this.#socket = socket
    this.#behaviour = behaviour
    this.#session = this.#openSession(engine)
    this.closed = this.#run()
    socket.on('error', () => {})
    socket.on('message', (data, binary) => {
      if (Buffer.isBuffer(data)) this.#receive(data, binary)
    })
    if (behaviour.begin) behaviour.begin(this)
    else this.begin()
  }

  get receivedMs(): number {
    return this.#session.receivedMs
  }

  begin(): void {
    this.#session.start()
  }

  send(message: ServerMessage): void {
    this.sendRaw(JSON.stringify(message))
  }

  sendRaw(data: string | Buffer): void {
    if (!this.#silent && this.#socket.readyState === this.#socket.OPEN) this.#socket.send(data, () => {})
  }

  refuse(code: number, text: string): void {
    this.send({ type: 'Error', error_code: code, error: text })
    this.close(code, CLOSE_REASON)
  }

  close(code: number, reason: string): void {
    this.#session.abandon(code, reason)
    // 1006 may not be sent: it is what a client sees of a cut.
    if (code === 1006) this.#socket.terminate()
    else this.#socket.close(code, reason)
    this.#socket.resume()
    this.later(1000, () => this.#socket.terminate())
  }

  drop(): void {
    this.#session.abandon(1006)
    this.#socket.terminate()
  }

  stopReading(): void {
    this.#socket.pause()
  }

  fallSilent(): void {
    this.#silent = true
  }

  later(ms: number, action: () => void): void {
    if (this.closeCode !== undefined) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      action()
    }, ms)
    this.#timers.add(timer)
  }

  async #run(): Promise<void> {
    this.closeCode = await new Promise<number>((resolve) => {
      this.#socket.once('close', resolve)
    })
    for (const timer of this.#timers) clearTimeout(timer)
    this.#session.abandon(this.closeCode)
    await this.#session.ended
  }

  #openSession(engine: Engine): Session {
    return new Session(
      {
        engine,
        parameters: parametersOf(this.query),
        apiVersion: '2025-05-12',
        maxDuration: 10_800,
        maxAheadMs: Infinity,
        unattributedLabel: 'UNKNOWN',
        explainEngineErrors: true,
      },
      {
        send: (message) => this.#sendInOrder(message),
        refuse: (refusal) => this.refuse(refusal.code, refusal.message),
        finish: () => {
          if (!this.#behaviour.staysOpen && !this.#silent) this.close(1000, 'Session Ended')
        },
        pause: () => this.#socket.pause(),
        resume: () => {
          if (!this.#silent) this.#socket.resume()
        },
      },
    )
  }

  /** Sends what the session says, as the fault would have it, and strikes when it is time. */
  #sendInOrder(message: ServerMessage): void {
    for (const sent of this.#behaviour.replace?.(message) ?? [message]) this.send(sent)
    if (message.type === 'Turn' && message.end_of_turn) this.#finals++
    if (message.type === 'Begin') this.#begun = true
    this.#strikeIfDue()
  }

  #receive(data: Buffer, binary: boolean): void {
    if (!binary && this.messages.length < KEPT_MESSAGES) this.messages.push(data.toString('utf8'))
    this.#session.receive(data, binary)
    this.#strikeIfDue()
  }

  #strikeIfDue(): void {
    const { afterMs = 0, afterFinals } = this.fault
    const due = afterFinals === undefined ? this.receivedMs >= afterMs : this.#finals >= afterFinals
    if (!due || !this.#begun || this.#struck) return
    this.#struck = true
    this.#behaviour.strike?.(this)
  }
}

/** A faulty server takes any parameters; what it cannot read is as if it had not been sent. */
function parametersOf(query: URLSearchParams): ReturnType<typeof parseQuery> {
  try {
    return parseQuery(query)
  } catch (error) {
    if (error instanceof Refusal) return {}
    throw error
  }
}
