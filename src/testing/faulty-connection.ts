import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { ServerMessage } from '../protocol/messages.ts'
import type { Engine } from '../engine/engine.ts'
import { resetConnection } from '../server/listener.ts'
import { parseQuery } from '../protocol/queries.ts'
import { CLOSE_REASON, Refusal } from '../protocol/close-codes.ts'
import { API_VERSION, Session } from '../server/session.ts'

/** Text messages of a client that are kept. */
const KEPT_MESSAGES = 10_000
/** Milliseconds a session may last. */
const LIFETIME = 10_800_000
/** Milliseconds a client gets to answer a close before its socket is cut. */
const CLOSE_TIMEOUT = 1000

/** When a fault happens, and its details; which of them count depends on the fault. */
export interface FaultDetails {
  /** Milliseconds of audio received at which it happens, where it happens in mid-session. @defaultValue 0, after `Begin` */
  afterMs?: number
  /** Milliseconds of the clock after `Begin` at which it happens. @defaultValue none: `afterMs` counts */
  afterWallMs?: number
  /** Final turns sent at which it happens. @defaultValue none: `afterMs` counts */
  afterFinals?: number
  /** Whether it happens when the client's `Terminate` has come, before it is answered. @defaultValue false */
  afterTerminate?: boolean
  /** Milliseconds that `stall` and `silence` last; what was held back is sent then. @defaultValue none: for ever */
  forMs?: number
  /**
   * Milliseconds that `late-begin` and `late-upgrade` wait, by which `delay` is late, and between two `small-writes`.
   * @defaultValue 1500; 500 for `delay`, 1 for `small-writes`
   */
  delayMs?: number
  /**
   * Milliseconds that the session of `expire` and `bare-expire` may last; moved to the next whole second of the clock.
   * @defaultValue 2000
   */
  lifetimeMs?: number
  /** Seconds of audio that `slow-reader` reads in a second. @defaultValue 0.5 */
  rate?: number
  /**
   * Code of the `Error` message and of the close (`refuse`, `error`, `error-without-close`, `close`). With `close`, 1005
   * is a close without a code, and 1006 a cut.
   * @defaultValue 1008 for `refuse`, 3005 for `error` and `error-without-close`, 1011 for `close`
   */
  code?: number
  /** Text of the `Error` message, of `garbage`, or of the close reason. @defaultValue the service's own, if there is one */
  text?: string
  /** HTTP status of `http-error`. @defaultValue 401 */
  status?: number
  /** Body of `http-error`. @defaultValue '{"error":"Unauthorized"}' */
  body?: string
  /**
   * Bytes of the text frame of `oversized`, or of each frame of `fragment` and each of the `small-writes`.
   * @defaultValue 33554432 for `oversized`, 16 for `fragment`, 7 for `small-writes`
   */
  bytes?: number
}

/** How a fault misbehaves: every member that is there replaces what a good server does at that point. */
export interface FaultBehaviour {
  /** Instead of answering the HTTP upgrade, which `answer` does. */
  upgrade?(socket: Duplex, fault: FaultDetails, answer: () => void): void
  /** The connection the server is to use instead of the real one. */
  wrap?(socket: Duplex, fault: FaultDetails): Duplex
  begin?(connection: FaultyConnection): void
  /** Once, when {@link FaultDetails} say. */
  inject?(connection: FaultyConnection): void
  /** The messages to be sent instead of one. */
  replace?(message: ServerMessage): readonly ServerMessage[]
  /** Milliseconds the session may last, instead of three hours. */
  lifetime?(fault: FaultDetails): number
  /** Whether the session closes without an `Error` where there should be one. */
  withoutError?: true
  /** Whether the socket stays open after the session instead of closing with 1000. */
  staysOpen?: true
}

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
export class FaultyConnection implements FaultConnection {
  readonly index: number
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly messages: string[] = []
  readonly fault: FaultDetails
  /** Settles when the socket is closed and its engine gone. */
  readonly closed: Promise<void>
  closeCode: number | undefined
  readonly #socket: WebSocket
  readonly #connection: Duplex
  readonly #behaviour: FaultBehaviour
  readonly #session: Session
  readonly #timers = new Set<NodeJS.Timeout>()
  #begun = false
  #injected = false
  #finals = 0
  #pieceBytes: number | undefined
  /** What is to be sent, in order, and from when on it may be. */
  #outbox: { at: number; send: () => void }[] = []
  #delayMs = 0
  /** Until when nothing is sent, by `performance.now()`; `Infinity` for good. */
  #silentUntil = 0
  #sending: NodeJS.Timeout | undefined
  /** Until when nothing is read: it was told to stop, or has to wait for audio that was read too early. */
  #unreadUntil = 0
  #reading: NodeJS.Timeout | undefined
  #rate = Infinity
  #sessionIsFull = false

