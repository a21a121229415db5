import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { finalTurn } from '../final-turn.ts'

/*
 * A v3 server, in a process of its own, that answers every two seconds of audio with a turn of twenty words. Its sessions
 * last as many words as those of the service; frames carry their number, so that a new session says the same again.
 */

const FRAME_MS = 50
const FRAMES_PER_TURN = 40
const WORD_MS = 100
const WORDS = ['so', 'what', 'did', 'they', 'say', 'about', 'the', 'trains', 'this', 'morning,', 'then?']
const sessionSeconds = Number(process.argv[2])

const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
server.on('connection', (socket) => {
  let first: number | undefined
  let order = 0
  let frames = 0
  const begin = { type: 'Begin', id: randomUUID(), expires_at: Math.ceil(Date.now() / 1000) + sessionSeconds }
  socket.send(JSON.stringify({ ...begin, configuration: { faster_than_real_time: true } }))
  socket.on('message', (data: Buffer, binary: boolean) => {
    if (!binary) {
      if (!data.toString().includes('Terminate')) return
      const seconds = (frames * FRAME_MS) / 1000
      const end = { audio_duration_seconds: seconds, session_duration_seconds: seconds }
      socket.send(JSON.stringify({ type: 'Termination', ...end }))
      return
    }
    const number = data.readInt32LE(0)
    first ??= number
    frames += 1
    if ((number + 1) % FRAMES_PER_TURN === 0) socket.send(JSON.stringify(turn(order++, number + 1, first)))
  })
})
server.on('listening', () => process.send?.(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`))
process.on('disconnect', () => process.exit(0))

/** The words of the stream that end with frame `end` and of which the session, which began at `first`, heard it all. */
function turn(order: number, end: number, first: number): object {
  const from = Math.max(end - FRAMES_PER_TURN, first) * FRAME_MS
  const speaker = 'ABCD'[(end / FRAMES_PER_TURN) % 4]
  const words = []
  for (let word = Math.ceil(from / WORD_MS); word * WORD_MS < end * FRAME_MS; word++) {
    const start = word * WORD_MS - first * FRAME_MS
    const text = WORDS[word % WORDS.length]
    words.push({ text: text ?? '', start, end: start + 90 })
  }
  return finalTurn(order, speaker, words)
}
