import { createSocket, type Socket as Datagrams } from 'node:dgram'
import type { Socket } from 'node:net'
import type { RtspAudio } from './rtsp-audio.ts'
import type { RtspFault } from './rtsp-fault.ts'
import { type RtspRequest, RtspRequestReader } from './rtsp-request.ts'

const TICK_MS = 10

/** What a connection needs of its server. */
export interface RtspSurroundings {
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
  readonly #socket: Socket
  readonly #fault: Required<RtspFault>
  readonly #around: RtspSurroundings
  readonly #reader = new RtspRequestReader()
  readonly #methods: string[] = []
  #datagrams: Datagrams | undefined
  #clientPort = 0
  #transport: 'tcp' | 'udp' | undefined
  #timer: NodeJS.Timeout | undefined
  #playedFrom: number | undefined
  #stalled = false
  #packets = 0

  /** @internal */
  constructor(index: number, socket: Socket, fault: Required<RtspFault>, around: RtspSurroundings) {
    this.index = index
    this.#socket = socket
    this.#fault = fault
    this.#around = around
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
      for (const request of this.#reader.push(chunk)) this.#answer(request)
    })
  }

  /** The methods the client has used, in order. */
  get methods(): readonly string[] {
    return this.#methods
  }

  /** How the audio goes; `undefined` before the client has said. */
  get transport(): 'tcp' | 'udp' | undefined {
    return this.#transport
  }

  /** Ms of the clip at which the audio of this client begins; `undefined` before it plays. */
  get playedFrom(): number | undefined {
    return this.#playedFrom
  }

  /** Ms of the clip up to which this client was sent the audio; `undefined` before it plays. */
  get playedTo(): number | undefined {
    const { audio } = this.#around
    return this.#playedFrom === undefined
      ? undefined
      : this.#playedFrom + audio.msAt(this.#packets * audio.packetSamples)
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

  #answer(request: RtspRequest): void {
    const { method, headers } = request
    this.#methods.push(method)
    const { fault, status } = this.#fault
    if (fault === 'mute' || this.#stalled) return
    const reply = (code: number, more: readonly string[] = [], body = ''): void => {
      const length = body === '' ? [] : [`Content-Length: ${body.length}`]
      const lines = [
        `RTSP/1.0 ${code} ${code === 200 ? 'OK' : 'No'}`,
        `CSeq: ${headers['cseq'] ?? '0'}`,
        ...more,
        ...length,
      ]
      this.#socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`)
    }
    if (method === 'OPTIONS') return reply(200, ['Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER'])
    if (method === 'GET_PARAMETER') return reply(200)
    if (fault === 'status') return reply(status)
    if (!this.#admits(headers['authorization'])) return reply(401, ['WWW-Authenticate: Basic realm="camera"'])
    if (method === 'DESCRIBE') return reply(200, ['Content-Type: application/sdp'], this.#around.audio.description)
    if (method === 'SETUP') return this.#setUp(headers['transport'] ?? '', reply)
    if (method === 'PLAY') {
      reply(200, ['Session: 1'])
      return this.#play()
    }
    if (method !== 'TEARDOWN') return reply(501)
    reply(200)
    this.#socket.end()
  }

  #admits(authorization: string | undefined): boolean {
    const { credentials } = this.#around
    if (this.#fault.fault === 'unauthorized') return false
    return credentials === '' || authorization === `Basic ${Buffer.from(credentials).toString('base64')}`
  }

  #setUp(transport: string, reply: (code: number, more?: readonly string[]) => void): void {
    const kind = transport.includes('TCP') ? 'tcp' : 'udp'
    if (!this.#around.transports.includes(kind)) return reply(461)
    this.#transport = kind
    if (kind === 'tcp') return reply(200, ['Transport: RTP/AVP/TCP;unicast;interleaved=0-1', 'Session: 1'])
    this.#clientPort = Number(/client_port=(\d+)/.exec(transport)?.[1] ?? 0)
    const datagrams = createSocket('udp4')
    this.#datagrams = datagrams
    datagrams.on('error', () => {})
    datagrams.bind(0, () => {
      const { port } = datagrams.address()
      const ports = `client_port=${this.#clientPort}-${this.#clientPort + 1};server_port=${port}-${port + 1}`
      reply(200, [`Transport: RTP/AVP;unicast;${ports}`, 'Session: 1'])
    })
  }

  #play(): void {
    const { audio, now } = this.#around
    if (this.#playedFrom !== undefined) return
    const first = audio.sampleAt(now())
    this.#playedFrom = audio.msAt(first)
    this.#around.onPlay()
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
