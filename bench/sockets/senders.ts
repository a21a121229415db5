import { AssemblyAI } from 'assemblyai'
import { Readable, Writable } from 'node:stream'
import { WebSocket } from 'ws'
import { diarize, run } from '../../src/index.ts'

/** Milliseconds of a frame. */
export const FRAME_MS = 50
/** Bytes of a frame. */
export const FRAME_BYTES = 1600
const frame = Buffer.alloc(FRAME_BYTES, 7)

/** Audio comes in new memory, whoever reads it. */
const read = (): Buffer => Buffer.from(frame)

/** Opens a stream of audio in real time that goes on for ever; resolves once the server has said Begin. */
export type Sender = (url: string) => Promise<void>

/** A source of which there is always more, as of a file. */
class EndlessAudio extends Readable {
  constructor() {
    super({ highWaterMark: 3200 })
  }

  override _read(): void {
    this.push(read())
  }
}

/** Calls `send` every 50 ms, by the clock, as a careful user does it. */
function pace(send: () => void): void {
  const start = performance.now()
  let sent = 0
  const next = (): void => {
    send()
    sent += 1
    setTimeout(next, Math.max(0, start + sent * FRAME_MS - performance.now()))
  }
  next()
}

/** A source, `diarize()` and a sink. */
const ours: Sender = (url) =>
  new Promise((resolve, reject) => {
    const stage = diarize({ url, apiKey: 'key' })
    stage.once('session', () => resolve())
    const sink = new Writable({ objectMode: true, write: (_turn, _encoding, done) => done() })
    run(new EndlessAudio(), stage, sink).then(() => reject(new Error('the stream ended')), reject)
  })

/** The official SDK, paced by hand. */
const sdk: Sender = async (url) => {
  const transcriber = new AssemblyAI({ apiKey: 'key' }).streaming.transcriber({
    websocketBaseUrl: `${url}/v3/ws`,
    sampleRate: 16_000,
    speakerLabels: true,
    speechModel: 'universal-3-5-pro',
    connectTimeout: 20_000,
  })
  await transcriber.connect()
  pace(() => transcriber.sendAudio(frame.buffer.slice(frame.byteOffset, frame.byteOffset + frame.length)))
}

/** The least there can be: a socket and a timer. */
const bare: Sender = (url) =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url}/v3/ws`, { headers: { authorization: 'key' }, perMessageDeflate: false })
    socket.on('error', reject)
    socket.once('message', () => {
      pace(() => socket.send(read(), { binary: true }))
      resolve()
    })
  })

export const senders = { ours, sdk, bare } as const satisfies Record<string, Sender>

/** Name of a way to send. */
export type SenderName = keyof typeof senders
