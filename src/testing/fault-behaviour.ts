import type { Duplex } from 'node:stream'
import type { ServerMessage } from '../assemblyai/messages.ts'

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
