import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { WebSocket } from 'ws'
import { lateness, percentile } from '../statistics.ts'
import { FRAME_MS, type SenderName, senders } from './senders.ts'

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
const WARM_UP_MS = 3000

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const [name = '', count = '1', seconds = '5', url = ''] = process.argv.slice(2)
const sender = senders[name as SenderName]
const streams = Number(count)
const times = new Map<WebSocket, number[]>()
let recording = false

// Whatever sends, it sends through this class: all are looked at in the same way, and pay for it alike.
const prototype = WebSocket.prototype as unknown as { send: (this: WebSocket, ...args: unknown[]) => void }
const { send } = prototype
prototype.send = function (...args) {
  if (recording && typeof args[0] !== 'string') times.get(this)?.push(performance.now())
  else if (!recording && !times.has(this)) times.set(this, [])
  send.apply(this, args)
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
