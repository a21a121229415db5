import { Duplex, Writable } from 'node:stream'
import type { ServerMessage, TurnMessage } from '../protocol/messages.ts'
import { type Check, checkBoolean, checkOneOf, integer, number, string } from '../options.ts'
import { refuseUpgrade, resetConnection } from '../server/listener.ts'
import type { FaultBehaviour, FaultDetails } from './faulty-connection.ts'

/**
 * What a {@link faultServer} can do wrong.
 *
 * - `none`: does nothing wrong: a good server.
 * - `no-upgrade`: takes the TCP connection and never answers the upgrade.
 * - `late-upgrade`: answers the upgrade late.
 * - `http-error`: answers the upgrade with an HTTP status and a body.
 * - `reset-upgrade`: answers the upgrade with a TCP reset.
 * - `no-begin`: never sends `Begin`.
 * - `late-begin`: sends `Begin` late; until then audio is taken in and kept.
 * - `refuse`: sends an `Error` and closes instead of `Begin`.
 * - `drop`: cuts the TCP connection.
 * - `reset`: cuts the TCP connection by a reset.
 * - `error`: sends an `Error` and closes with its code.
 * - `error-without-close`: sends an `Error` and then nothing more, with the connection open.
 * - `close`: closes without an `Error`.
 * - `expire`: says in `Begin` that the session is short, and ends it at that time with an `Error` and a close with
 *   3008.
 * - `bare-expire`: the same without the `Error`.
 * - `unasked-termination`: sends a `Termination` nobody asked for and closes with 1000.
 * - `garbage`: sends a text frame that is not JSON, and goes on.
 * - `unknown-message`: sends messages of types and shapes that nobody knows, and goes on.
 * - `binary`: sends a binary frame, and goes on.
 * - `oversized`: sends a text frame of many megabytes, and goes on.
 * - `bad-frame`: sends a frame of a kind that WebSocket does not have.
 * - `bad-utf8`: sends a text frame that is not UTF-8.
 * - `stall`: stops reading and says nothing, with the connection open: for a while, or for ever.
 * - `silence`: goes on reading, and says nothing: for a while, or for ever.
 * - `slow-reader`: reads more slowly than the audio comes.
 * - `delay`: sends everything late from here on.
 * - `fragment`: sends each message as many small WebSocket frames from here on, with a ping between the first two.
 * - `small-writes`: sends everything a few bytes at a time, the answer to the upgrade as well.
 * - `double-final`: sends two finals of each turn: unformatted, then formatted.
 * - `early-revision`: sends a revision of each turn right before its final; both have the same labels.
 * - `empty-final`: sends a final without words before `Termination`.
 * - `no-termination`: answers `Terminate` with everything but `Termination`, and stays open.
 * - `close-without-termination`: answers `Terminate` with everything but `Termination`, and closes with 1000.
 */
export type FaultName =
  | 'none'
  | 'no-upgrade'
  | 'late-upgrade'
  | 'http-error'
  | 'reset-upgrade'
  | 'no-begin'
  | 'late-begin'
  | 'refuse'
  | 'drop'
  | 'reset'
  | 'error'
  | 'error-without-close'
  | 'close'
  | 'expire'
  | 'bare-expire'
  | 'unasked-termination'
  | 'garbage'
  | 'unknown-message'
  | 'binary'
  | 'oversized'
  | 'bad-frame'
  | 'bad-utf8'
  | 'stall'
  | 'silence'
  | 'slow-reader'
  | 'delay'
  | 'fragment'
  | 'small-writes'
  | 'double-final'
  | 'early-revision'
  | 'empty-final'
  | 'no-termination'
  | 'close-without-termination'

/** One fault, and when it happens. */
export interface Fault extends FaultDetails {
  /** Which fault; see {@link FaultName}. */
  fault: FaultName
}

/**
 * Which connection gets which fault: one for every connection; or a list, whose first fault the first connection gets,
 * and so on, and those after the last get a good server; or a function of the number of the connection, from 0. Upgrades
 * that are never answered count as well.
 */
export type FaultPlan = Fault | readonly Fault[] | ((index: number) => Fault)

const texts: Readonly<Record<number, string>> = {
  1008: 'Unauthorized Connection: Too many concurrent sessions',
  3005: 'Session Cancelled: An error occurred',
  3006: 'User Input Validation Error: Invalid value',
  3007: 'Input Duration Error: Input Duration Violation: 1200.0 ms. Expected between 50 and 1000 ms',
  3008: 'Session Expired: Maximum session duration exceeded',
  3009: 'Unauthorized Connection: Too many concurrent sessions',
}

