import { openSync, write } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { WebSocket } from 'ws'
import { diarize, run, srtSink } from '../../src/index.ts'
import { now } from '../child.ts'

/*
 * So many live streams, each with a file of captions, in a process of its own. Every chunk of audio begins with the time
 * at which it was given.
 */

const FRAME_MS = 50
const FRAME_BYTES = 1600
/** Streams that begin at the same time. */
const AT_ONCE = 10

/** A microphone: gives 50 ms of audio every 50 ms, whoever listens. */
class Microphone extends Readable {
  #timer: NodeJS.Timeout | undefined

  override _read(): void {
    if (this.#timer !== undefined) return
    const start = performance.now()
    let given = 0
    const give = (): void => {
      const chunk = Buffer.alloc(FRAME_BYTES)
      chunk.writeDoubleLE(now())
      this.push(chunk)
      given += 1
      this.#timer = setTimeout(give, Math.max(0, start + given * FRAME_MS - performance.now()))
    }
    this.#timer = setTimeout(give, Math.random() * FRAME_MS)
  }
}

const [url = '', count = '1', folder = '', kind = 'ours'] = process.argv.slice(2)

/** A microphone on a bare socket, of which each turn goes into a file when the next comes: what the machine and Node take. */
function openBare(stream: number): Promise<void> {
  const socket = new WebSocket(`${url}/v3/ws?stream=${stream}`, { perMessageDeflate: false })
  const file = openSync(join(folder, `${stream}.txt`), 'w')
  let last = ''
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as { type: string; transcript?: string }
      if (message.type === 'Begin') {
        new Microphone().on('data', (chunk: Buffer) => socket.send(chunk))
        resolve()
        return
      }
      if (last !== '') write(file, last, (error) => error && reject(error))
      last = `${message.transcript ?? ''}\n`
    })
  })
}

function open(stream: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stage = diarize({ url, apiKey: 'key', live: true, query: { stream: String(stream) } })
    stage.once('session', () => resolve())
    run(new Microphone(), stage, srtSink(join(folder, `${stream}.srt`))).catch(reject)
  })
}

let next = 0
await Promise.all(
  Array.from({ length: Math.min(AT_ONCE, Number(count)) }, async () => {
    while (next < Number(count)) await (kind === 'bare' ? openBare : open)(next++)
  }),
)
process.send?.('all are open')
