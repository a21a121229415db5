import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { SinkReader } from './sink-reader.ts'

/*
 * A v3 server that takes audio and throws it away, at so little cost that one core of it is enough for thousands of
 * streams: it says Begin, answers pings and the end, and counts frames. In a process of its own; tells its parent both
 * addresses, and the count whenever it is asked for.
 */

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const [keyFile = '', certificateFile = ''] = process.argv.slice(2)
let frames = 0

function accept(request: IncomingMessage, socket: Duplex): void {
  const key = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`).digest('base64')
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
  socket.write(`${[...head, `Sec-WebSocket-Accept: ${key}`].join('\r\n')}\r\n\r\n`)
  socket.write(frame(1, Buffer.from('{"type":"Begin","id":"sink","expires_at":0}')))
  const reader = new SinkReader((opcode, payload) => {
    if (opcode === 2) frames += 1
    else if (opcode === 9) socket.write(frame(10, payload))
    else if (opcode === 8) socket.end(frame(8, payload))
    else if (opcode === 1 && payload.includes('Terminate')) {
      const end = '{"type":"Termination","audio_duration_seconds":0,"session_duration_seconds":0}'
      socket.write(frame(1, Buffer.from(end)))
    }
  })
  socket.on('data', (data: Buffer) => reader.push(data))
  socket.on('error', () => socket.destroy())
}

/** A short WebSocket frame of a server. */
function frame(opcode: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload])
}

const plain = createServer()
const secure = createTlsServer({ key: readFileSync(keyFile), cert: readFileSync(certificateFile) })
const addresses = [plain, secure].map((server, index) => {
  server.on('upgrade', accept)
  return new Promise<string>((resolve) => {
    server.listen(0, '127.0.0.1', 1024, () => {
      const { port } = server.address() as AddressInfo
      resolve(`${index === 0 ? 'ws://127.0.0.1' : 'wss://localhost'}:${port}`)
    })
  })
})
process.on('message', () => process.send?.(frames))
process.on('disconnect', () => process.exit(0))
void Promise.all(addresses).then(([ws, wss]) => process.send?.({ ws, wss }))
