import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { WebSocket } from 'ws'
import { defined } from '../options.ts'
import type { ServerMessage } from '../protocol/messages.ts'
import type { Admission, Authenticator } from './authentication.ts'
import type { ResolvedServerOptions } from './options.ts'
import { CLOSE_REASON, Refusal, unauthorized } from '../protocol/close-codes.ts'
import {
  contextOf,
  type ReceivedMessage,
  type ServerSession,
  Session,
  type SessionContext,
  type SessionEnd,
} from './session.ts'

/** Milliseconds a client gets to answer a close before its socket is cut. */
const CLOSE_TIMEOUT = 5000
const SHUTDOWN_TIMEOUT = 1000
/** Bytes that may wait for a client that does not read. */
const UNREAD_LIMIT = 8 * 1024 * 1024
/** What `ws` closes with where a client breaks the rules; 1002 where it is not here. */
const SENT_CODES: Readonly<Record<string, number>> = {
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009,
  WS_ERR_INVALID_UTF8: 1007,
}

/** Milliseconds in which begun sessions are counted. */
const MINUTE = 60_000
/** Keys whose sessions are counted at most; a function may let in any key. */
const MOST_KEYS = 100_000

const TOO_MANY = 'Too many concurrent sessions'

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

/** Counts sessions begun within the last minute, against a limit for all and one for each key. */
export class SessionRate {
  readonly #limit: number
  readonly #limitOfKey: number
  readonly #minute: number
  #begun: number[] = []
  /** The same of each key, that of the oldest session first. */
  readonly #ofKeys = new Map<string, number[]>()

  /**
   * @param limit - sessions that may begin within any 60 s; `Infinity` for no limit.
   * @param limitOfKey - the same of one key.
   * @param minute - what counts as 60 s, in ms.
   */
  constructor(limit: number, limitOfKey = Infinity, minute = MINUTE) {
    this.#limit = limit
    this.#limitOfKey = limitOfKey
    this.#minute = minute
  }