  /** @internal So that users need no types of ws. */
  constructor(
    facts: Pick<FaultConnection, 'index' | 'query' | 'headers'>,
    socket: WebSocket,
    connection: Duplex,
    engine: Engine,
    fault: FaultDetails,
    behaviour: FaultBehaviour,
  ) {
    this.index = facts.index
    this.query = facts.query
    this.headers = facts.headers
    this.fault = fault
    this.#socket = socket
    this.#connection = connection
    this.#behaviour = behaviour
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

  /** Begins the session; without it there is none. */
  begin(): void {
    this.#session.start()
  }

  /** Sends the message as it is, past {@link FaultBehaviour.replace}. */
  send(message: ServerMessage): void {
    this.sendRaw(JSON.stringify(message))
  }

  /** Sends a frame that need not be a message. */
  sendRaw(data: string | Buffer): void {
    this.#send(() => {
      if (this.#socket.readyState !== this.#socket.OPEN) return
      if (this.#pieceBytes === undefined || typeof data !== 'string') this.#socket.send(data, () => {})
      else this.#sendInPieces(Buffer.from(data), this.#pieceBytes)
    })
  }

  /** Writes to the connection what need not be a frame. */
  sendBytes(data: Buffer): void {
    this.#send(() => this.#connection.write(data, () => {}))
  }

  refuse(code: number, text: string): void {
    this.send({ type: 'Error', error_code: code, error: text })
    this.close(code, CLOSE_REASON)
  }

  /** Closes with a close frame only, with any code from 1000 to 4999. */
  close(code: number, reason: string): void {
    this.#session.abandon(code, reason)
    this.#send(() => {
      this.#closeSocket(code, reason)
      // A paused socket would never see the client's half of the close.
      this.#socket.resume()
      this.later(CLOSE_TIMEOUT, () => this.#socket.terminate())
    })
  }

  /** Cuts the TCP connection without a close frame. */
  drop(): void {
    this.#session.abandon(1006)
    this.#socket.terminate()
  }

