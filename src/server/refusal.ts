/**
 * Why the server ends a connection. It is sent as an `Error` message with this text, then the socket is closed with the
 * same code. Checks throw it; the connection catches it.
 */
export class Refusal extends Error {
  /** Code of the `Error` message and of the close. */
  readonly code: number

  constructor(code: number, text: string) {
    super(text)
    this.name = 'Refusal'
    this.code = code
  }
}

/** Close reason after every `Error` message: the text stands in that message only. */
export const CLOSE_REASON = 'See Error message for details'

/** 1008: the client may not use the server, or not now. */
export function unauthorized(reason: string): Refusal {
  return new Refusal(1008, `Unauthorized Connection: ${reason}`)
}

/** 3006: a parameter of the query or of `UpdateConfiguration` is wrong. */
export function invalidParameter(wire: string, rule: string): Refusal {
  return new Refusal(3006, `User Input Validation Error: Invalid '${wire}': ${rule}`)
}

/** 3006: a text message is JSON, but not one the protocol knows. */
export function invalidMessage(rule: string): Refusal {
  return new Refusal(3006, `Invalid Message: ${rule}`)
}

/** Cuts what a client sent down to what may be quoted in an error text. */
export function quote(text: string): string {
  return text.length > 100 ? `${text.slice(0, 97)}...` : text
}
