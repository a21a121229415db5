import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { ServerMessage, TurnMessage } from '../assemblyai/messages.ts'
import { refuseUpgrade } from '../server/listener.ts'
import { dribble } from './dribble.ts'
import type { FaultBehaviour, FaultDetails } from './fault-behaviour.ts'

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
