import { createSocket, type Socket as Datagrams } from 'node:dgram'
import type { Socket } from 'node:net'
import { int16ToMulaw } from '../audio/pcm.ts'
import { type Check, number } from '../options.ts'
import { headerOf, type RtspMessage, type RtspPiece, RtspReader, writeMessage } from '../sources/rtsp/protocol.ts'
import { faultName } from './faults.ts'

/** How a connection to an {@link rtspFaultServer} goes wrong. */
export interface RtspFault {
  /**
   * `none`; `refuse`: closed as soon as it is made; `mute`: never an answer; `status`: the stream is asked for and
   * answered by `status`; `unauthorized`: no password is right; `drop`: closed after `afterMs` of audio; `stall`: silent
   * after `afterMs` of audio, and still open.
   */
  fault: 'none' | 'refuse' | 'mute' | 'status' | 'unauthorized' | 'drop' | 'stall'
  /** Milliseconds of audio before it happens. @defaultValue `1000` */
  afterMs?: number
  /** Status of the answer, e.g. 503 or 404. @defaultValue `503` */
  status?: number
}

export const rtspFaultChecks: Readonly<Record<string, Check>> = {
  fault: faultName(['none', 'refuse', 'mute', 'status', 'unauthorized', 'drop', 'stall']),
  afterMs: number(0, 86_400_000, 'ms'),
  status: number(300, 599),
}

const TICK_MS = 10

/** What a connection needs of its server. */
export interface RtspCamera {
  audio: RtspAudio
  /** Ms of the clip that are over now. */
  now: () => number
  transports: readonly string[]
  /** `user:password`; none is asked for where empty. */
  credentials: string
  onPlay: () => void
}

/** One client of an {@link rtspFaultServer}. */
export class RtspConnection {
  readonly index: number
  readonly closed: Promise<void>
  /** The methods the client has used, in order. */
  readonly methods: string[] = []
  /** How the audio goes; `undefined` before the client has said. */
  transport: 'tcp' | 'udp' | undefined
  /** Ms of the clip at which the audio of this client begins; `undefined` before it plays. */
  playedFrom: number | undefined
  readonly #socket: Socket
  readonly #fault: Required<RtspFault>
  readonly #camera: RtspCamera
  readonly #reader = new RtspReader()
  #datagrams: Datagrams | undefined
  #clientPort = 0
  #timer: NodeJS.Timeout | undefined
  #stalled = false
  #packets = 0

  /** @internal */
  constructor(index: number, socket: Socket, fault: RtspFault, camera: RtspCamera) {
    this.index = index
    this.#socket = socket
    this.#fault = { afterMs: 1000, status: 503, ...fault }
    this.#camera = camera
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        clearInterval(this.#timer)
        this.#datagrams?.close()
        resolve()
      })
    })
    socket.on('error', () => {})
    if (fault.fault === 'refuse') socket.destroy()
    socket.on('data', (chunk: Buffer) => {
      let pieces: RtspPiece[]
      try {
        pieces = [...this.#reader.push(chunk)]
      } catch {
        // It is too long to be RTSP.
        return this.drop()
      }
      for (const piece of pieces) if ('message' in piece) this.#answer(piece.message)
    })
  }

  /** Ms of the clip up to which this client was sent the audio; `undefined` before it plays. */
  get playedTo(): number | undefined {
    const { audio } = this.#camera
    return this.playedFrom === undefined ? undefined : this.playedFrom + audio.msAt(this.#packets * audio.packetSamples)
  }

  /** Whether it is over. */
  get over(): boolean {
    return this.#socket.destroyed
  }

  /** Breaks it off. */
  drop(): void {
    this.#socket.destroy()
  }

  /** Sends no more, and stays open. */
  stall(): void {
    this.#stalled = true
  }

  #answer(request: RtspMessage): void {
    const [method = ''] = request.start.split(' ')
    this.methods.push(method)
    const { fault, status } = this.#fault
    if (fault === 'mute' || this.#stalled) return
    const reply = (code: number, more: Readonly<Record<string, string>> = {}, body = ''): void => {
      const headers = Object.entries({ CSeq: headerOf(request, 'cseq') ?? '0', ...more })
      const start = `RTSP/1.0 ${code} ${code === 200 ? 'OK' : 'No'}`
      this.#socket.write(writeMessage({ start, headers, body: Buffer.from(body) }))
    }
    if (method === 'OPTIONS') return reply(200, { Public: 'OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER' })
    if (method === 'GET_PARAMETER') return reply(200)
    if (fault === 'status') return reply(status)
    if (!this.#admits(headerOf(request, 'authorization'))) {
      return reply(401, { 'WWW-Authenticate': 'Basic realm="camera"' })
    }
    if (method === 'DESCRIBE') return reply(200, { 'Content-Type': 'application/sdp' }, this.#camera.audio.description)
    if (method === 'SETUP') return this.#setUp(headerOf(request, 'transport') ?? '', reply)
    if (method === 'PLAY') {
      reply(200, { Session: '1' })
      return this.#play()
    }
    if (method !== 'TEARDOWN') return reply(501)
    reply(200)
    this.#socket.end()
  }

  #admits(authorization: string | undefined): boolean {
    const { credentials } = this.#camera
    if (this.#fault.fault === 'unauthorized') return false
    return credentials === '' || authorization === `Basic ${Buffer.from(credentials).toString('base64')}`
  }

  #setUp(transport: string, reply: (code: number, more?: Readonly<Record<string, string>>) => void): void {
    const kind = transport.includes('TCP') ? 'tcp' : 'udp'
    if (!this.#camera.transports.includes(kind)) return reply(461)
    const port = Number(/client_port=(\d+)/.exec(transport)?.[1] ?? 0)
    if (kind === 'udp' && (port < 1 || port > 65_534)) return reply(461)
    this.transport = kind
    if (kind === 'tcp') return reply(200, { Transport: 'RTP/AVP/TCP;unicast;interleaved=0-1', Session: '1' })
    this.#clientPort = port
    const datagrams = createSocket('udp4')
    this.#datagrams = datagrams
    datagrams.on('error', () => {})
    datagrams.bind(0, () => {
      const { port } = datagrams.address()
      const ports = `client_port=${this.#clientPort}-${this.#clientPort + 1};server_port=${port}-${port + 1}`
      reply(200, { Transport: `RTP/AVP;unicast;${ports}`, Session: '1' })
    })
  }

  #play(): void {
    const { audio, now } = this.#camera
    if (this.playedFrom !== undefined) return
    const first = audio.sampleAt(now())
    this.playedFrom = audio.msAt(first)
    this.#camera.onPlay()
    this.#timer = setInterval(() => {
      for (;;) {
        const sample = first + this.#packets * audio.packetSamples
        // A packet can be sent when its last sample is over.
        if (audio.msAt(sample + audio.packetSamples) > now() || this.#stalled || this.over) return
        const { fault, afterMs } = this.#fault
        if ((fault === 'drop' || fault === 'stall') && audio.msAt(sample - first) >= afterMs) {
          if (fault === 'drop') this.drop()
          else this.stall()
          return
        }
        this.#send(audio.packet(this.#packets, sample))
        this.#packets += 1
      }
    }, TICK_MS)
  }

  #send(packet: Buffer): void {
    if (this.#datagrams !== undefined) {
      this.#datagrams.send(packet, this.#clientPort, this.#socket.remoteAddress ?? '127.0.0.1')
      return
    }
    const frame = Buffer.alloc(4)
    frame[0] = 0x24
    frame.writeUInt16BE(packet.length, 2)
    this.#socket.write(Buffer.concat([frame, packet]))
  }
}

