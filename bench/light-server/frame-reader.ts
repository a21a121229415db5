/** Reads the frames of a WebSocket client, at the least cost: of long payloads it keeps the beginning, if anything. */
export class FrameReader {
  readonly #taken: (opcode: number, payload: Buffer) => void
  readonly #kept: number
  /** Bytes of a header, or of a payload as far as it is kept, that are not whole yet. */
  #held: Buffer | undefined
  /** Bytes of a long payload that are still to come. */
  #skip = 0

  /**
   * @param taken - called for each frame with its opcode, and its payload as far as it is kept.
   * @param kept - bytes kept of a payload of 126 bytes or more; shorter ones are kept whole.
   */
  constructor(taken: (opcode: number, payload: Buffer) => void, kept = 0) {
    this.#taken = taken
    this.#kept = kept
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

  /** Takes what there is of one frame; 0 where its header, or what is kept of it, is not there yet. */
  #frame(bytes: Buffer, at: number): number {
    if (bytes.length < at + 2) return 0
    const code = bytes[at + 1]! & 127
    const key = at + (code < 126 ? 2 : code === 126 ? 4 : 10)
    const start = key + 4
    if (bytes.length < start) return 0
    const length = code < 126 ? code : code === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2))
    const kept = code < 126 ? length : Math.min(length, this.#kept)
    if (bytes.length < start + kept) return 0
    const payload = kept === 0 ? EMPTY : Buffer.from(bytes.subarray(start, start + kept))
    for (let i = 0; i < kept; i++) payload[i]! ^= bytes[key + (i & 3)]!
    this.#skip = length - kept
    this.#taken(bytes[at]! & 15, payload)
    return start + kept - at
  }
}

const EMPTY = Buffer.alloc(0)
