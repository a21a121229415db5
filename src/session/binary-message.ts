import { randomFillSync } from 'node:crypto'

/** The last fragment of a message, binary (RFC 6455, 5.2). */
const FINAL_BINARY = 0x82
const MASKED = 0x80
/** The payload begins here, behind the longest header: at a whole word of 32 bits, so that it can be masked by words. */
const PAYLOAD = 16
/** The word before it. */
const KEY_WORD = 3
const KEYS = 2048

const keys = new Int32Array(KEYS)
let usedKeys = KEYS

/** A masking key, which must be unpredictable (RFC 6455, 5.3). */
function maskingKey(): number {
  if (usedKeys === KEYS) {
    randomFillSync(keys)
    usedKeys = 0
  }
  return keys[usedKeys++]!
}

/**
 * Makes WebSocket messages of a client, in memory that it uses again for each. Audio is most of what a stream sends, and
 * to mask it byte by byte in memory made for each frame is a fifth of what a frame costs, TLS and kernel included.
 */
export class BinaryMessage {
  #bytes = Buffer.alloc(0)
  #words = new Int32Array(0)

  /** The binary message with this payload, good until the next call. */
  wrap(payload: Buffer): Buffer {
    const end = PAYLOAD + payload.length
    // The last word may hold bytes behind the payload, which are not sent.
    const words = Math.ceil(end / 4)
    if (this.#words.length < words) {
      this.#words = new Int32Array(words)
      this.#bytes = Buffer.from(this.#words.buffer)
    }
    const key = maskingKey()
    this.#words[KEY_WORD] = key
    this.#bytes.set(payload, PAYLOAD)
    for (let word = KEY_WORD + 1; word < words; word++) this.#words[word]! ^= key
    return this.#bytes.subarray(this.#writeHeader(payload.length), end)
  }

  /** Writes what stands before the key, and returns where it begins. */
  #writeHeader(length: number): number {
    const bytes = this.#bytes
    const key = KEY_WORD * 4
    let start = key - 2
    let code = length
    if (length > 65_535) {
      start -= 8
      code = 127
      bytes.writeUInt32BE(Math.floor(length / 2 ** 32), key - 8)
      bytes.writeUInt32BE(length % 2 ** 32, key - 4)
    } else if (length > 125) {
      start -= 2
      code = 126
      bytes[key - 2] = length >> 8
      bytes[key - 1] = length & 0xff
    }
    bytes[start] = FINAL_BINARY
    bytes[start + 1] = MASKED | code
    return start
  }
}
