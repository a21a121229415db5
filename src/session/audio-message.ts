import { randomFillSync } from 'node:crypto'

/*
 * WebSocket messages of audio, made past ws: an optimisation, and nothing else. ws makes each message in new memory and masks it
 * byte by byte; with many streams in a process, that and the garbage collection that it brings are a third of what a stream
 * costs. `DIARIZE_STREAM_WS=1` in the environment leaves all to ws, which sends the same bytes but for the key;
 * `npm run bench -- sockets` measures both.
 */

/** Whether audio is sent past ws. */
export const sendsPastWs = process.env['DIARIZE_STREAM_WS'] !== '1'

/** A binary message that is whole in one frame (RFC 6455, 5.2). */
const WHOLE_BINARY = 0x82
const MASKED = 0x80
/** Bytes before the payload where it is longest; so many that it begins at a word of 32 bits. */
const MOST_HEADER = 16
const KEY_BYTES = 4
const LONGEST_SHORT = 125
const LONGEST_MEDIUM = 0xffff
const KEYS = 2048

const keys = new Int32Array(KEYS)
let nextKey = KEYS

/** Must not be known beforehand (RFC 6455, 5.3). */
function maskingKey(): number {
  if (nextKey === KEYS) {
    randomFillSync(keys)
    nextKey = 0
  }
  return keys[nextKey++]!
}

/** Makes the messages of one connection, each in the memory of the one before, which must have been written by then. */
export class AudioMessage {
  #bytes = Buffer.alloc(0)
  /** The same memory. */
  #words = new Int32Array(0)
  #message = this.#bytes
  #length = -1

  /** The message with this payload. */
  of(payload: Buffer): Buffer {
    const { length } = payload
    // The last word may have bytes behind the payload; they are masked and not sent.
    const words = Math.ceil((MOST_HEADER + length) / 4)
    if (words > this.#words.length) {
      this.#words = new Int32Array(words)
      this.#bytes = Buffer.from(this.#words.buffer)
    }
    const key = maskingKey()
    this.#bytes.set(payload, MOST_HEADER)
    for (let word = MOST_HEADER / 4; word < words; word++) this.#words[word]! ^= key
    this.#words[(MOST_HEADER - KEY_BYTES) / 4] = key
    if (length !== this.#length) {
      this.#length = length
      this.#message = this.#bytes.subarray(this.#writeHeader(length), MOST_HEADER + length)
    }
    return this.#message
  }

  /** Writes what stands before the key; returns where it begins. */
  #writeHeader(length: number): number {
    const end = MOST_HEADER - KEY_BYTES
    const lengthBytes = length <= LONGEST_SHORT ? 0 : length <= LONGEST_MEDIUM ? 2 : 8
    const start = end - lengthBytes - 2
    this.#bytes[start] = WHOLE_BINARY
    this.#bytes[start + 1] = MASKED | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127)
    if (lengthBytes === 2) this.#bytes.writeUInt16BE(length, start + 2)
    if (lengthBytes === 8) this.#bytes.writeBigUInt64BE(BigInt(length), start + 2)
    return start
  }
}
