import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { FrameReader } from './frame-reader.ts'

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
