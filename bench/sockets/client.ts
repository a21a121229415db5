import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { lateness, percentile } from '../statistics.ts'
import { FRAME_BYTES, FRAME_MS, type SenderName, senders } from './senders.ts'

/*
 * So many streams of one kind in a process of its own; tells its parent what they took.
 */

/** What streams of one kind took. */
export interface SocketSample {
  streams: number
  /** Seconds of processor time per second, of one stream. */
  cpuPerStream: number
  /** Share of one core that all took. */
  cpu: number
  /** Lateness of the sends, ms. */
  p50: number
  p99: number
  /** Frames sent, as a share of those that were due. */
  sent: number
  /** Memory of the process, MB. */
  rssMb: number
}

/** Streams that connect at the same time. */
const AT_ONCE = 20
/** By then each stream keeps as much audio as it ever will: ten seconds, and the turn that is open. */
const WARM_UP_MS = 16_000

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const [name = '', count = '1', seconds = '5', url = ''] = process.argv.slice(2)
const sender = senders[name as SenderName]
const streams = Number(count)
const times = new Map<Socket, number[]>()
let recording = false

// Whatever sends, it writes each frame to a connection by itself: all are looked at in the same way, and pay for it alike.
const prototype = Socket.prototype as unknown as { write: (this: Socket, ...args: unknown[]) => boolean }
const { write } = prototype
prototype.write = function (...args) {
  if (args[0] instanceof Uint8Array && args[0].length > FRAME_BYTES) {
    if (recording) times.get(this)?.push(performance.now())
    else if (!times.has(this)) times.set(this, [])
  }
  return write.apply(this, args)
}

async function connectAll(): Promise<void> {
  let left = streams
  const connect = async (): Promise<void> => {
    while (left-- > 0) await sender(url)
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, streams) }, connect))
}

async function measure(): Promise<SocketSample> {
  await delay(WARM_UP_MS)
  const started = performance.now()
  const before = process.cpuUsage()
  recording = true
  await delay(Number(seconds) * 1000)
  recording = false
  const { user, system } = process.cpuUsage(before)
  const wallMs = performance.now() - started
  collectGarbage()
  const { rss } = process.memoryUsage()
  const late = [...times.values()].flatMap((stream) => lateness(stream, FRAME_MS))
  const cpu = (user + system) / 1000 / wallMs
  return {
    streams,
    cpuPerStream: cpu / streams,
    cpu,
    p50: percentile(late, 0.5),
    p99: percentile(late, 0.99),
    sent: late.length / ((streams * wallMs) / FRAME_MS),
    rssMb: rss / 1_048_576,
  }
}

await connectAll()
process.send?.(await measure(), () => process.exit(0))
