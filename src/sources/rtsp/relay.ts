import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { InputError } from '../../errors.ts'
import { lookupOf } from '../../network.ts'
import type { RtspAuthentication } from './authentication.ts'
import { RtpDatagrams } from './datagrams.ts'
import type { RtspAddress } from '../address.ts'
import { headerOf, type RtspMessage, RtspReader, RtspTooLarge, withoutTalkback, writeMessage } from './protocol.ts'

/** Most bytes that a camera may send before it plays. */
const MOST_BEFORE_PLAY = 1_048_576
/** Most bytes of packets that may come without any sound out of them: more than the buffers on the way hold. */
const MOST_WITHOUT_AUDIO = 33_554_432
/** Most bytes that wait for a camera that does not read, or of packets for an FFmpeg that does not. */
const MOST_WAITING = 1_048_576
/** Most tracks whose packets are taken here. */
const MOST_TRACKS = 16
/** Most requests whose answer is still to come. */
const MOST_PENDING = 100

/** Headers of answers that FFmpeg needs. It is told nothing else of them: no other address, and no other way to prove who one is. */
const forwarded = new Set(['session', 'content-type', 'public'])

/** How a {@link RtspRelay} goes to a camera. */
export interface RtspRelayOptions {
  address: RtspAddress
  tls: ConnectionOptions
  /** What the camera wants to be shown, as far as that is known of connections before. */
  authentication: RtspAuthentication
  /** IP addresses of the camera, where it must be one of these. */
  addresses?: readonly string[] | undefined
  /** How the audio travels from the camera; on to FFmpeg it is always within the connection. */
  transport: 'tcp' | 'udp'
}

/** A request of FFmpeg's that the camera has not answered. */
interface Pending {
  method: string
  url: string
  message: RtspMessage
  /** FFmpeg's number of it. */
  cseq: string
  /** The packets it asks for, where it sets up some. */
  channels: string
  /** How often it was refused for want of authorization. */
  refusals: number
  /** The header of that name it was last sent with. */
  authorization: string | undefined
}

/**
 * The way of one FFmpeg to a camera: FFmpeg connects to this process, which connects to the camera. So the connection
 * is encrypted and certificates are checked where they should be, whatever FFmpeg was built with; when this process is
 * killed, FFmpeg loses its connection and ends, instead of waiting for ever. FFmpeg is told neither the address nor the
 * password, and every message is read here and written anew: FFmpeg gets only answers to what it asked, of bounded size and
 * without any other address in them that it would go to.
 */
export class RtspRelay {
  /** Status of the camera's last answer before it plays. */
  status: number | undefined
  /** Whether the camera was asked to send in a certain way. */
  hasAskedForTransport = false
  /** Whether FFmpeg has made sound of anything. */
  hasGivenAudio = false
  /** Why there was no connection to the camera, or why it was given up. */
  error: Error | undefined
  readonly #options: RtspRelayOptions
  readonly #authentication: RtspAuthentication
  readonly #sockets = new Set<Socket>()
  readonly #server: Server
  /** What FFmpeg must ask for, so that nobody else gets a way to the camera here. */
  readonly #key = randomBytes(16).toString('hex')
  readonly #pending = new Map<string, Pending>()
  readonly #datagrams: RtpDatagrams[] = []
  #camera: Socket | undefined
  #client: Socket | undefined
  #sent = 0
  #received = 0
  #bytesSinceAudio = 0
  #playing = false
  #closed = false
  /** What the camera says that it has. */
  #description = ''

  private constructor(options: RtspRelayOptions) {
    this.#options = options
    this.#authentication = options.authentication
    this.#server = createServer((client) => this.#serve(client))
  }

  /** Waits for FFmpeg on a free port of this machine's own address. */
  static async open(options: RtspRelayOptions): Promise<RtspRelay> {
    const relay = new RtspRelay(options)
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    return relay
  }

  /** What FFmpeg connects to. */
  get url(): string {
    const address = this.#server.address()
    return `rtsp://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/${this.#key}`
  }

