import { EventEmitter } from 'node:events'
import { type ErrorCode, SessionError, type Warning } from '../errors.ts'
import { closeError, connectionError, sessionError } from '../protocol/close-codes.ts'
import {
  type BeginMessage,
  type ClientMessage,
  type ErrorMessage,
  parseMessage,
  type ServerMessage,
  type TerminationMessage,
} from '../protocol/messages.ts'
import { oneLine, redact } from '../redact.ts'
import type { Connect, ServerDate, SessionTarget, Transport, TransportListener } from './transport.ts'

/** What a server may send at once, and for each ms of audio that it was sent: far more than anybody can say. Bytes. */
const MOST_BYTES = 16 * 1024 * 1024
const BYTES_PER_MS = 256
/** What each message costs beside its own bytes. */
const MESSAGE_BYTES = 64
/** What one costs that cannot be read, beside those: each is a warning. */
const UNREADABLE_BYTES = 16 * 1024
const FRAME_MS = 50
/** A frame that the server has not taken for this long is worth a warning. */
const CONGESTED_MS = 3000
/** A server that does not close after its last message is closed on. */
const CLOSE_TIMEOUT_MS = 2000
/** After Terminate, new words prolong the wait, up to this many times the timeout. */
const TERMINATION_PATIENCE = 10
const UNCONFIRMED = 'the server did not confirm the end of the session, so its last words may be missing'

/** How a session behaves in time. All values in ms. */
export interface SessionOptions {
  /** Longest time from the start of the connection to `Begin`. */
  connectTimeout: number
  /** After Terminate: longest time without new words before the session is given up; ten times that in all. */
  terminationTimeout: number
  /** Time between pings; the session is given up when two stay unanswered. */
  pingInterval: number
  /** Longest time that the server may leave a frame of audio unread before the session is given up. */
  stallTimeout: number
  /** Longest time without any message from a server that sends heartbeats before the session is given up. */
  heartbeatTimeout: number
  /** Whether the server is known to send heartbeats; absent where that shows. */
  beats?: boolean
}

/** How a session ended: with an error, or completely, by the Termination that was asked for. */
export type SessionEnd = { error: SessionError } | { error?: undefined; termination: TerminationMessage }

export interface SessionEvents {
  /** The server accepted the session; audio may be sent from here on. */
  begin: [BeginMessage]
  /** Any later message but Error and Termination. */
  message: [ServerMessage]
  warning: [Warning]
  /** The last event, exactly once. Nothing is left open when it comes. */
  end: [SessionEnd]
}

/** One connection from its opening to its end. Knows nothing of streams, retries, pace, or turns. */
export class Session extends EventEmitter<SessionEvents> implements TransportListener {
  readonly #transport: Transport
  readonly #target: SessionTarget
  readonly #options: SessionOptions
  /** What is told of the frame on its way, and that frame while it waits for the server to read. */
  #taken: ((sent: boolean) => void) | undefined
  #blocked: Buffer | undefined
  readonly #stall: StallTimer
  #state: 'connecting' | 'begun' | 'terminating' | 'ended' = 'connecting'
  #deadline: NodeJS.Timeout | undefined
  /** Is there once the server is known to send heartbeats. */
  #heartbeat: NodeJS.Timeout | undefined
  /** Whether nothing has come since they were due. */
  #isSilent = false
  /** Whether heartbeats may be expected: not where none are asked for. */
  #mayBeat: boolean
  #terminationLimit = 0
  #serverError: ErrorMessage | undefined
  #failure: SessionError | undefined
  #termination: TerminationMessage | undefined
  /** Whether the server has sent one of these two, behind which it closes. */
  #isLeaving = false
  #begin: BeginMessage | undefined
  #receivedBytes = 0
  #sentFrames = 0
  /** When Begin came, Unix time in ms. */
  #begunAt = 0
  /** What the last Turn message said, after Terminate. */
  #lastWords = ''

