import { Writable } from 'node:stream'
import { formatJsonlItem } from '../captions/jsonl.ts'
import type { SpeakerNames } from '../captions/names.ts'
import type { Turn } from '../model.ts'

/** Legal in JSON, but line ends to some readers, or commands to a terminal that the lines are shown on. */
const SPECIAL = /[\u007F-\u009F\u2028\u2029]/g

/** One line of JSON for an event. Errors become their code and message. */
export function eventLine(type: string, record: object = {}): string {
  return safe(
    JSON.stringify({ type, ...record }, (_key, value: unknown) => (value instanceof Error ? facts(value) : value)),
  )
}

function safe(json: string): string {
  const line = json.replaceAll(SPECIAL, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return line.endsWith('\n') ? line : `${line}\n`
}

function facts(error: Error): object {
  const { code, retryable } = error as { code?: unknown; retryable?: unknown }
  return { code, message: error.message, ...(retryable !== undefined && { retryable }) }
}

/** A sink that writes turns, and events beside them, as JSON lines, in the order in which they come. */
export class JsonEvents extends Writable {
  readonly #target: Writable
  readonly #names: SpeakerNames

  constructor(target: Writable, names: SpeakerNames) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#target = target
    this.#names = names
    target.once('error', (error) => this.destroy(error))
  }

  /** Writes an event. */
  event(type: string, record?: object): void {
    if (this.#target.writable) this.#target.write(eventLine(type, record))
  }

  /** Writes a turn that is still open: a record like that of a final one, with `endOfTurn: false`. */
  partial(turn: Turn): void {
    if (this.#target.writable) this.#target.write(safe(formatJsonlItem(turn, this.#names)))
  }

  override _write(turn: Turn, _encoding: BufferEncoding, done: () => void): void {
    // Whatever goes wrong is told by the event.
    this.#target.write(safe(formatJsonlItem(turn, this.#names)), () => done())
  }
}