/** How an {@link rtspFaultServer} sends its audio: plain samples, or 8-bit µ-law. */
export type RtspCodec = 'l16' | 'pcmu'

const PACKET_MS = 20
/** Payload type, of those that are free. */
const PAYLOAD_TYPE = 97

/** A live microphone that plays a clip: what it says when does not depend on who listens. */
export type RtspAudio = ReturnType<typeof rtspAudio>

/** @param pcm - mono PCM16LE. After its end there is silence, or the clip again where `loop`. */
export function rtspAudio(pcm: Buffer, sampleRate: number, codec: RtspCodec, loop: boolean) {
  const packetSamples = (sampleRate * PACKET_MS) / 1000
  const clip = Math.floor(pcm.length / 2)
  const valueAt = (sample: number): number => {
    const place = loop && clip > 0 ? sample % clip : sample
    return place < clip ? pcm.readInt16LE(place * 2) : 0
  }
  const name = codec === 'l16' ? 'L16' : 'PCMU'
  const lines = ['v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=Camera', 'c=IN IP4 0.0.0.0', 't=0 0', 'a=control:*']
  const media = [`m=audio 0 RTP/AVP ${PAYLOAD_TYPE}`, `a=rtpmap:${PAYLOAD_TYPE} ${name}/${sampleRate}/1`]
  return {
    description: [...lines, ...media, 'a=control:audio', ''].join('\r\n'),
    packetSamples,
    sampleAt: (ms: number): number => Math.floor((ms * sampleRate) / 1000),
    msAt: (sample: number): number => (sample * 1000) / sampleRate,
    /** An RTP packet with the samples of the clip from `sample` on; the client's first packet is number 0. */
    packet(number: number, sample: number): Buffer {
      const header = Buffer.alloc(12)
      header[0] = 0x80
      header[1] = PAYLOAD_TYPE | (number === 0 ? 0x80 : 0)
      header.writeUInt16BE(number % 0x1_0000, 2)
      header.writeUInt32BE((number * packetSamples) % 0x1_0000_0000, 4)
      header.writeUInt32BE(0x0ca3_e4a1, 8)
      const payload = Buffer.alloc(codec === 'l16' ? packetSamples * 2 : packetSamples)
      for (let index = 0; index < packetSamples; index++) {
        const value = valueAt(sample + index)
        if (codec === 'l16') payload.writeInt16BE(value, index * 2)
        else payload[index] = int16ToMulaw(value)
      }
      return Buffer.concat([header, payload])
    },
  }
}
