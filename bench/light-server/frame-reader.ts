/** Reads the frames of a WebSocket client, keeping the payload of none but short ones. */
export class SinkReader {
  readonly #taken: (opcode: number, payload: Buffer) => void
  /** Bytes of a header, or of a short frame, that is not whole yet. */
  #held: Buffer | undefined
  /** Bytes of a long payload that are still to come. */
  #skip = 0

  /** @param taken - called for each frame with its opcode, and its payload where that is shorter than 126 bytes. */
  constructor(taken: (opcode: number, payload: Buffer) => void) {
    this.#taken = taken
  }

  push(data: Buffer): void {
    const bytes = this.#held === undefined ? data : Buffer.concat([this.#held, data])
    this.#held = undefined
    let at = 0
    for (;;) {
      const skipped = Math.min(this.#skip, bytes.length - at)
      this.#skip -= skipped
      at += skipped
      if (at === bytes.length) return
      const used = this.#frame(bytes, at)
      if (used === 0) {
        this.#held = Buffer.from(bytes.subarray(at))
        return
      }
      at += used
    }
  }

  /** Takes what there is of one frame; 0 where its header, or the whole of a short one, is not there yet. */
  #frame(bytes: Buffer, at: number): number {
    if (bytes.length < at + 2) return 0
    const opcode = bytes[at]! & 15
    const short = bytes[at + 1]! & 127
    if (short >= 126) {
      const header = short === 126 ? 8 : 14
      if (bytes.length < at + header) return 0
      this.#skip = short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2))
      this.#taken(opcode, EMPTY)
      return header
    }
    const end = at + 6 + short
    if (bytes.length < end) return 0
    const payload = Buffer.from(bytes.subarray(at + 6, end))
    for (let i = 0; i < short; i++) payload[i]! ^= bytes[at + 2 + (i & 3)]!
    this.#taken(opcode, payload)
    return end - at
  }
}

const EMPTY = Buffer.alloc(0)
