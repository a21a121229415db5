import { openSync, readSync, watch } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { WebSocketServer, type WebSocket } from 'ws'
import { now } from './clock.ts'
import { finalTurn } from '../final-turn.ts'

/*
 * A v3 server that sends turns by the clock, looks at the files in which they end up, and at the age of the audio that it
 * gets: in a process of its own. A message starts and ends what it records.
 */

/** What was seen. All in ms. */
export interface LatencySample {
  /** From a chunk given to the stream to its frame here. */
  audio: number[]
  /** From a turn on the wire, which shows that the one before it is over, to that one's cue in its file. */
  captions: number[]
}

const [every = '200', folder = ''] = process.argv.slice(2)
/** Ms from one turn to the next, on average. */
const turnMs = Number(every)
let recording = false
let sample: LatencySample = { audio: [], captions: [] }
const streams = new Map<string, { sentAt: number[]; file: number | undefined; offset: number; rest: string }>()

function begin(socket: WebSocket, name: string): void {
  const sentAt: number[] = []
  streams.set(`${name}.srt`, { sentAt, file: undefined, offset: 0, rest: '' })
  socket.send('{"type":"Begin","id":"latency","expires_at":0}')
  const send = (): void => {
    const order = sentAt.length
    sentAt.push(now())
    socket.send(JSON.stringify(turn(order)))
  }
  // In pairs: the second turn follows before the last words of the first have waited long enough to come by themselves.
  let timer: NodeJS.Timeout
  const next = (): void => {
    send()
    timer = setTimeout(next, sentAt.length % 2 === 1 ? turnMs / 4 : (turnMs * 7) / 4)
  }
  timer = setTimeout(next, Math.random() * 2 * turnMs)
  socket.on('close', () => clearTimeout(timer))
  socket.on('message', (data: Buffer, binary: boolean) => {
    if (recording && binary && data.length === 1600) {
      const given = data.readDoubleLE(1592)
      // Silence of the library itself carries no time.
      if (given > 0) sample.audio.push(now() - given)
    }
  })
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

const buffer = Buffer.alloc(65_536)

/** Reads what a file has more, and tells how old the turns in it are. */
function look(name: string): void {
  const stream = streams.get(name)
  if (stream === undefined) return
  try {
    stream.file ??= openSync(join(folder, name), 'r')
  } catch {
    return
  }
  const length = readSync(stream.file, buffer, 0, buffer.length, stream.offset)
  const at = now()
  stream.offset += length
  const text = stream.rest + buffer.toString('utf8', 0, length)
  stream.rest = text.slice(text.lastIndexOf('\n') + 1)
  for (const [, order] of text.slice(0, text.length - stream.rest.length).matchAll(/Turn(\d+)x/g)) {
    const closedAt = Number(order) % 2 === 0 ? stream.sentAt[Number(order) + 1] : undefined
    if (recording && closedAt !== undefined) sample.captions.push(at - closedAt)
  }
}

watch(folder, (_event, name) => {
  if (name !== null) look(name)
})
const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
server.on('connection', (socket, request) => {
  begin(socket, new URL(request.url ?? '', 'ws://localhost').searchParams.get('stream') ?? '')
})
server.on('listening', () => process.send?.(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`))
process.on('message', () => {
  recording = !recording
  if (!recording) process.send?.(sample)
  sample = { audio: [], captions: [] }
})
process.on('disconnect', () => process.exit(0))
