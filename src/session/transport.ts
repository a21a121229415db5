import type { Agent } from 'node:http'
import type { NamedServer } from '../protocol/close-codes.ts'
import type { ConnectionAhead } from './connection-ahead.ts'

/** What a server's handshake tells of its clock: the header's date, and when it came by the clock of this machine; both ms. */
export interface ServerDate {
  date: number
  came: number
}

/** A session's connection to its server, whatever carries it. */
export interface Transport {
  /** What the server told of its clock, if anything. */
  readonly serverDate: ServerDate | undefined
  /** Whether the server leaves so much audio unread that the next frame must wait for `drained`. */
  readonly full: boolean
  /** Sends a frame, where the transport is not `full`; `taken` when the next may be given, never while it closes. */
  send(audio: Buffer, taken: () => void): void
  sendText(text: string): void
  /** Closes in good order; `closed` follows. */
  close(): void
  /** Cuts the connection; `closed` follows. */
  destroy(): void
}

/** Whom a {@link Transport} tells what comes. */
export interface TransportListener {
  message(data: Buffer, binary: boolean): void
  /** Bytes came that are no message. Returns whether the server may go on. */
  counts(bytes: number): boolean
  /** The server has read more. */
  drained(): void
  /** The connection cannot be made, or broke: a SessionError where more is known than what the network says. */
  failed(error: Error): void
  closed(code: number, reason: string): void
}

export type Connect = (listener: TransportListener) => Transport

/** What a server in this process does to its client. */
export interface MemoryClient {
  send(text: string): void
  close(code: number, reason: string): void
  /** Takes no audio until `resume`. */
  pause(): void
  resume(): void
}

/** What a client does to a server in this process. */
export interface MemoryServer {
  receive(data: Buffer, binary: boolean): void
  abandon(code: number, reason: string): void
}

/** Where a session connects, with everything that its handshake carries. */
export interface SessionTarget extends NamedServer {
  url: string
  headers: Record<string, string>
  /** Makes the connection instead of Node's own agent. */
  agent?: Agent
  /** Certificates in PEM to trust instead of those that Node trusts. */
  ca?: string | Buffer
  proxy?: URL
  /** A connection to it that was made before, for one session. */
  ahead?: ConnectionAhead
  /** Takes the client, where the server is in this process. */
  accept?: (client: MemoryClient) => MemoryServer
}

/** A server can make us hold this much at once: a turn of three hours of speech stays far below. Bytes. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024
const LONGEST_TIMER_MS = 2 ** 31 - 1

/**
 * Two ends in memory, for an engine in this process. What the server sends comes in a later turn of the event loop, as
 * from a socket; at most one frame waits for a paused server.
 */
export class MemoryTransport implements Transport {
  readonly #listener: TransportListener
  readonly #server: MemoryServer
  /** What the server has sent and the client has not been given. */
  #inbox: Buffer[] = []
  #delivery: NodeJS.Immediate | undefined
  #paused = false
  /** How the connection was closed; the client is told once all else has come. */
  #close: { code: number; reason: string } | undefined
  /** Keeps the process alive as a socket does. */
  readonly #alive = setInterval(() => {}, LONGEST_TIMER_MS)

  constructor(accept: (client: MemoryClient) => MemoryServer, listener: TransportListener) {
    this.#listener = listener
    this.#server = accept({
      send: (text) => {
        if (this.#close) return
        this.#inbox.push(Buffer.from(text))
        this.#deliverSoon()
      },
      close: (code, reason) => this.#end(code, reason),
      pause: () => (this.#paused = true),
      resume: () => {
        this.#paused = false
        setImmediate(() => this.#close ?? this.#listener.drained())
      },
    })
  }

  /** Both ends go by one clock. */
  get serverDate(): ServerDate {
    const now = Date.now()
    return { date: now, came: now }
  }

  get full(): boolean {
    return this.#paused
  }

  send(audio: Buffer, taken: () => void): void {
    if (this.#close) return
    this.#server.receive(audio, true)
    setImmediate(() => this.#close ?? taken())
  }

  sendText(text: string): void {
    if (!this.#close) this.#server.receive(Buffer.from(text), false)
  }

  close(): void {
    if (this.#close) return
    this.#end(1000, '')
    this.#server.abandon(1000, '')
  }

  destroy(): void {
    this.#inbox = []
    if (this.#close) return
    this.#end(1006, '')
    this.#server.abandon(1006, '')
  }

  #end(code: number, reason: string): void {
    this.#close ??= { code, reason }
    this.#deliverSoon()
  }

  #deliverSoon(): void {
    this.#delivery ??= setImmediate(this.#deliver)
  }

  readonly #deliver = (): void => {
    this.#delivery = undefined
    for (let data = this.#inbox.shift(); data !== undefined; data = this.#inbox.shift()) {
      if (data.length > MAX_MESSAGE_BYTES) {
        this.#listener.failed(new RangeError('Max payload size exceeded'))
        return
      }
      this.#listener.message(data, false)
    }
    if (this.#close === undefined || this.#delivery !== undefined) return
    clearInterval(this.#alive)
    this.#listener.closed(this.#close.code, this.#close.reason)
  }
}