  reset(): void {
    this.#session.abandon(1006)
    resetConnection(this.#connection)
  }

  /** Stops reading what the client sends, for so many ms or for ever. */
  stopReading(ms = Infinity): void {
    this.#unreadUntil = performance.now() + ms
    this.#readOn()
  }

  /** Sends nothing for so many ms, and then what it held back; or nothing more for ever. */
  fallSilent(ms = Infinity): void {
    this.#silentUntil = performance.now() + ms
  }

  /** From now on reads no more than `rate` seconds of audio in a second. */
  readSlowly(rate: number): void {
    this.#rate = rate
  }

  delayBy(ms: number): void {
    this.#delayMs = ms
  }

  /** From now on sends each text in frames of so many bytes. */
  fragmentBy(bytes: number): void {
    this.#pieceBytes = bytes
  }

  /** Does something later, unless the socket is gone by then. */
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
    for (const timer of [...this.#timers, this.#sending, this.#reading]) clearTimeout(timer)
    this.#silentUntil = Infinity
    this.#unreadUntil = Infinity
    this.#session.abandon(this.closeCode)
    await this.#session.ended
  }

  #openSession(engine: Engine): Session {
    return new Session(
      {
        engine,
        parameters: parametersOf(this.query),
        apiVersion: API_VERSION,
        maxDurationMs: this.#behaviour.lifetime?.(this.fault) ?? LIFETIME,
        maxAheadMs: Infinity,
        models: 'open',
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
          if (!this.#behaviour.staysOpen && this.#silentUntil !== Infinity) this.close(1000, 'Session Ended')
        },
        pause: () => this.#readOn(true),
        resume: () => this.#readOn(false),
      },
    )
  }

  /** Does what sends something, when all before it is sent and it is time. */
  #send(send: () => void): void {
    if (this.#silentUntil === Infinity) return
    this.#outbox.push({ at: performance.now() + this.#delayMs, send })
    this.#sendOn()
  }

  #sendOn(): void {
    clearTimeout(this.#sending)
    for (let [first] = this.#outbox; first !== undefined; [first] = this.#outbox) {
      const left = Math.max(first.at, this.#silentUntil) - performance.now()
      if (left > 0) {
        if (left < Infinity) this.#sending = setTimeout(() => this.#sendOn(), left)
        return
      }
      this.#outbox.shift()
      first.send()
    }
  }

  /** Reads on where the session has room and it is time to. */
  #readOn(sessionIsFull = this.#sessionIsFull): void {
    this.#sessionIsFull = sessionIsFull
    clearTimeout(this.#reading)
    const left = this.#unreadUntil - performance.now()
    if (left <= 0 && !sessionIsFull) return this.#socket.resume()
    this.#socket.pause()
    if (left > 0 && left < Infinity) this.#reading = setTimeout(() => this.#readOn(), left)
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
    const text = closeText(reason)
    if (regular) return this.#socket.close(code, text)
    // `ws` would not send such a code.
    this.#connection.write(Buffer.from([0x88, text.length + 2, code >> 8, code & 255, ...text]))
  }

  /** Sends what the session says, as the fault would have it, and injects it when it is time. */
  #sendInOrder(message: ServerMessage): void {
    for (const sent of this.#behaviour.replace?.(message) ?? [message]) this.send(sent)
    if (message.type === 'Turn' && message.end_of_turn) this.#finals++
    if (message.type === 'Begin') {
      this.#begun = true
      const { afterWallMs } = this.fault
      if (afterWallMs !== undefined) this.later(afterWallMs, () => this.#inject())
    }
    this.#injectIfDue(false)
  }

  #receive(data: Buffer, binary: boolean): void {
    const text = binary ? '' : data.toString('utf8')
    if (!binary && this.messages.length < KEPT_MESSAGES) this.messages.push(text)
    if (text.includes('"Terminate"')) this.#injectIfDue(true)
    const before = this.receivedMs
    this.#session.receive(data, binary)
    this.#injectIfDue(false)
    if (this.#rate === Infinity || this.receivedMs === before) return
    // Time that went by unused is not saved up.
    this.#unreadUntil = Math.max(this.#unreadUntil, performance.now()) + (this.receivedMs - before) / this.#rate
    this.#readOn()
  }

  #injectIfDue(terminating: boolean): void {
    const { afterMs = 0, afterWallMs, afterFinals, afterTerminate } = this.fault
    if (afterTerminate) {
      if (terminating) this.#inject()
    } else if (afterFinals !== undefined) {
      if (this.#finals >= afterFinals) this.#inject()
    } else if (afterWallMs === undefined && this.receivedMs >= afterMs) {
      this.#inject()
    }
  }

  #inject(): void {
    if (!this.#begun || this.#injected) return
    this.#injected = true
    this.#behaviour.inject?.(this)
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

/** As much of a reason as a close frame has room for (RFC 6455, 5.5): whole characters. */
function closeText(reason: string): Buffer {
  const bytes = Buffer.from(reason)
  let end = Math.min(bytes.length, 123)
  while (end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end -= 1
  return bytes.subarray(0, end)
}
