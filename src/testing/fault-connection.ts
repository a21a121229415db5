import type { IncomingMessage } from 'node:http'

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
