import { WebSocket, type ClientOptions } from 'ws'
import type { ErrorMessage, ServerMessage } from '../../src/protocol/messages.ts'

type MessageOf<Type extends ServerMessage['type']> = Extract<ServerMessage, { type: Type }>

/** Bytes of silence that last `ms` at `rate` Hz, PCM16. */
export function silence(ms: number, rate = 16_000): Buffer {
  return Buffer.alloc(Math.round((ms * rate) / 1000) * 2)
}

/** A client that does what it is told, right or wrong, and keeps all it hears. */
export class RawClient {
  readonly socket: WebSocket
  readonly messages: ServerMessage[] = []
  /** Settles with the close frame's code and reason. */
  readonly closed: Promise<{ code: number; reason: string }>
  /** What the socket itself complained of. */
  error: Error | undefined
  #wakeUps: (() => void)[] = []

  /** @param query - connection parameters by their wire names. */
  constructor(url: string, query: Record<string, unknown> = {}, options: ClientOptions = {}) {
    const target = new URL(url)
    for (const [name, value] of Object.entries(query)) target.searchParams.set(name, String(value))
    this.socket = new WebSocket(target, { headers: { Authorization: 'key' }, ...options })
    this.closed = new Promise((resolve) => {
      this.socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }))
    })
    void this.closed.then(() => this.#wake())
    this.socket.on('error', (error) => {
      this.error = error
    })
    this.socket.on('message', (data, binary) => {
      if (!binary && Buffer.isBuffer(data)) this.messages.push(JSON.parse(data.toString()))
      this.#wake()
    })
  }

  /** All messages of one type so far. */
  all<Type extends ServerMessage['type']>(type: Type): MessageOf<Type>[] {
    return this.messages.filter((message): message is MessageOf<Type> => message.type === type)
  }

  /** The `count`th message of a type, waited for; fails when the socket closes first. */
  async next<Type extends ServerMessage['type']>(type: Type, count = 1): Promise<MessageOf<Type>> {
    for (;;) {
      const found = this.all(type)[count - 1]
      if (found !== undefined) return found
      if (this.socket.readyState === WebSocket.CLOSED) {
        throw new Error(`closed before message ${count} of type ${type}; heard ${JSON.stringify(this.messages)}`)
      }
      await new Promise<void>((resolve) => {
        this.#wakeUps.push(resolve)
      })
    }
  }

  async open(): Promise<this> {
    await this.next('Begin')
    return this
  }

  send(message: object | string): this {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message))
    return this
  }

  /** Sends `ms` of silence in frames of `frameMs`. */
  sendAudio(ms: number, frameMs = 50, rate = 16_000): this {
    for (let sent = 0; sent < ms; sent += frameMs) this.socket.send(silence(Math.min(frameMs, ms - sent), rate))
    return this
  }

  /** Sends `Terminate` and waits for the close. */
  async terminate(): Promise<{ code: number; reason: string }> {
    this.send({ type: 'Terminate' })
    return this.closed
  }

  /** Waits for the close and says how the server explained it; `ending` are the types of messages from `Error` on. */
  async refusal(): Promise<{ code: number; reason: string; error: ErrorMessage | undefined; ending: string[] }> {
    const { code, reason } = await this.closed
    const types = this.messages.map(({ type }) => type)
    const ending = types.includes('Error') ? types.slice(types.indexOf('Error')) : types
    return { code, reason, error: this.all('Error')[0], ending }
  }

  #wake(): void {
    for (const wakeUp of this.#wakeUps.splice(0)) wakeUp()
  }
}
