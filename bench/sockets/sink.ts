import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { finalTurn } from '../final-turn.ts'
import { acceptSession } from './light-server.ts'

/*
 * A v3 server that throws audio away, and says a turn for every three seconds of it, since a client must keep what no words were
 * said of. In a process of its own; tells its parent both addresses.
 */

const FRAME_MS = 50
const FRAMES_OF_TURN = 60
const WORDS = ['we', 'went', 'down', 'to', 'the', 'lake', 'this', 'morning.']
const WORD_MS = (FRAMES_OF_TURN * FRAME_MS) / WORDS.length

const [keyFile = '', certificateFile = ''] = process.argv.slice(2)

/** The final turn of the audio before frame number `frames`. */
function turn(frames: number): string {
  const start = (frames - FRAMES_OF_TURN) * FRAME_MS
  const words = WORDS.map((text, index) => {
    const begin = start + index * WORD_MS
    return { text, start: begin, end: begin + WORD_MS - 50 }
  })
  return JSON.stringify(finalTurn(frames / FRAMES_OF_TURN - 1, 'A', words))
}

function accept(request: IncomingMessage, socket: Duplex): void {
  let frames = 0
  const say = acceptSession(request, socket, () => {
    frames += 1
    if (frames % FRAMES_OF_TURN === 0) say(turn(frames))
  })
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
process.on('disconnect', () => process.exit(0))
void Promise.all(addresses).then(([ws, wss]) => process.send?.({ ws, wss }))
