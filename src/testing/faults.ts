import type { ServerMessage, TurnMessage } from '../protocol/messages.ts'
import { refuseUpgrade } from '../server/listener.ts'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'

/** What a {@link faultServer} can do wrong; {@link faults} says what each is. */
export type FaultName = keyof typeof faults

/** One fault, and where it strikes. */
export interface Fault extends FaultDetails {
  /** Which fault; see {@link FaultName}. */
  fault: FaultName
}

const texts: Readonly<Record<number, string>> = {
  1008: 'Unauthorized Connection: Too many concurrent sessions',
  3005: 'Session Cancelled: An error occurred',
  3006: 'User Input Validation Error: Invalid value',
  3007: 'Input Duration Error: Input Duration Violation: 1200.0 ms. Expected between 50 and 1000 ms',
  3008: 'Session Expired: Maximum session duration exceeded',
  3009: 'Unauthorized Connection: Too many concurrent sessions',
}

function textOf(fault: FaultDetails, code: number): string {
  return fault.text ?? texts[code] ?? 'An error occurred'
}

const isFinal = (message: ServerMessage): message is TurnMessage => message.type === 'Turn' && message.end_of_turn

const emptyFinal: TurnMessage = {
  turn_order: 1000,
  turn_is_formatted: true,
  end_of_turn: true,
  transcript: '',
  utterance: '',
  end_of_turn_confidence: 1,
  words: [],
  type: 'Turn',
}

function withoutTermination(message: ServerMessage): readonly ServerMessage[] {
  return message.type === 'Termination' ? [] : [message]
}

/** Cuts a connection by a TCP reset; one under TLS can only be cut. */
export function resetConnection(socket: Duplex): void {
  if (socket instanceof Socket && !(socket instanceof TLSSocket)) socket.resetAndDestroy()
  else socket.destroy()
}

const lifetime = ({ lifetimeMs = 2000 }: FaultDetails): number => lifetimeMs