  /** Whether one more session of `key` may begin at `now` (ms of any steady clock); if so, it counts. */
  admit(now: number, key = ''): boolean {
    const recent = (at: number): boolean => at > now - this.#minute
    if (this.#limit !== Infinity) this.#begun = this.#begun.filter(recent)
    const ofKey = this.#limitOfKey === Infinity ? [] : (this.#ofKeys.get(key) ?? []).filter(recent)
    if (this.#begun.length >= this.#limit || ofKey.length >= this.#limitOfKey) return false
    if (this.#limit !== Infinity) this.#begun.push(now)
    if (this.#limitOfKey !== Infinity) this.#count(key, [...ofKey, now])
    return true
  }

  #count(key: string, begun: number[]): void {
    // Behind all others, so that the first are those to be forgotten.
    this.#ofKeys.delete(key)
    this.#ofKeys.set(key, begun)
    for (const [oldest, times] of this.#ofKeys) {
      if (times.at(-1)! > begun.at(-1)! - this.#minute && this.#ofKeys.size <= MOST_KEYS) break
      this.#ofKeys.delete(oldest)
    }
  }
}

export interface ConnectionHost {
  readonly options: ResolvedServerOptions
  readonly authenticator: Authenticator
  readonly sessions: Set<ServerSession>
  readonly rate: SessionRate
  readonly events: EventEmitter<StreamingServerEvents>
}

/** One socket from the upgrade to its close: lets the client in, runs its {@link Session}, closes in good order. */
export class Connection {
  /** Settles when the socket is closed and nothing of the session is left. */
  readonly closed: Promise<void>
  readonly #socket: WebSocket
  readonly #host: ConnectionHost
  #session: Session | undefined
  #closing = false
  #cut: NodeJS.Timeout | undefined

  /** @internal So that users need no types of ws. */
  constructor(socket: WebSocket, request: IncomingMessage, query: URLSearchParams, host: ConnectionHost) {
    this.#socket = socket
    this.#host = host
    const socketClosed = new Promise<void>((resolve) => {
      socket.once('close', (code) => {
        this.#closing = true
        clearTimeout(this.#cut)
        this.#session?.abandon(code)
        resolve()
      })
    })
    socket.on('error', (error) => this.#onSocketError(error))
    socket.on('message', (data, binary) => {
      if (Buffer.isBuffer(data)) this.#onMessage(data, binary)
    })
    this.closed = this.#run(request, query, socketClosed)
  }

  async #run(request: IncomingMessage, query: URLSearchParams, socketClosed: Promise<void>): Promise<void> {
    // Not waited for: once the socket is closed, a key check that is still under way opens nothing.
    void this.#accept(request, query)
    await socketClosed
    await this.#session?.ended
  }

  /** Closes with 1001, whatever is going on. */
  shutDown(): void {
    this.#session?.abandon(1001, 'Server closing')
    this.#close(1001, 'Server closing', SHUTDOWN_TIMEOUT)
  }

  async #accept(request: IncomingMessage, query: URLSearchParams): Promise<void> {
    // Nothing is read, and so nothing has to be kept, before it is known what the client may do.
    this.#socket.pause()
    try {
      const { authorization } = request.headers
      const token = query.get('token') ?? undefined
      const admission = await this.#host.authenticator.admit({ authorization, token })
      if (this.#closing) return
      const context = this.#contextFor(query, admission)
      const apiVersion = request.headers['assemblyai-version']?.toString().slice(0, 20)
      this.#begin({ ...context, ...defined({ apiVersion }) })
    } catch (error) {
      const refusal =
        error instanceof Refusal ? error : new Refusal(1011, 'Internal error while establishing the session')
      if (!this.#closing) this.#host.events.emit('refused', { code: refusal.code, reason: refusal.message })
      this.#refuse(refusal)
    }
  }

  #contextFor(query: URLSearchParams, { account, maxSessionMs = Infinity }: Admission): SessionContext {
    const { options, sessions, rate } = this.#host
    if (sessions.size >= options.maxSessions) throw unauthorized(TOO_MANY)
    const context = contextOf(query, options)
    // Asked last, for a session that is not refused for anything else.
    if (!rate.admit(performance.now(), account)) throw unauthorized(TOO_MANY)
    return { ...context, maxDurationMs: Math.min(context.maxDurationMs, maxSessionMs) }
  }

  #begin(context: SessionContext): void {
    const session: Session = new Session(context, {
      send: (message) => {
        this.#send(message)
        this.#host.events.emit('sent', session, message)
      },
      refuse: (refusal) => this.#refuse(refusal),
      finish: () => this.#close(1000, 'Session Ended'),
      pause: () => this.#socket.pause(),
      resume: () => this.#socket.resume(),
    })
    this.#session = session
    this.#host.sessions.add(session)
    void this.#reportEnd(session)
    this.#host.events.emit('session', session)
    session.start()
    this.#socket.resume()
  }

  async #reportEnd(session: Session): Promise<void> {
    const end = await session.ended
    this.#host.sessions.delete(session)
    this.#host.events.emit('sessionEnd', session, end)
  }

  #onMessage(data: Buffer, binary: boolean): void {
    const session = this.#session
    if (session === undefined || this.#closing) return
    this.#host.events.emit('message', session, binary ? { binary, data } : { binary, data: data.toString('utf8') })
    session.receive(data, binary)
  }

  /** `ws` has already sent the matching close code: 1009 for a message over the size limit, 1007, 1002. */
  #onSocketError(error: Error): void {
    const { code = '' } = error as { code?: string }
    const sent = code.startsWith('WS_ERR_') ? (SENT_CODES[code] ?? 1002) : 1006
    this.#session?.abandon(sent, error.message)
    this.#cutIn(CLOSE_TIMEOUT)
  }

  #send(message: ServerMessage): void {
    if (this.#closing) return
    this.#socket.send(JSON.stringify(message), () => {})
    if (this.#socket.bufferedAmount > UNREAD_LIMIT) this.#socket.terminate()
  }

  #refuse(refusal: Refusal): void {
    this.#send({ type: 'Error', error_code: refusal.code, error: refusal.message })
    this.#close(refusal.code, CLOSE_REASON)
  }

  #close(code: number, reason: string, timeout = CLOSE_TIMEOUT): void {
    this.#cutIn(timeout)
    if (this.#closing) return
    this.#closing = true
    this.#socket.close(code, reason)
    // A paused socket would never see the client's half of the close.
    this.#socket.resume()
  }

  #cutIn(ms: number): void {
    if (this.#socket.readyState === this.#socket.CLOSED) return
    clearTimeout(this.#cut)
    this.#cut = setTimeout(() => this.#socket.terminate(), ms)
  }
}
