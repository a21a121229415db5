import type { Duplex } from 'node:stream'
import type { ServerMessage, TurnMessage } from '../assemblyai/messages.ts'
import { refuseUpgrade } from '../server/listener.ts'

/** What a {@link faultServer} can do wrong; {@link faults} says what each is. */
export type FaultName = keyof typeof faults

/** One fault, and where it strikes. */
export interface Fault {
  /** Which fault; see {@link FaultName}. */
  fault: FaultName
  /**
   * Milliseconds of audio received at which it strikes, where it strikes in mid-session; 0 is right after `Begin`.
   * @defaultValue 0
   */
  afterMs?: number
  /**
   * Final turns sent at which it strikes, instead of `afterMs`.
   * @defaultValue none: `afterMs` counts
   */
  afterFinals?: number
  /**
   * Milliseconds that `late-begin` waits.
   * @defaultValue 1500
   */
  delayMs?: number
  /**
   * Code of the `Error` message and of the close (`refuse`, `error`, `close`).
   * @defaultValue 1008 for `refuse`, 3005 for `error`, 1011 for `close`
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
   * Size in bytes of the text frame that `oversized` sends.
   * @defaultValue 33554432
   */
  bytes?: number
}

/** The faulty side of one socket, as a fault sees it. */
export interface FaultySocket {
  readonly fault: Fault
  /** Sends the message as it is, past {@link FaultBehaviour.replace}. */
  send(message: ServerMessage): void
  /** Sends a frame that need not be a message. */
  sendRaw(data: string | Buffer): void
  /** Sends an `Error` message, then closes with its code. */
  refuse(code: number, text: string): void
  /** Closes with a close frame only. */
  close(code: number, reason: string): void
  /** Cuts the TCP connection without a close frame. */
  drop(): void
  /** Stops reading what the client sends. */
  stopReading(): void
  /** Sends nothing more of its own accord. */
  fallSilent(): void
  /** Begins the session; without it there is none. */
  begin(): void
  /** Does something later, unless the socket is gone by then. */
  later(ms: number, action: () => void): void
}

/** How a fault misbehaves: every member that is there replaces what a good server does at that point. */
export interface FaultBehaviour {
  /** Instead of answering the HTTP upgrade. */
  upgrade?(socket: Duplex, fault: Fault): void
  /** Instead of `Begin`. */
  begin?(socket: FaultySocket): void
  /** Once, at {@link Fault.afterMs} or {@link Fault.afterFinals}. */
  strike?(socket: FaultySocket): void
  /** The messages to be sent instead of one. */
  replace?(message: ServerMessage): readonly ServerMessage[]
  /** Whether the socket stays open after the session instead of closing with 1000. */
  staysOpen?: true
}

const texts: Readonly<Record<number, string>> = {
  1008: 'Unauthorized Connection: Too many concurrent sessions',
  3005: 'Session Cancelled: An error occurred',
  3006: 'User Input Validation Error: Invalid value',
  3007: 'Input Duration Error: Input Duration Violation: 1200.0 ms. Expected between 50 and 1000 ms',
  3008: 'Session Expired: Maximum session duration exceeded',
  3009: 'Unauthorized Connection: Too many concurrent sessions',
}

function textOf(fault: Fault, code: number): string {
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
  /** Answers the upgrade with an HTTP status and a body. */
  'http-error': {
    upgrade: (socket, { status = 401, body = '{"error":"Unauthorized"}' }) =>
      refuseUpgrade(socket, `${status} Refused`, body),
  },
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
  /** Sends an `Error` and closes with its code. */
  error: {
    strike: (socket) => {
      const code = socket.fault.code ?? 3005
      socket.refuse(code, textOf(socket.fault, code))
    },
  },
  /** Closes without an `Error`. */
  close: { strike: (socket) => socket.close(socket.fault.code ?? 1011, socket.fault.text ?? '') },
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
  /** Stops reading and says nothing more, with the connection open. */
  stall: {
    strike: (socket) => {
      socket.stopReading()
      socket.fallSilent()
    },
  },
  /** Goes on reading, and says nothing more. */
  silence: { strike: (socket) => socket.fallSilent() },
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
  /** Sends a final without words before `Termination`. */
  'empty-final': { replace: (message) => (message.type === 'Termination' ? [emptyFinal, message] : [message]) },
  /** Answers `Terminate` with everything but `Termination`, and stays open. */
  'no-termination': { replace: withoutTermination, staysOpen: true },
  /** Answers `Terminate` with everything but `Termination`, and closes with 1000. */
  'close-without-termination': { replace: withoutTermination },
} as const satisfies Record<string, FaultBehaviour>