/** The code of an `Error` and its text, where `usual` is the code unless the fault names one. */
function errorOf({ code = 0, text }: FaultDetails, usual: number): [code: number, text: string] {
  const sent = code || usual
  return [sent, text ?? texts[sent] ?? 'An error occurred']
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

const lifetime = ({ lifetimeMs = 2000 }: FaultDetails): number => lifetimeMs

export const faults: Readonly<Record<FaultName, FaultBehaviour>> = {
  none: {},
  'no-upgrade': {
    upgrade: (socket) => {
      socket.resume()
    },
  },
  'late-upgrade': {
    upgrade: (socket, { delayMs = 1500 }, answer) => {
      const timer = setTimeout(answer, delayMs)
      socket.once('close', () => clearTimeout(timer))
    },
  },
  'http-error': {
    upgrade: (socket, { status = 401, body = '{"error":"Unauthorized"}' }) =>
      refuseUpgrade(socket, `${status} Refused`, body),
  },
  'reset-upgrade': { upgrade: resetConnection },
  'no-begin': { begin: () => {} },
  'late-begin': { begin: (socket) => socket.later(socket.fault.delayMs ?? 1500, () => socket.begin()) },
  refuse: {
    begin: (socket) => socket.refuse(...errorOf(socket.fault, 1008)),
  },
  drop: { inject: (socket) => socket.drop() },
  reset: { inject: (socket) => socket.reset() },
  error: {
    inject: (socket) => socket.refuse(...errorOf(socket.fault, 3005)),
  },
  'error-without-close': {
    inject: (socket) => {
      const [error_code, error] = errorOf(socket.fault, 3005)
      socket.send({ type: 'Error', error_code, error })
      socket.fallSilent()
    },
  },
  close: { inject: (socket) => socket.close(socket.fault.code ?? 1011, socket.fault.text ?? '') },
  expire: { lifetime },
  'bare-expire': { lifetime, withoutError: true },
  'unasked-termination': {
    inject: (socket) => {
      socket.send({ type: 'Termination', audio_duration_seconds: 0, session_duration_seconds: 0 })
      socket.close(1000, 'Session Ended')
    },
  },
  garbage: { inject: (socket) => socket.sendRaw(socket.fault.text ?? 'this is {not JSON') },
  'unknown-message': {
    inject: (socket) => {
      for (const text of ['{"type":"Novelty","value":1}', '{"kind":"Turn"}', 'null', '[]', '"Begin"']) {
        socket.sendRaw(text)
      }
    },
  },
  binary: { inject: (socket) => socket.sendRaw(Buffer.from([0, 1, 2, 3, 255])) },
  oversized: {
    inject: (socket) => {
      const filler = 'x'.repeat(Math.max((socket.fault.bytes ?? 33_554_432) - 30, 0))
      socket.sendRaw(`{"type":"Novelty","filler":"${filler}"}`)
    },
  },
  'bad-frame': { inject: (socket) => socket.sendBytes(Buffer.from([0x83, 0x00])) },
  'bad-utf8': { inject: (socket) => socket.sendBytes(Buffer.from([0x81, 0x02, 0xc3, 0x28])) },
  stall: {
    inject: (socket) => {
      socket.stopReading(socket.fault.forMs)
      socket.fallSilent(socket.fault.forMs)
    },
  },
  silence: { inject: (socket) => socket.fallSilent(socket.fault.forMs) },
  'slow-reader': { inject: (socket) => socket.readSlowly(socket.fault.rate ?? 0.5) },
  delay: { inject: (socket) => socket.delayBy(socket.fault.delayMs ?? 500) },
  fragment: { inject: (socket) => socket.fragmentBy(socket.fault.bytes ?? 16) },
  'small-writes': { wrap: (socket, { bytes = 7, delayMs = 1 }) => splitWrites(socket, bytes, delayMs) },
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
  'early-revision': {
    replace: (message) => {
      if (!isFinal(message) || message.speaker_label === undefined) return [message]
      const { turn_order, speaker_label, words } = message
      return [{ type: 'SpeakerRevision', revisions: [{ turn_order, speaker_label, words }] }, message]
    },
  },
  'empty-final': { replace: (message) => (message.type === 'Termination' ? [emptyFinal, message] : [message]) },
  'no-termination': { replace: withoutTermination, staysOpen: true },
  'close-without-termination': { replace: withoutTermination },
}

const DAY = 86_400_000

/** The check of which fault it is: there is one of that name. */
export const faultName =
  (names: readonly string[]): Check =>
  (name, value) =>
    checkOneOf(name, value ?? null, names)

export const faultChecks: Readonly<Record<string, Check>> = {
  fault: faultName(Object.keys(faults)),
  afterMs: number(0, Infinity, 'ms'),
  afterWallMs: number(0, DAY, 'ms'),
  afterFinals: integer(0),
  afterTerminate: checkBoolean,
  forMs: number(0, DAY, 'ms'),
  delayMs: integer(0, 3_600_000, 'ms'),
  lifetimeMs: number(0, DAY, 'ms'),
  rate: number(0.001, 1000),
  code: integer(1000, 4999),
  text: string(0),
  status: integer(200, 599),
  body: string(0),
  bytes: integer(1, 268_435_456, 'bytes'),
}

/** Writes in pieces of so many bytes with pauses between, so that what arrives is cut anywhere. */
function splitWrites(socket: Duplex, bytes: number, pauseMs: number): Duplex {
  let timer: NodeJS.Timeout | undefined
  const slow = new Writable({
    highWaterMark: 1024,
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
  return Duplex.from({ readable: socket, writable: slow })
}