  /** @param connect - opens the connection to the target. */
  constructor(target: SessionTarget, options: SessionOptions, connect: Connect) {
    super()
    this.#target = target
    this.#options = options
    this.#mayBeat = !/[?&]session_heartbeat=false(?:&|$)/.test(target.url)
    this.#stall = new StallTimer(
      options.stallTimeout,
      () => this.#warnCongested(),
      () => this.#fail(this.#error('SESSION_STALLED', `the server has read no audio for ${options.stallTimeout} ms`)),
    )
    this.#transport = connect(this)
    this.#setDeadline(options.connectTimeout, () => {
      this.#fail(this.#error('CONNECT_TIMEOUT', `the server sent no Begin within ${options.connectTimeout} ms`))
    })
  }

  /** How long the session lasts from its Begin on, by the clock of the server, ms; `undefined` where that is not known. */
  get life(): number | undefined {
    return sessionLife((this.#begin?.expires_at ?? 0) * 1000, this.#transport.serverDate, this.#begunAt)
  }

  /** Sends one frame; `taken` is called when the next may be given, with whether this one was sent. */
  send(audio: Buffer, taken: (sent: boolean) => void): void {
    if (this.#state !== 'begun') {
      taken(false)
      return
    }
    this.#taken = taken
    this.#sentFrames += 1
    this.#stall.begin()
    if (this.#transport.full) this.#blocked = audio
    else this.#transport.send(audio, this.#written)
  }

  /** Sends a JSON message; does nothing unless the session is open. */
  sendMessage(message: ClientMessage): void {
    if (this.#state !== 'begun') return
    if (message.type === 'UpdateConfiguration') this.#askForHeartbeats(message['session_heartbeat'])
    this.#transport.sendText(JSON.stringify(message))
  }

  /** Asks for the last turns and the end. The `end` event comes within a bounded time. */
  terminate(): void {
    if (this.#state !== 'begun') return
    this.sendMessage({ type: 'Terminate' })
    this.#state = 'terminating'
    this.#terminationLimit = performance.now() + TERMINATION_PATIENCE * this.#options.terminationTimeout
    this.#awaitTermination()
  }

  /** Drops the connection at once, with this error; resolves when the socket is gone, after `end`. */
  destroy(code: ErrorCode = 'CONNECTION_LOST', why = 'the session was closed by its owner'): Promise<void> {
    if (this.#state === 'ended') return Promise.resolve()
    const ended = new Promise<void>((resolve) => this.once('end', () => resolve()))
    this.#fail(this.#error(code, why))
    return ended
  }

  /** Ends the session of a server that sends more than anybody can say. */
  flooded(): void {
    const what = 'the server sends far more than anybody can say of the audio that it was sent'
    this.#fail(sessionError(this.#target, 'SERVER_FLOOD', what, { retryable: false, bytes: this.#receivedBytes }))
  }

  failed(error: Error): void {
    const known = error instanceof SessionError
    this.#fail(known ? error : connectionError(this.#target, error, this.#begin !== undefined))
  }

  message(data: Buffer, binary: boolean): void {
    if (this.#state === 'ended' || this.#failure) return
    if (!this.counts(data.length)) return
    this.#isSilent = false
    this.#heartbeat?.refresh()
    const parsed = binary
      ? ({ kind: 'malformed', reason: 'a binary frame, where only text is defined' } as const)
      : parseMessage(data.toString('utf8'))
    // New message types come with new versions of the service and must not break old clients.
    if (parsed.kind === 'unknown') return
    if (parsed.kind === 'malformed') {
      if (!this.counts(UNREADABLE_BYTES)) return
      this.#warn('INVALID_MESSAGE', `the server sent ${parsed.reason}; it was ignored`)
      return
    }
    if (this.#state === 'terminating' && this.#saysMore(parsed.message)) this.#awaitTermination()
    this.#dispatch(parsed.message)
  }

  /** Counts what has come; returns whether more may. */
  counts(bytes: number): boolean {
    this.#receivedBytes += bytes + MESSAGE_BYTES
    const most = MOST_BYTES + this.#sentFrames * FRAME_MS * BYTES_PER_MS
    if (this.#receivedBytes > most) this.flooded()
    return this.#receivedBytes <= most
  }

  #dispatch(message: ServerMessage): void {
    switch (message.type) {
      case 'Begin':
        return this.#begun(message)
      case 'Error':
        // The close that follows has the code but not the text.
        this.#serverError ??= message
        return this.#awaitClose()
      case 'Warning':
        this.#warn(message.code ?? 'SERVER_WARNING', message.warning, { serverCode: message.warning_code })
        if (message.audio_lost !== undefined) this.emit('message', message)
        return
      case 'Termination':
        this.#termination ??= message
        this.#awaitClose()
        return this.#transport.close()
      default:
        if (this.#state === 'connecting') return
        if (message.type === 'Heartbeat') this.#expectHeartbeats()
        this.emit('message', message)
    }
  }

  /** The server has said its last; one that says it again and again must not put off the end. */
  #awaitClose(): void {
    if (this.#isLeaving) return
    this.#isLeaving = true
    this.#setDeadline(CLOSE_TIMEOUT_MS, () => this.#transport.destroy())
  }

  #begun(message: BeginMessage): void {
    if (this.#state !== 'connecting' || this.#isLeaving) return
    this.#clearDeadline()
    this.#state = 'begun'
    this.#begin = message
    this.#begunAt = Date.now()
    // Our own server is known to send heartbeats; another is once it has sent one, in this session or in one before.
    if (message.configuration?.faster_than_real_time || this.#options.beats) this.#expectHeartbeats()
    this.emit('begin', message)
  }

  /** A server can answer pings and be dead all the same. */
  #expectHeartbeats(): void {
    if (this.#heartbeat || !this.#mayBeat || this.#state === 'ended') return
    const { heartbeatTimeout } = this.#options
    this.#heartbeat = setTimeout(() => {
      this.#isSilent = true
      onceRead(() => {
        if (!this.#isSilent) return
        this.#fail(this.#error('SESSION_STALLED', `the server has sent nothing for ${heartbeatTimeout} ms`))
      })
    }, heartbeatTimeout)
  }

  #askForHeartbeats(on: unknown): void {
    if (typeof on === 'boolean') this.#mayBeat = on
    if (this.#mayBeat) return
    clearTimeout(this.#heartbeat)
    this.#heartbeat = undefined
  }

  /** Whether a message brings words that the one before it did not: only these prolong the wait for the end. */
  #saysMore(message: ServerMessage): boolean {
    if (message.type !== 'Turn' || message.words.length === 0) return false
    const words = `${message.turn_order} ${message.transcript}`
    const more = words !== this.#lastWords
    this.#lastWords = words
    return more
  }

  #awaitTermination(): void {
    if (this.#isLeaving) return
    const left = this.#terminationLimit - performance.now()
    this.#setDeadline(Math.max(0, Math.min(this.#options.terminationTimeout, left)), () => {
      this.#fail(this.#error('TERMINATION_MISSING', UNCONFIRMED))
    })
  }

  /** Records the first reason to end, and cuts the connection; `closed` tells the owner once it is gone. */
  #fail(error: SessionError): void {
    if (this.#state === 'ended') return
    this.#failure ??= error
    this.#clearDeadline()
    this.#transport.destroy()
  }

  closed(code: number, reason: string): void {
    if (this.#state === 'ended') return
    const asked = this.#state === 'terminating'
    this.#state = 'ended'
    this.#clearDeadline()
    clearTimeout(this.#heartbeat)
    this.#stall.stop()
    this.#blocked = undefined
    this.#settle(false)
    const outcome = this.#outcome(code, reason, asked)
    if (outcome.error && this.#begin) Object.assign(outcome.error, { sessionId: this.#begin.id })
    this.emit('end', outcome)
  }

  #outcome(code: number, reason: string, asked: boolean): SessionEnd {
    const begun = this.#begin !== undefined
    const said = this.#serverError
    if (said) return { error: closeError(this.#target, said.error_code || code, said.error, begun) }
    if (this.#termination && asked) return { termination: this.#termination }
    if (this.#failure) return { error: this.#failure }
    if (this.#termination) {
      const expired = (this.life ?? 0) <= Date.now() - this.#begunAt + 5000 && (this.#begin?.expires_at ?? 0) > 0
      return { error: closeError(this.#target, expired ? 3008 : 1000, '', begun) }
    }
    if (asked && code === 1000) return { error: this.#error('TERMINATION_MISSING', UNCONFIRMED) }
    return { error: closeError(this.#target, code, reason, begun) }
  }

  /** An error of the connection rather than of what was sent: a new session may do better. */
  #error(code: ErrorCode, what: string): SessionError {
    return sessionError(this.#target, code, what, { retryable: true })
  }

  #warn(code: string, message: string, facts: Record<string, unknown> = {}): void {
    const { secrets } = this.#target
    this.emit('warning', { code, message: redact(oneLine(message, 500, secrets), secrets), ...facts })
  }

  // One function for all frames: at a thousand streams, what is made for each frame is what sending costs.
  readonly #written = (): void => {
    if (this.#taken === undefined) return
    this.#stall.end()
    // A socket that is destroyed lets go of what it had no time to send without an error.
    this.#settle(this.#state === 'begun' && this.#failure === undefined)
  }

  drained(): void {
    const audio = this.#blocked
    if (audio === undefined) return
    this.#stall.end()
    if (this.#transport.full) {
      // It has read something, if not enough.
      this.#stall.begin()
      return
    }
    this.#blocked = undefined
    if (this.#state !== 'begun') {
      // Asked for the end meanwhile: no audio may follow that.
      this.#settle(false)
      return
    }
    // What the kernel takes its time for is another wait.
    this.#stall.begin()
    this.#transport.send(audio, this.#written)
  }

  #settle(sent: boolean): void {
    const taken = this.#taken
    this.#taken = undefined
    taken?.(sent)
  }

  #warnCongested(): void {
    // A server that takes audio at a pace of its own holds it back all the time.
    if (this.#begin?.configuration?.faster_than_real_time === true) return
    this.#warn('CONGESTED', 'the server reads no audio; the source is held back')
  }

  #setDeadline(ms: number, expired: () => void): void {
    this.#clearDeadline()
    const deadline = setTimeout(() => {
      onceRead(() => {
        if (this.#deadline === deadline) expired()
      })
    }, ms)
    this.#deadline = deadline
  }

  #clearDeadline(): void {
    clearTimeout(this.#deadline)
    this.#deadline = undefined
  }
}

/**
 * Watches waits for a server to read. Nearly all end at once, so one timer looks now and then how old the present is.
 */
export class StallTimer {
  readonly #stallTimeout: number
  readonly #congestedAfter: number
  readonly #congested: () => void
  readonly #stalled: () => void
  /** When the present wait began, in ms of `performance.now()`. */
  #since: number | undefined
  #look: NodeJS.Timeout | undefined
  #stall: NodeJS.Timeout | undefined
  #stopped = false

  /** @param congested - called where a wait is worth a warning, `stalled` where it is longer than `stallTimeout` ms. */
  constructor(stallTimeout: number, congested: () => void, stalled: () => void) {
    this.#stallTimeout = stallTimeout
    this.#congestedAfter = Math.min(CONGESTED_MS, stallTimeout / 2)
    this.#congested = congested
    this.#stalled = stalled
  }

  begin(): void {
    if (this.#stopped) return
    this.#since = performance.now()
    this.#look ??= setTimeout(this.#lookAtWait, this.#congestedAfter)
  }

  end(): void {
    this.#since = undefined
    clearTimeout(this.#stall)
    this.#stall = undefined
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#look)
    this.end()
  }

  readonly #lookAtWait = (): void => {
    this.#look = undefined
    if (this.#since === undefined) return
    const left = this.#congestedAfter - (performance.now() - this.#since)
    if (left > 0) {
      this.#look = setTimeout(this.#lookAtWait, left)
      return
    }
    this.#stall = setTimeout(this.#stalled, this.#stallTimeout - this.#congestedAfter)
    this.#congested()
  }
}

/**
 * Calls back once all has been read that came while this process was stopped, as by Ctrl-Z: timers come before sockets. The timer of
 * a server in this process may come after that of its client.
 */
function onceRead(then: () => void): void {
  setImmediate(() => setImmediate(then))
}

/** Longest session of the service, ms. */
const LONGEST_MS = 3 * 3_600_000
/** The shortest that it can be asked for, ms; what the clock of this machine says of a shorter one says more of the clock. */
const SHORTEST_MS = 60_000
/** A date in a header is cut to the second. */
const DATE_STEP_MS = 1000

/** How long a session lasts by the server's clock, since that of this machine may be wrong; `undefined`: unknown. */
export function sessionLife(expiresAt: number, server: ServerDate | undefined, now: number): number | undefined {
  if (expiresAt <= 0) return undefined
  if (server !== undefined) {
    const ahead = server.came - server.date
    const agree = ahead >= 0 && ahead < 2 * DATE_STEP_MS
    // Where the two agree, the one of this machine is exact.
    const life = agree ? expiresAt - now : expiresAt - (server.date + DATE_STEP_MS) - (now - server.came)
    return life > 0 ? life : undefined
  }
  const life = expiresAt - now
  return life >= SHORTEST_MS ? Math.min(life, LONGEST_MS) : undefined
}