/** All faults by name. To add one, add its behaviour here. */
export const faults = {
  /** Does nothing wrong: a good server. */
  none: {},
  /** Takes the TCP connection and never answers the upgrade. */
  'no-upgrade': {
    upgrade: (socket) => {
      socket.resume()
    },
  },
  /** Answers the upgrade late. */
  'late-upgrade': {
    upgrade: (socket, { delayMs = 1500 }, answer) => {
      const timer = setTimeout(answer, delayMs)
      socket.once('close', () => clearTimeout(timer))
    },
  },
  /** Answers the upgrade with an HTTP status and a body. */
  'http-error': {
    upgrade: (socket, { status = 401, body = '{"error":"Unauthorized"}' }) =>
      refuseUpgrade(socket, `${status} Refused`, body),
  },
  /** Answers the upgrade with a TCP reset. */
  'reset-upgrade': { upgrade: resetConnection },
  /** Never sends `Begin`. */
  'no-begin': { begin: () => {} },
  /** Sends `Begin` late; until then audio is taken in and kept. */
  'late-begin': { begin: (socket) => socket.later(socket.fault.delayMs ?? 1500, () => socket.begin()) },
  /** Sends an `Error` and closes instead of `Begin`. */
  refuse: {
    begin: (socket) => {
      const code = socket.fault.code ?? 1008
      socket.refuse(code, textOf(socket.fault, code))
    },
  },
  /** Cuts the TCP connection. */
  drop: { strike: (socket) => socket.drop() },
  /** Cuts the TCP connection by a reset. */
  reset: { strike: (socket) => socket.reset() },
  /** Sends an `Error` and closes with its code. */
  error: {
    strike: (socket) => {
      const code = socket.fault.code ?? 3005
      socket.refuse(code, textOf(socket.fault, code))
    },
  },
  /** Sends an `Error` and then nothing more, with the connection open. */
  'error-without-close': {
    strike: (socket) => {
      const code = socket.fault.code ?? 3005
      socket.send({ type: 'Error', error_code: code, error: textOf(socket.fault, code) })
      socket.fallSilent()
    },
  },
  /** Closes without an `Error`. */
  close: { strike: (socket) => socket.close(socket.fault.code ?? 1011, socket.fault.text ?? '') },
  /** Says in `Begin` that the session is short, and ends it at that time with an `Error` and a close with 3008. */
  expire: { lifetime },
  /** The same without the `Error`. */
  'bare-expire': { lifetime, withoutError: true },
  /** Sends a `Termination` nobody asked for and closes with 1000. */
  'unasked-termination': {
    strike: (socket) => {
      socket.send({ type: 'Termination', audio_duration_seconds: 0, session_duration_seconds: 0 })
      socket.close(1000, 'Session Ended')
    },
  },
  /** Sends a text frame that is not JSON, and goes on. */
  garbage: { strike: (socket) => socket.sendRaw(socket.fault.text ?? 'this is {not JSON') },
  /** Sends messages of types and shapes that nobody knows, and goes on. */
  'unknown-message': {
    strike: (socket) => {
      for (const text of ['{"type":"Novelty","value":1}', '{"kind":"Turn"}', 'null', '[]', '"Begin"']) {
        socket.sendRaw(text)
      }
    },
  },
  /** Sends a binary frame, and goes on. */
  binary: { strike: (socket) => socket.sendRaw(Buffer.from([0, 1, 2, 3, 255])) },
  /** Sends a text frame of many megabytes, and goes on. */
  oversized: {
    strike: (socket) => {
      const filler = 'x'.repeat(Math.max((socket.fault.bytes ?? 33_554_432) - 30, 0))
      socket.sendRaw(`{"type":"Novelty","filler":"${filler}"}`)
    },
  },
  /** Sends a frame of a kind that WebSocket does not have. */
  'bad-frame': { strike: (socket) => socket.sendBytes(Buffer.from([0x83, 0x00])) },
  /** Sends a text frame that is not UTF-8. */
  'bad-utf8': { strike: (socket) => socket.sendBytes(Buffer.from([0x81, 0x02, 0xc3, 0x28])) },
  /** Stops reading and says nothing, with the connection open: for a while, or for ever. */
  stall: {
    strike: (socket) => {
      socket.stopReading(socket.fault.forMs)
      socket.fallSilent(socket.fault.forMs)
    },
  },
  /** Goes on reading, and says nothing: for a while, or for ever. */
  silence: { strike: (socket) => socket.fallSilent(socket.fault.forMs) },
  /** Reads more slowly than the audio comes. */
  'slow-reader': { strike: (socket) => socket.readSlowly(socket.fault.rate ?? 0.5) },
  /** Sends everything late from here on. */
  delay: { strike: (socket) => socket.delayBy(socket.fault.delayMs ?? 500) },
  /** Sends each message as many small WebSocket frames from here on, with a ping between the first two. */
  fragment: { strike: (socket) => socket.fragmentBy(socket.fault.bytes ?? 16) },
  /** Sends everything a few bytes at a time, the answer to the upgrade as well. */
  dribble: { wrap: (socket, { bytes = 7, delayMs = 1 }) => dribble(socket, bytes, delayMs) },
  /** Sends two finals of each turn: unformatted, then formatted. */
  'double-final': {
    replace: (message) => {
      if (!isFinal(message)) return [message]
      const plain = message.transcript.toLowerCase().replaceAll(/[.,!?]/g, '')
      return [
        { ...message, turn_is_formatted: false, transcript: plain, utterance: '' },
        { ...message, turn_is_formatted: true },
      ]
    },
  },
  /** Sends a revision of each turn right before its final; both have the same labels. */
  'early-revision': {
    replace: (message) => {
      if (!isFinal(message) || message.speaker_label === undefined) return [message]
      const { turn_order, speaker_label, words } = message
      return [{ type: 'SpeakerRevision', revisions: [{ turn_order, speaker_label, words }] }, message]
    },
  },
  /** Sends a final without words before `Termination`. */
  'empty-final': { replace: (message) => (message.type === 'Termination' ? [emptyFinal, message] : [message]) },
  /** Answers `Terminate` with everything but `Termination`, and stays open. */
  'no-termination': { replace: withoutTermination, staysOpen: true },
  /** Answers `Terminate` with everything but `Termination`, and closes with 1000. */
  'close-without-termination': { replace: withoutTermination },
} as const satisfies Record<string, FaultBehaviour>

/** Where a fault strikes, and its details; which of them count depends on the fault. */
export interface FaultDetails {
  /**
   * Milliseconds of audio received at which it strikes, where it strikes in mid-session; 0 is right after `Begin`.
   * @defaultValue 0
   */
  afterMs?: number
  /**
   * Milliseconds of the clock after `Begin` at which it strikes, instead of `afterMs`.
   * @defaultValue none: `afterMs` counts
   */
  afterWallMs?: number
  /**
   * Final turns sent at which it strikes, instead of `afterMs`.
   * @defaultValue none: `afterMs` counts
   */
  afterFinals?: number
  /**
   * Strikes when the client's `Terminate` has come, before it is answered, instead of at `afterMs`.
   * @defaultValue false
   */
  afterTerminate?: boolean
  /**
   * Milliseconds that `stall` and `silence` last; what was held back is sent then.
   * @defaultValue none: for ever
   */
  forMs?: number
  /**
   * Milliseconds that `late-begin` and `late-upgrade` wait, by which `delay` is late, and between pieces of `dribble`.
   * @defaultValue 1500; 500 for `delay`, 1 for `dribble`
   */
  delayMs?: number
  /**
   * Milliseconds that the session of `expire` and `bare-expire` may last; moved to the next whole second of the clock.
   * @defaultValue 2000
   */
  lifetimeMs?: number
  /**
   * Seconds of audio that `slow-reader` reads in a second.
   * @defaultValue 0.5
   */
  rate?: number
  /**
   * Code of the `Error` message and of the close (`refuse`, `error`, `error-without-close`, `close`). With `close`, 1005
   * is a close without a code, and 1006 a cut.
   * @defaultValue 1008 for `refuse`, 3005 for `error` and `error-without-close`, 1011 for `close`
   */
  code?: number
  /**
   * Text of the `Error` message, of `garbage`, or of the close reason.
   * @defaultValue the service's own text where the code has one
   */
  text?: string
  /**
   * HTTP status of `http-error`.
   * @defaultValue 401
   */
  status?: number
  /**
   * Body of `http-error`.
   * @defaultValue '{"error":"Unauthorized"}'
   */
  body?: string
  /**
   * Size in bytes of the text frame that `oversized` sends, or of the pieces of `fragment` and `dribble`.
   * @defaultValue 33554432 for `oversized`, 16 for `fragment`, 7 for `dribble`
   */
  bytes?: number
}

