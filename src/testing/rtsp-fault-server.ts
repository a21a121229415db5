import { EventEmitter, once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { checkBoolean, checkInteger, checkKnown, checkOneOf, checkString, invalidOption } from '../options.ts'
import type { TlsOptions } from '../server/listener.ts'
import { planOf } from './fault-plan.ts'
import { checkRtspFault, RtspAudio, type RtspCodec, RtspConnection, type RtspFault } from './rtsp-connection.ts'

/** Which connection gets which fault: all the same; or a list, after which all is well; or a function of its number, from 0. */
export type RtspFaultPlan = RtspFault | readonly RtspFault[] | ((index: number) => RtspFault)

/** Options of {@link rtspFaultServer}. */
export interface RtspFaultServerOptions {
  /** What the camera hears from the start of the server on: mono PCM16LE. @defaultValue silence */
  pcm?: Buffer
  /** Samples per second of `pcm`, in Hz. @defaultValue `16000` */
  sampleRate?: number
  /** Whether `pcm` begins again at its end. @defaultValue `false`: silence follows */
  loop?: boolean
  /** How samples are sent: as they are, or 8-bit µ-law. @defaultValue `'l16'` */
  codec?: RtspCodec
  /** What the server can do; a client that asks for another is answered by 461. @defaultValue `['tcp', 'udp']` */
  transports?: readonly ('tcp' | 'udp')[]
  /** `user:password` that clients must give. @defaultValue none is asked for */
  credentials?: string
  /** Serves `rtsps:` with this certificate. @defaultValue none: `rtsp:` */
  tls?: TlsOptions
  /** TCP port; 0 takes a free one. @defaultValue `0` */
  port?: number
  /** Address to listen on. @defaultValue `'127.0.0.1'` */
  host?: string
}

/** Events of an {@link RtspFaultServer}. */
export interface RtspFaultServerEvents {
  /** A client has connected. */
  connection: [connection: RtspConnection]
  /** A client gets audio from now on. */
  play: [connection: RtspConnection]
}

/** A running {@link rtspFaultServer}. */
export class RtspFaultServer extends EventEmitter<RtspFaultServerEvents> {
  readonly #options: RtspFaultServerOptions
  readonly #audio: RtspAudio
  readonly #faultOf: (index: number) => Required<RtspFault>
  readonly #connections: RtspConnection[] = []
  readonly #started = performance.now()
  #server: Server | undefined
  #port: number

  /** @internal */
  constructor(plan: RtspFaultPlan, options: RtspFaultServerOptions) {
    super()
    this.#options = options
    this.#faultOf = planOf<RtspFault, Required<RtspFault>, [index: number]>(plan, { fault: 'none' }, checkRtspFault)
    this.#port = options.port ?? 0
    const { pcm = Buffer.alloc(0), sampleRate = 16_000, codec = 'l16', loop = false } = options
    this.#audio = new RtspAudio(pcm, sampleRate, codec, loop)
  }

  /** Address for clients, with no credentials in it. */
  get url(): string {
    return `${this.#options.tls ? 'rtsps' : 'rtsp'}://${this.#options.host ?? '127.0.0.1'}:${this.#port}/live`
  }

  get port(): number {
    return this.#port
  }

  /** Every connection so far, in order. */
  get connections(): readonly RtspConnection[] {
    return this.#connections
  }

  /** Connections that are open. */
  get open(): number {
    return this.#connections.filter((connection) => !connection.over).length
  }

  /** Ms of the clip that are over: time goes on while nobody listens, and while the server is down. */
  get clipMs(): number {
    return performance.now() - this.#started
  }

  /** Listens; again after {@link close}, on the same port. */
  async listen(): Promise<void> {
    if (this.#server !== undefined) return
    const { host = '127.0.0.1', tls } = this.#options
    const accept = (socket: Socket): void => this.#accept(socket)
    const server = tls === undefined ? createServer(accept) : createTlsServer({ ...tls }, accept)
    server.on('tlsClientError', () => {})
    server.listen(this.#port, host)
    await once(server, 'listening')
    this.#server = server
    const address = server.address()
    if (typeof address === 'object' && address !== null) this.#port = address.port
  }

  /** As when the camera loses its power: cuts every connection and refuses new ones until {@link listen}. */
  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    for (const connection of this.#connections) connection.drop()
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()))
    await Promise.all(this.#connections.map((connection) => connection.closed))
  }

  /** The same as {@link close}: `await using camera = await rtspFaultServer()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #accept(socket: Socket): void {
    const index = this.#connections.length
    const connection: RtspConnection = new RtspConnection(index, socket, this.#faultOf(index), {
      audio: this.#audio,
      now: () => this.clipMs,
      transports: this.#options.transports ?? ['tcp', 'udp'],
      credentials: this.#options.credentials ?? '',
      onPlay: () => this.emit('play', connection),
    })
    this.#connections.push(connection)
    this.emit('connection', connection)
  }
}

/**
 * Starts an RTSP camera with a microphone, for tests, which fails on purpose. It plays a clip by the clock on the wall,
 * whoever listens: a client that comes back hears what is said then.
 *
 * ```ts
 * const camera = await rtspFaultServer([{ fault: 'drop', afterMs: 2000 }], { pcm: toneAudio(words) })
 * ```
 *
 * @param plan - the faults; see {@link RtspFaultPlan}.
 * @throws ConfigurationError (`INVALID_OPTION`) for a fault that does not exist, or a wrong option.
 */
export async function rtspFaultServer(
  plan: RtspFaultPlan = { fault: 'none' },
  options: RtspFaultServerOptions = {},
): Promise<RtspFaultServer> {
  const names = ['pcm', 'sampleRate', 'loop', 'codec', 'transports', 'credentials', 'tls', 'port', 'host']
  checkKnown('rtspFaultServer()', options, names)
  if (options.pcm !== undefined && !Buffer.isBuffer(options.pcm)) throw invalidOption('pcm', 'a Buffer', options.pcm)
  checkInteger('sampleRate', options.sampleRate, 8000, 48_000, 'Hz')
  checkBoolean('loop', options.loop)
  checkOneOf('codec', options.codec, ['l16', 'pcmu'])
  for (const transport of options.transports ?? []) checkOneOf('transports', transport, ['tcp', 'udp'])
  checkString('credentials', options.credentials)
  checkInteger('port', options.port, 0, 65_535)
  checkString('host', options.host, 1, 255)
  const server = new RtspFaultServer(plan, options)
  await server.listen()
  return server
}
