import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const BEGIN = '{"type":"Begin","id":"light","expires_at":0}'
const TERMINATION = '{"type":"Termination","audio_duration_seconds":0,"session_duration_seconds":0}'

/**
 * Accepts a v3 session, at so little cost that one core is enough for thousands: says Begin, answers pings and the end, and
 * leaves the rest to the caller. Belongs to the `upgrade` event of a server.
 *
 * @param audio - called for each frame of audio, with the first of its bytes.
 * @param kept - how many of its bytes.
 * @returns what sends a message.
 */
export function acceptSession(
  request: IncomingMessage,
  socket: Duplex,
  audio: (head: Buffer) => void,
  kept = 0,
): (message: string) => void {
  const key = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`).digest('base64')
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
  socket.write(`${[...head, `Sec-WebSocket-Accept: ${key}`].join('\r\n')}\r\n\r\n`)
  const reply = (opcode: number, payload: Buffer): boolean => socket.write(frame(opcode, payload))
  const reader = new FrameReader((opcode, payload) => {
    if (opcode === 2) audio(payload)
    else if (opcode === 9) reply(10, payload)
    else if (opcode === 8) socket.end(frame(8, payload))
    else if (opcode === 1 && payload.includes('Terminate')) reply(1, Buffer.from(TERMINATION))
  }, kept)
  socket.on('data', (data: Buffer) => reader.push(data))
  socket.on('error', () => socket.destroy())
  reply(1, Buffer.from(BEGIN))
  return (message) => reply(1, Buffer.from(message))
}

/** A WebSocket frame of a server, of less than 64 kB. */
function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload
  const size = length < 126 ? [length] : [126, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([0x80 | opcode, ...size]), payload])
}

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
