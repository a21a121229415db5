import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { acceptSession } from '../sockets/light-server.ts'
import { finalTurn } from '../final-turn.ts'
import { now } from '../child.ts'

/*
 * A v3 server that sends turns by the clock, and looks at the age of the audio that it gets: in a process of its own. The
 * first message it is sent starts what it records; at the second it tells.
 */

/** What the server knows. All times in ms of the common clock. */
export interface ServerSample {
  /** From a chunk given to the stream to its frame here, each. */
  audio: number[]
  /** By stream: when each of its turns was sent. */
  sent: Record<string, number[]>
}

/** Bytes of a chunk of audio that hold the time at which it was given. */
const STAMP_BYTES = 8

const [every = '200'] = process.argv.slice(2)
/** Ms from one turn to the next, on average. */
const turnMs = Number(every)
let recording = false
const sample: ServerSample = { audio: [], sent: {} }

const server = createServer()
server.on('upgrade', (request, socket) => {
  const stream = new URL(request.url ?? '', 'ws://localhost').searchParams.get('stream') ?? ''
  const sent: number[] = []
  sample.sent[stream] = sent
  const send = acceptSession(request, socket, heard, STAMP_BYTES)
  // In pairs: the second turn follows before the last words of the first have waited long enough to come by themselves.
  const next = (): void => {
    const message = JSON.stringify(turn(sent.length))
    sent.push(now())
    send(message)
    timer = setTimeout(next, sent.length % 2 === 1 ? turnMs / 4 : (turnMs * 7) / 4)
  }
  let timer = setTimeout(next, Math.random() * 2 * turnMs)
  socket.on('close', () => clearTimeout(timer))
})

function heard(head: Buffer): void {
  if (!recording) return
  const given = head.readDoubleLE(0)
  // Silence of the library itself carries no time.
  if (given > 0) sample.audio.push(now() - given)
}

/** Four words by one of two speakers in turn. */
function turn(order: number): object {
  const speaker = order % 2 === 0 ? 'A' : 'B'
  const start = order * turnMs
  const words = Array.from({ length: 4 }, (_, index) => ({
    text: index === 0 ? `Turn${order}x` : index === 3 ? 'it.' : 'says',
    start: Math.round(start + (index * turnMs) / 4),
    end: Math.round(start + ((index + 0.9) * turnMs) / 4),
  }))
  return finalTurn(order, speaker, words)
}

server.listen(0, '127.0.0.1', 1024, () => {
  process.send?.(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
process.on('message', () => {
  if (recording) process.send?.(sample)
  recording = true
})
process.on('disconnect', () => process.exit(0))
