import type { ServerMessage } from '../protocol/messages.ts'
import type { Engine } from '../engine/engine.ts'
import { parseQuery } from '../protocol/parameters.ts'
import { CLOSE_REASON, Refusal } from '../protocol/close-codes.ts'
import { Session } from '../server/session.ts'
import type { FaultConnection } from './fault-server.ts'
import { type Fault, type FaultBehaviour, faults, type FaultySocket, resetConnection } from './faults.ts'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'

/** Text messages of a client that are kept. */
const KEPT_MESSAGES = 10_000
/** Milliseconds a session may last. */
const LIFETIME = 10_800_000
/** Milliseconds a client gets to answer a close before its socket is cut. */
const CLOSE_TIMEOUT = 1000

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
  readonly #connection: Duplex
  readonly #behaviour: FaultBehaviour
  readonly #session: Session
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #outbox = new Outbox()
  readonly #gate: ReadGate
  #begun = false
  #struck = false
  #silent = false
  #finals = 0
  #pieceBytes: number | undefined

  constructor(
    index: number,
    socket: WebSocket,
    connection: Duplex,
    request: { query: URLSearchParams; headers: IncomingMessage['headers'] },
    engine: Engine,
    fault: Fault,
  ) {
    this.index = index
    this.query = request.query
    this.headers = request.headers
    this.fault = fault
    this.#socket = socket
    this.#connection = connection
    this.#gate = new ReadGate(socket, (ms, action) => this.later(ms, action))
    this.#behaviour = faults[fault.fault]
    this.#session = this.#openSession(engine)
    this.closed = this.#run()
    socket.on('error', () => {})
    socket.on('message', (data, binary) => {
      if (Buffer.isBuffer(data)) this.#receive(data, binary)
    })
    if (this.#behaviour.begin) this.#behaviour.begin(this)
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
    this.#outbox.add(() => {
      if (this.#socket.readyState !== this.#socket.OPEN) return
      if (this.#pieceBytes === undefined || typeof data !== 'string') this.#socket.send(data, () => {})
      else this.#sendInPieces(Buffer.from(data), this.#pieceBytes)
    })
  }

  sendBytes(data: Buffer): void {
    this.#outbox.add(() => this.#connection.write(data, () => {}))
  }

  refuse(code: number, text: string): void {
    this.send({ type: 'Error', error_code: code, error: text })
    this.close(code, CLOSE_REASON)
  }

  close(code: number, reason: string): void {
    this.#session.abandon(code, reason)
    this.#outbox.add(() => {
      this.#closeSocket(code, reason)
      // A paused socket would never see the client's half of the close.
      this.#socket.resume()
      this.later(CLOSE_TIMEOUT, () => this.#socket.terminate())
    })
  }

  drop(): void {
    this.#session.abandon(1006)
    this.#socket.terminate()
  }

  reset(): void {
    this.#session.abandon(1006)
    resetConnection(this.#connection)
  }

  stopReading(ms?: number): void {
    this.#gate.close('stopped')
    if (ms !== undefined) this.later(ms, () => this.#gate.open('stopped'))
  }

  fallSilent(ms?: number): void {
    if (ms === undefined) {
      this.#silent = true
      this.#outbox.close()
    } else {
      this.#outbox.hold()
      this.later(ms, () => this.#outbox.release())
    }
  }

  readSlowly(rate: number): void {
    this.#gate.limit(rate)
  }

  delayBy(ms: number): void {
    this.#outbox.delayBy(ms)
  }

  fragmentBy(bytes: number): void {
    this.#pieceBytes = bytes
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
    this.#outbox.close()
    this.#session.abandon(this.closeCode)
    await this.#session.ended
  }

  #openSession(engine: Engine): Session {
    return new Session(
      {
        engine,
        parameters: parametersOf(this.query),
        apiVersion: '2025-05-12',
        maxDurationMs: this.#behaviour.lifetime?.(this.fault) ?? LIFETIME,
        maxAheadMs: Infinity,
        unattributedLabel: 'UNKNOWN',
        explainEngineErrors: true,
      },
      {
        send: (message) => this.#sendInOrder(message),
        refuse: ({ code, message }) => {
          if (this.#behaviour.withoutError) this.close(code, '')
          else this.refuse(code, message)
        },
        finish: () => {
          if (!this.#behaviour.staysOpen && !this.#silent) this.close(1000, 'Session Ended')
        },
        pause: () => this.#gate.close('session'),
        resume: () => this.#gate.open('session'),
      },
    )
  }

  #sendInPieces(data: Buffer, bytes: number): void {
    for (let at = 0; at < data.length; at += bytes) {
      const fin = at + bytes >= data.length
      this.#socket.send(data.subarray(at, at + bytes), { binary: false, fin }, () => {})
      // Control frames may come in the middle of a message.
      if (at === 0) this.#socket.ping()
    }
  }

  #closeSocket(code: number, reason: string): void {
    // 1006 may not be sent: it is what a client sees of a cut.
    if (code === 1006) return this.#socket.terminate()
    if (code === 1005) return this.#socket.close()
    const regular = (code <= 1014 && code !== 1004) || code >= 3000
    if (regular) return this.#socket.close(code, reason)
    // `ws` would not send such a code.
    const text = Buffer.from(reason).subarray(0, 123)
    this.#connection.write(Buffer.from([0x88, text.length + 2, code >> 8, code & 255, ...text]))
  }

  /** Sends what the session says, as the fault would have it, and strikes when it is time. */
  #sendInOrder(message: ServerMessage): void {
    for (const sent of this.#behaviour.replace?.(message) ?? [message]) this.send(sent)
    if (message.type === 'Turn' && message.end_of_turn) this.#finals++
    if (message.type === 'Begin') {
      this.#begun = true
      const { afterWallMs } = this.fault
      if (afterWallMs !== undefined) this.later(afterWallMs, () => this.#strike())
    }
    this.#strikeIfDue(false)
  }

  #receive(data: Buffer, binary: boolean): void {
    const text = binary ? '' : data.toString('utf8')
    if (!binary && this.messages.length < KEPT_MESSAGES) this.messages.push(text)
    if (text.includes('"Terminate"')) this.#strikeIfDue(true)
    const before = this.receivedMs
    this.#session.receive(data, binary)
    this.#strikeIfDue(false)
    this.#gate.spend(this.receivedMs - before)
  }

  #strikeIfDue(terminating: boolean): void {
    const { afterMs = 0, afterWallMs, afterFinals, afterTerminate } = this.fault
    if (afterTerminate) {
      if (terminating) this.#strike()
    } else if (afterFinals !== undefined) {
      if (this.#finals >= afterFinals) this.#strike()
    } else if (afterWallMs === undefined && this.receivedMs >= afterMs) {
      this.#strike()
    }
  }

  #strike(): void {
    if (!this.#begun || this.#struck) return
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

/** What a faulty server is about to send: in order, at once, or late, or held back. */
export class Outbox {
  #waiting: { at: number; send: () => void }[] = []
  #delay = 0
  #state: 'open' | 'held' | 'closed' = 'open'
  #timer: NodeJS.Timeout | undefined

  /** From now on everything goes out `ms` late. */
  delayBy(ms: number): void {
    this.#delay = ms
  }

  /** Lines something up to be sent. */
  add(send: () => void): void {
    if (this.#state === 'closed') return
    this.#waiting.push({ at: performance.now() + this.#delay, send })
    this.#pump()
  }

  /** Holds everything back. */
  hold(): void {
    if (this.#state === 'open') this.#state = 'held'
  }

  /** Sends what was held back. */
  release(): void {
    if (this.#state === 'held') this.#state = 'open'
    this.#pump()
  }

  /** Forgets what waits, and whatever is added. */
  close(): void {
    this.#state = 'closed'
    this.#waiting = []
    clearTimeout(this.#timer)
  }

  #pump(): void {
    clearTimeout(this.#timer)
    for (let [first] = this.#waiting; first !== undefined && this.#state === 'open'; [first] = this.#waiting) {
      const left = first.at - performance.now()
      if (left > 0) {
        this.#timer = setTimeout(() => this.#pump(), left)
        return
      }
      this.#waiting.shift()
      first.send()
    }
  }
}

/** A socket that can be read or left alone. */
interface Readable {
  pause(): void
  resume(): void
}

/** Why a socket is not read: its session is full, the fault says stop, or it is to be read slowly. */
type Reason = 'session' | 'stopped' | 'slow'

/** Decides whether a socket is read: only while there is no reason against it. */
export class ReadGate {
  readonly #socket: Readable
  readonly #later: (ms: number, action: () => void) => void
  readonly #reasons = new Set<Reason>()
  #rate = Infinity
  #readAgainAt = 0

  /** @param later - does something after so many ms. */
  constructor(socket: Readable, later: (ms: number, action: () => void) => void) {
    this.#socket = socket
    this.#later = later
  }

  close(reason: Reason): void {
    this.#reasons.add(reason)
    this.#socket.pause()
  }

  open(reason: Reason): void {
    this.#reasons.delete(reason)
    if (this.#reasons.size === 0) this.#socket.resume()
  }

  /** From now on lets `rate` seconds of audio through in a second. */
  limit(rate: number): void {
    this.#rate = rate
  }

  /** So many ms of audio were read: reads no further until they have been paid for in time. */
  spend(ms: number): void {
    if (this.#rate === Infinity || ms === 0) return
    this.#readAgainAt = Math.max(this.#readAgainAt, performance.now()) + ms / this.#rate
    if (!this.#reasons.has('slow')) this.#wait()
  }

  #wait(): void {
    const left = this.#readAgainAt - performance.now()
    if (left <= 0) return this.open('slow')
    this.close('slow')
    this.#later(left, () => this.#wait())
  }
}
