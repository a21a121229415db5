import { execFile } from 'node:child_process'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'

/** A piece of an encoded programme that is sent as one: a frame, or a page. */
interface Unit {
  /** Ms of the programme at which it begins. */
  at: number
  bytes: Buffer
}

/** A programme as a station sends it. */
export interface Programme {
  type: string
  /** What each listener gets first. */
  head: Buffer
  units: Unit[]
}

/** Ms between two tones, and how long one is. */
export const EVERY = 500
const TONE = 200
/** The tone `n` has so many Hz. */
const hertz = (n: number): number => 400 + 25 * n

/** A programme of `seconds` with a tone every half second, each of its own pitch. */
export async function programme(kind: 'mp3' | 'aac' | 'ogg' | 'opus', seconds: number): Promise<Programme> {
  const pitch = String.raw`(400+25*floor(t*1000/${EVERY}))`
  const tone = String.raw`aevalsrc=0.5*sin(2*PI*${pitch}*t)*lt(mod(t*1000\,${EVERY})\,${TONE}):d=${seconds}:s=48000`
  const codec = {
    mp3: ['-c:a', 'libmp3lame', '-b:a', '128k', '-write_xing', '0', '-id3v2_version', '0', '-f', 'mp3'],
    aac: ['-c:a', 'aac', '-b:a', '96k', '-f', 'adts'],
    ogg: ['-c:a', 'libvorbis', '-page_duration', '100000', '-f', 'ogg'],
    opus: ['-c:a', 'libopus', '-b:a', '64k', '-page_duration', '100000', '-f', 'ogg'],
  }[kind]
  const args = ['-v', 'error', '-f', 'lavfi', '-i', tone, '-ac', '2', ...codec, '-']
  const { stdout } = await promisify(execFile)('ffmpeg', args, { encoding: 'buffer', maxBuffer: 1e8 })
  if (kind === 'ogg' || kind === 'opus') return { type: 'application/ogg', ...pagesOf(stdout, kind === 'opus') }
  const units = kind === 'mp3' ? mp3Frames(stdout) : adtsFrames(stdout)
  return { type: kind === 'mp3' ? 'audio/mpeg' : 'audio/aac', head: Buffer.alloc(0), units }
}

function mp3Frames(bytes: Buffer): Unit[] {
  const units: Unit[] = []
  for (let at = 0; at + 4 <= bytes.length;) {
    // MPEG-1 layer 3 of 128 kbit/s and 48 kHz: 384 bytes each.
    units.push({ at: (units.length * 1152) / 48, bytes: bytes.subarray(at, at + 384) })
    at += 384
  }
  return units
}

function adtsFrames(bytes: Buffer): Unit[] {
  const units: Unit[] = []
  for (let at = 0; at + 7 <= bytes.length;) {
    const length = ((bytes[at + 3]! & 3) << 11) | (bytes[at + 4]! << 3) | (bytes[at + 5]! >> 5)
    units.push({ at: (units.length * 1024) / 48, bytes: bytes.subarray(at, at + length) })
    at += length
  }
  return units
}

/** Pages; those of the headers have no time. */
function pagesOf(bytes: Buffer, isOpus: boolean): { head: Buffer; units: Unit[] } {
  const units: Unit[] = []
  let headEnd = 0
  let time = 0
  for (let at = 0; at + 27 <= bytes.length;) {
    const table = bytes.subarray(at + 27, at + 27 + bytes[at + 26]!)
    const end = at + 27 + table.length + table.reduce((sum, length) => sum + length, 0)
    const granule = Number(bytes.readBigInt64LE(at + 6))
    if (granule <= 0) headEnd = end
    else {
      units.push({ at: time, bytes: bytes.subarray(at, end) })
      time = (granule - (isOpus ? 312 : 0)) / 48
    }
    at = end
  }
  return { head: bytes.subarray(0, headEnd), units }
}

/** What a station does at `at` ms after its first listener came, for `for` ms: what it would have said then nobody hears. */
export interface Trouble {
  at: number
  for: number
  /** Breaks connections, and refuses others; or sends nothing on any. */
  how: 'drop' | 'stall'
}

/** A station that is on the air whoever listens. */
export interface Station {
  url: string
  /** Ms of the programme that the first listener got first. */
  first: () => number
  requests: () => number
  close: () => Promise<void>
}

/** Starts a station, which sends the last `burst` ms at once to whoever comes. */
export async function station({ type, head, units }: Programme, trouble: Trouble, burst: number): Promise<Station> {
  const onAir = performance.now()
  /** The programme has been on for a while when the first listener comes. */
  const now = (): number => performance.now() - onAir + 5000
  let cameAt: number | undefined
  let first: number | undefined
  let requests = 0
  const isTroubled = (): boolean => {
    const since = now() - (cameAt ?? now())
    return since >= trouble.at && since < trouble.at + trouble.for
  }
  const open = new Set<ServerResponse>()
  const server = createServer((_request, response) => {
    requests += 1
    cameAt ??= now()
    if (isTroubled() && trouble.how === 'drop') return void response.writeHead(503).end()
    open.add(response)
    response.on('error', () => {}).on('close', () => open.delete(response))
    response.writeHead(200, { 'content-type': type, 'icy-name': 'Test', connection: 'close' })
    response.write(head)
    let sent = now() - burst
    const send = (): void => {
      const until = now()
      if (isTroubled()) {
        if (trouble.how === 'drop') return void response.socket?.resetAndDestroy()
        // What was not sent is gone.
        sent = until
        return
      }
      const due = units.filter(({ at }) => at >= sent && at < until)
      if (due.length === 0) return
      first ??= due[0]!.at
      sent = until
      response.write(Buffer.concat(due.map(({ bytes }) => bytes)))
    }
    send()
    const timer = setInterval(send, 20)
    response.on('close', () => clearInterval(timer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/radio`,
    first: () => first ?? 0,
    requests: () => requests,
    close: async () => {
      for (const response of open) response.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The whole tones in 16 kHz mono: which of the programme's they are, and where they begin, in ms. */
export function tonesIn(pcm: Buffer): { tone: number; at: number }[] {
  const samples = new Int16Array(pcm.buffer.slice(pcm.byteOffset, pcm.byteOffset + pcm.length))
  const loud: { from: number; to: number }[] = []
  for (let ms = 0; (ms + 5) * 16 <= samples.length; ms += 5) {
    if (!samples.subarray(ms * 16, (ms + 5) * 16).some((sample) => Math.abs(sample) > 3000)) continue
    const last = loud.at(-1)
    if (last !== undefined && ms - last.to < 50) last.to = ms + 5
    else loud.push({ from: ms, to: ms + 5 })
  }
  return loud
    .filter(({ from, to }) => to - from >= TONE - 20 && to - from <= TONE + 40)
    .map(({ from }) => {
      // Whole waves of every pitch are in its middle 100 ms.
      const middle = samples.subarray((from + 50) * 16, (from + 150) * 16)
      const waves = middle.filter((sample, at) => at > 0 && middle[at - 1]! < 0 && sample >= 0).length
      return { tone: Math.round((waves * 10 - hertz(0)) / 25), at: from }
    })
}