  /** Whether the camera has described what it has, and that is no audio. */
  get lacksAudio(): boolean {
    return /^m=/m.test(this.#description) && !/^m=audio /m.test(this.#description)
  }

  /** Says that FFmpeg has made sound of what it got. */
  countAudio(): void {
    this.hasGivenAudio = true
    this.#bytesSinceAudio = 0
  }

  close(): void {
    this.#closed = true
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    for (const datagrams of this.#datagrams.splice(0)) datagrams.close()
  }

  #serve(client: Socket): void {
    const reader = new RtspReader()
    const own = this.url
    this.#sockets.add(client)
    client.setNoDelay(true)
    client.on('error', () => {})
    client.once('close', () => {
      this.#sockets.delete(client)
      if (client === this.#client) this.#camera?.destroySoon()
    })
    client.on('drain', () => this.#camera?.resume())
    client.on('data', (chunk: Buffer) => {
      try {
        for (const piece of reader.push(chunk)) {
          if ('frame' in piece) this.#sendFrame(piece.frame)
          else if (!this.#request(client, piece.message, own)) return void client.destroy()
        }
      } catch {
        client.destroy()
      }
    })
  }

  /** Takes a request; `false` where it is none of the FFmpeg that this is for. */
  #request(client: Socket, message: RtspMessage, own: string): boolean {
    const [, method = '', url = ''] = /^([A-Z_]+) (.+) RTSP\/\d\.\d$/.exec(message.start) ?? []
    if (method === '') return false
    if (client !== this.#client) {
      if (this.#client !== undefined || !url.startsWith(own)) return false
      // One FFmpeg, one connection.
      this.#client = client
      this.#server.close()
      this.#camera = this.#connect(client)
    }
    const { address } = this.#options
    const host = address.host.includes(':') ? `[${address.host}]` : address.host
    const camera = `${address.secure ? 'rtsps' : 'rtsp'}://${host}:${address.port}${address.path}`
    const pending: Pending = {
      method,
      url: url.startsWith(own) ? camera + url.slice(own.length) : url,
      message,
      cseq: headerOf(message, 'cseq') ?? '',
      channels: /interleaved=(\d+-\d+)/.exec(headerOf(message, 'transport') ?? '')?.[1] ?? '',
      refusals: 0,
      authorization: undefined,
    }
    if (method === 'SETUP' && this.#options.transport === 'udp') void this.#setUpDatagrams(pending)
    else this.#sendRequest(pending, headerOf(message, 'transport'))
    return true
  }

  /** Sends a request to the camera. */
  #sendRequest(pending: Pending, transport: string | undefined): void {
    const { method, url, message } = pending
    this.#sent += 1
    this.hasAskedForTransport ||= method === 'SETUP'
    pending.authorization = this.#authentication.authorize(method, url)
    this.#pending.set(String(this.#sent), pending)
    const [oldest] = this.#pending.keys()
    if (this.#pending.size > MOST_PENDING && oldest !== undefined) this.#pending.delete(oldest)
    const kept = message.headers.filter(([name]) => !['cseq', 'transport', 'authorization'].includes(name))
    const headers = [
      ['CSeq', String(this.#sent)] as const,
      ...kept,
      ...(transport === undefined ? [] : [['Transport', transport] as const]),
      ...(pending.authorization === undefined ? [] : [['Authorization', pending.authorization] as const]),
    ]
    this.#send(writeMessage({ start: `${method} ${url} RTSP/1.0`, headers }))
  }

  /** Asks for packets of their own, which are taken here. */
  async #setUpDatagrams(pending: Pending): Promise<void> {
    const camera = this.#camera
    try {
      if (camera?.connecting === true) await once(camera, 'connect')
      const from = camera?.remoteAddress ?? ''
      const channels = pending.channels.split('-')
      if (this.#datagrams.length === MOST_TRACKS) throw this.#tooLarge('in tracks')
      const datagrams = await RtpDatagrams.open(from, (channel, packet) => {
        this.#forwardFrame(framed(Number(channels[channel === 'rtp' ? 0 : 1]), packet))
      })
      if (this.#closed) return datagrams.close()
      this.#datagrams.push(datagrams)
      this.#sendRequest(pending, byDatagrams(datagrams))
    } catch (error) {
      this.#giveUp(error as Error)
    }
  }

  #connect(client: Socket): Socket {
    const { address, tls, addresses } = this.#options
    const { secure, host, port } = address
    const servername = /^[\d.]+$|:/.test(host) ? '' : host
    const target = { host, port, ...(addresses && { lookup: lookupOf(() => addresses) }) }
    const camera = secure ? connectTls({ servername, ...tls, ...target }) : connect(target)
    const reader = new RtspReader()
    let connected = false
    this.#sockets.add(camera)
    camera.setNoDelay(true)
    camera.once(secure ? 'secureConnect' : 'connect', () => (connected = true))
    camera.on('error', (error) => {
      // Later, a reset is a loss like any other.
      if (!connected) this.error ??= error
    })
    camera.once('end', () => client.end())
    camera.once('close', () => {
      this.#sockets.delete(camera)
      if (!client.destroyed) client.destroySoon()
    })
    camera.on('data', (chunk: Buffer) => {
      this.#received += chunk.length
      try {
        if (!this.#playing && this.#received > MOST_BEFORE_PLAY) throw this.#tooLarge('before its audio')
        for (const piece of reader.push(chunk)) {
          if (this.error !== undefined || client.destroyed) return
          if ('message' in piece) this.#receive(piece.message)
          // What comes before the camera plays is nothing that was asked for.
          else if (this.#playing && this.#options.transport === 'tcp') this.#forwardFrame(piece.frame)
        }
      } catch (error) {
        this.#giveUp(error instanceof RtspTooLarge ? this.#tooLarge('in one message') : (error as Error))
      }
    })
    return camera
  }

  #tooLarge(what: string): Error {
    const message = `${this.#options.address.shown} sends more than a camera may ${what}; check that it is one`
    return new InputError('INPUT_TOO_LARGE', message)
  }

  /** Takes what the camera says. */
  #receive(message: RtspMessage): void {
    const status = Number(/^RTSP\/\d+\.\d+\s+(\d{3})(?:\s|$)/i.exec(message.start)?.[1] ?? 0)
    if (status === 0) return this.#answerCamera(message)
    if (status < 200) return
    // FFmpeg would follow it past this relay, whatever it answers.
    if (status >= 300 && status < 400) return this.#redirected(status)
    const number = headerOf(message, 'cseq')
    const key = number === undefined ? this.#pending.keys().next().value : String(Number(number))
    const pending = key === undefined ? undefined : this.#pending.get(key)
    if (key === undefined || pending === undefined) return
    this.#pending.delete(key)
    if (status === 401 && this.#retryAuthorized(pending, message)) return
    // Many tell anybody their methods.
    if (status < 300 && pending.authorization !== undefined && pending.method !== 'OPTIONS')
      this.#authentication.confirm()
    if (!this.#playing) this.status = status
    this.#answer(pending, message, status)
  }

  /** Whether a request that was refused for want of authorization is sent again with it. */
  #retryAuthorized(pending: Pending, { headers }: RtspMessage): boolean {
    const offers = headers.flatMap(([name, value]) => (name === 'www-authenticate' ? [value] : []))
    if (!this.#authentication.accept(offers, pending.refusals, pending.authorization)) return false
    pending.refusals += 1
    const datagrams = pending.method === 'SETUP' ? this.#datagrams.at(-1) : undefined
    this.#sendRequest(pending, datagrams ? byDatagrams(datagrams) : headerOf(pending.message, 'transport'))
    return true
  }

  /** Tells FFmpeg what of an answer it needs. */
  #answer({ method, cseq, channels, url }: Pending, message: RtspMessage, status: number): void {
    const isGood = status < 300
    const transport = headerOf(message, 'transport')
    const headers: RtspMessage['headers'] = message.headers.filter(([name]) => forwarded.has(name))
    const base = baseOf(headerOf(message, 'content-base'), url)
    if (base !== undefined) headers.push(['Content-Base', base])
    let told = status
    if (method === 'SETUP' && isGood) {
      const granted = this.#channelsOf(transport ?? '', channels)
      if (granted === undefined) this.status = told = 461
      else headers.push(['Transport', `RTP/AVP/TCP;unicast;interleaved=${granted}`])
    }
    const description = method === 'DESCRIBE' && isGood ? withoutTalkback(message.body.toString('latin1')) : undefined
    const body = description === undefined ? undefined : Buffer.from(description, 'latin1')
    if (description !== undefined && description !== '') this.#description = description
    if (method === 'PLAY' && isGood) this.#playing = true
    const start = `RTSP/1.0 ${told} ${isGood && told === status ? 'OK' : 'No'}`
    this.#client?.write(writeMessage({ start, headers: [['CSeq', cseq], ...headers], ...(body && { body }) }))
  }

  /** The channels on which FFmpeg gets the packets; `undefined` where the camera sends them otherwise than was asked. */
  #channelsOf(transport: string, channels: string): string | undefined {
    const [first = ''] = transport.split(',')
    if (/multicast/i.test(first)) return undefined
    const isTcp = /^\s*RTP\/AVP\/TCP/i.test(first)
    if (this.#options.transport === 'tcp')
      return isTcp ? (/interleaved=(\d+-\d+)/i.exec(first)?.[1] ?? channels) : undefined
    if (isTcp) return undefined
    const [, rtp, rtcp] = /server_port=(\d{1,5})(?:-(\d{1,5}))?/i.exec(first) ?? []
    if (rtp !== undefined) this.#datagrams.at(-1)?.begin(Number(rtp), Number(rtcp ?? Number(rtp) + 1))
    return channels
  }

  /** What the camera asks for. It may send FFmpeg elsewhere also so. */
  #answerCamera(message: RtspMessage): void {
    const [, method] = /^([A-Z_]+)\s+\S+\s+RTSP\//.exec(message.start) ?? []
    if (method === undefined) return
    if (method === 'REDIRECT') return this.#redirected(302)
    const status = method === 'OPTIONS' || method === 'GET_PARAMETER' ? '200 OK' : '501 Not Implemented'
    const cseq = headerOf(message, 'cseq') ?? '0'
    this.#send(writeMessage({ start: `RTSP/1.0 ${status}`, headers: [['CSeq', cseq]] }))
  }

  #redirected(status: number): void {
    this.status = status
    this.#client?.destroy()
  }

  /** Gives FFmpeg a packet. */
  #forwardFrame(frame: Buffer): void {
    const client = this.#client
    if (client === undefined || client.destroyed) return
    this.#bytesSinceAudio += frame.length
    if (this.#bytesSinceAudio > MOST_WITHOUT_AUDIO) return this.#giveUp(this.#tooLarge('without any sound in it'))
    const isTcp = this.#options.transport === 'tcp'
    // Packets of their own cannot be held back.
    if (!isTcp && client.writableLength > MOST_WAITING) return
    if (!client.write(frame) && isTcp) this.#camera?.pause()
  }

  /** Sends the camera a packet of FFmpeg's: how well it hears. */
  #sendFrame(frame: Buffer): void {
    if (this.#options.transport === 'tcp') return this.#send(frame)
    const channel = frame.readUInt8(1)
    this.#datagrams[channel >> 1]?.send(channel % 2 === 0 ? 'rtp' : 'rtcp', frame.subarray(4))
  }

  #send(bytes: Buffer): void {
    const camera = this.#camera
    if (camera === undefined || camera.destroyed) return
    if (camera.writableLength > MOST_WAITING) this.#giveUp(this.#tooLarge('without reading'))
    else camera.write(bytes)
  }

  #giveUp(error: Error): void {
    this.error ??= error
    this.#client?.destroy()
    this.#camera?.destroy()
  }
}

/** What the names of tracks are relative to; `undefined` where that is what was asked for: FFmpeg takes a base of a path alone, or an empty one, as it is. */
function baseOf(base: string | undefined, asked: string): string | undefined {
  if (base === undefined || base === '' || /^rtsps?:\/\//i.test(base)) return base === '' ? undefined : base
  return URL.canParse(base, asked) ? new URL(base, asked).href : undefined
}

/** The header `Transport` that asks for packets of their own. */
function byDatagrams({ port }: RtpDatagrams): string {
  return `RTP/AVP;unicast;client_port=${port}-${port + 1}`
}

/** A packet as it goes on an RTSP connection. */
function framed(channel: number, packet: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x24, channel, packet.length >> 8, packet.length & 0xff]), packet])
}
