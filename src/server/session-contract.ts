import type { ServerMessage } from '../assemblyai/messages.ts'
import type { Engine } from '../engine/engine.ts'
import type { UnattributedLabel } from './outgoing.ts'
import type { ConnectionParameters } from './parameters.ts'
import type { Refusal } from './refusal.ts'

/** A frame as it came: audio, or the text of a JSON message. */
export type ReceivedMessage = { binary: true; data: Buffer } | { binary: false; data: string }

/** One client's stream of audio, as users of the server see it. */
export interface ServerSession {
  /** The `id` of `Begin`. */
  readonly id: string
  /** The connection parameters the client sent, with later updates. */
  readonly parameters: Readonly<ConnectionParameters>
  /** Milliseconds of audio received. */
  readonly receivedMs: number
}

/** How a session ended. */
export interface SessionEnd {
  /** Close code sent; 1000 after `Termination`, 1005 or 1006 where the client left. */
  code: number
  /** Text of the `Error` message; empty where there was none. */
  reason: string
  /** Whether the client asked for the end and got its `Termination`. */
  terminated: boolean
  /** What the engine threw, where that ended the session. */
  cause?: unknown
}

/** What a session needs of its server. */
export interface SessionContext {
  engine: Engine
  parameters: ConnectionParameters
  /** Echoed in `Begin`. */
  apiVersion: string
  /** Seconds the session may last. */
  maxDuration: number
  /** Milliseconds of audio ahead of the clock that are allowed; `Infinity` where pacing is not enforced. */
  maxAheadMs: number
  unattributedLabel: UnattributedLabel
  /** Whether the text of an engine's error is sent to the client. */
  explainEngineErrors: boolean
}

/** The socket, as a session needs it. */
export interface SessionTransport {
  send(message: ServerMessage): void
  /** Sends an `Error` message and closes with its code. */
  refuse(refusal: Refusal): void
  /** Closes after `Termination`. */
  finish(): void
  pause(): void
  resume(): void
}