/** The faulty side of one socket, as a fault sees it. */
export interface FaultySocket {
  readonly fault: FaultDetails
  /** Sends the message as it is, past {@link FaultBehaviour.replace}. */
  send(message: ServerMessage): void
  /** Sends a frame that need not be a message. */
  sendRaw(data: string | Buffer): void
  /** Writes to the connection what need not be a frame. */
  sendBytes(data: Buffer): void
  /** Sends an `Error` message, then closes with its code. */
  refuse(code: number, text: string): void
  /** Closes with a close frame only, with any code from 1000 to 4999. */
  close(code: number, reason: string): void
  /** Cuts the TCP connection without a close frame. */
  drop(): void
  /** Cuts the TCP connection by a reset. */
  reset(): void
  /** Stops reading what the client sends, for so many ms or for ever. */
  stopReading(ms?: number): void
  /** Sends nothing for so many ms, and then what it held back; or nothing more for ever. */
  fallSilent(ms?: number): void
  /** From now on reads no more than `rate` seconds of audio in a second. */
  readSlowly(rate: number): void
  /** From now on sends everything so late. */
  delayBy(ms: number): void
  /** From now on sends each text in frames of so many bytes. */
  fragmentBy(bytes: number): void
  /** Begins the session; without it there is none. */
  begin(): void
  /** Does something later, unless the socket is gone by then. */
  later(ms: number, action: () => void): void
}

/** How a fault misbehaves: every member that is there replaces what a good server does at that point. */
export interface FaultBehaviour {
  /** Instead of answering the HTTP upgrade, which `answer` does. */
  upgrade?(socket: Duplex, fault: FaultDetails, answer: () => void): void
  /** The connection the server is to use instead of the real one. */
  wrap?(socket: Duplex, fault: FaultDetails): Duplex
  /** Instead of `Begin`. */
  begin?(socket: FaultySocket): void
  /** Once, where {@link FaultDetails} say. */
  strike?(socket: FaultySocket): void
  /** The messages to be sent instead of one. */
  replace?(message: ServerMessage): readonly ServerMessage[]
  /** Milliseconds the session may last, instead of three hours. */
  lifetime?(fault: FaultDetails): number
  /** Whether the session closes without an `Error` where there should be one. */
  withoutError?: true
  /** Whether the socket stays open after the session instead of closing with 1000. */
  staysOpen?: true
}

/**
 * A connection that writes to another one in small pieces with pauses between, so that what arrives is cut anywhere.
 * Reading is passed on as it is.
 *
 * @param bytes - size of the pieces.
 * @param pauseMs - milliseconds between two pieces.
 */
export function dribble(socket: Duplex, bytes: number, pauseMs: number): Duplex {
  let timer: NodeJS.Timeout | undefined
  const slow = new Duplex({
    writableHighWaterMark: 1024,
    readableHighWaterMark: 16_384,
    read: () => socket.resume(),
    write(chunk: Buffer, _encoding, callback) {
      const writeFrom = (at: number) => {
        if (at >= chunk.length) return callback()
        socket.write(chunk.subarray(at, at + bytes), () => {
          timer = setTimeout(() => writeFrom(at + bytes), pauseMs)
        })
      }
      writeFrom(0)
    },
    final(callback) {
      socket.end(() => callback())
    },
    destroy(error, callback) {
      clearTimeout(timer)
      socket.destroy()
      callback(error)
    },
  })
  socket.on('data', (chunk: Buffer) => {
    if (!slow.push(chunk)) socket.pause()
  })
  socket.once('end', () => slow.push(null))
  socket.once('close', () => slow.destroy())
  return slow
}
