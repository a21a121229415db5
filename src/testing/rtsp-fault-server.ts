import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import {
  type Check,
  checkBoolean,
  checkOneOf,
  checkOptions,
  integer,
  invalidOption,
  oneOf,
  string,
} from '../options.ts'
import { addressChecks, type FaultServerAddress, type Plan, PlannedServer } from './planned-server.ts'
import {
  rtspAudio,
  type RtspAudio,
  type RtspCodec,
  RtspConnection,
  type RtspFault,
  rtspFaultChecks,
} from './rtsp-connection.ts'

/** Which connection gets which fault: all the same; or a list, after which all is well; or a function of its number, from 0. */
export type RtspFaultPlan = Plan<RtspFault, [index: number]>

/** Options of {@link rtspFaultServer}. */
export interface RtspFaultServerOptions extends FaultServerAddress {
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
}

/** Events of an {@link RtspFaultServer}. */
export interface RtspFaultServerEvents {
  /** A client has connected. */
  connection: [connection: RtspConnection]
  /** A client gets audio from now on. */
  play: [connection: RtspConnection]
}

/** A running {@link rtspFaultServer}. */
export class RtspFaultServer extends PlannedServer<RtspFaultServerEvents, RtspFault, [index: number]> {
  readonly #connections: RtspConnection[] = []
  /** Every connection so far, in order. */
  readonly connections: readonly RtspConnection[] = this.#connections
  readonly #options: RtspFaultServerOptions
  readonly #audio: RtspAudio
  readonly #started = performance.now()

  /** @internal */
  constructor(plan: RtspFaultPlan, options: RtspFaultServerOptions) {
    super(plan, rtspFaultChecks, options)
    this.#options = options
    const { pcm = Buffer.alloc(0), sampleRate = 16_000, codec = 'l16', loop = false } = options
    this.#audio = rtspAudio(pcm, sampleRate, codec, loop)
  }

  /** Address for clients, with no credentials in it. */
  get url(): string {
    return this.listener.url('rtsp', '/live')
  }

  /** Connections that are open. */
  get open(): number {
    return this.#connections.filter((connection) => !connection.over).length
  }

  /** Ms of the clip that are over: time goes on while nobody listens, and while the server is down. */
  get clipMs(): number {
    return performance.now() - this.#started
  }

  /** @internal */
  protected override serverOf(tls: FaultServerAddress['tls']): Server {
    const accept = (socket: Socket): void => this.#accept(socket)
    return tls === undefined ? createServer(accept) : createTlsServer({ ...tls }, accept).on('tlsClientError', () => {})
  }

  /** @internal */
  protected override dropAll(): Promise<unknown> {
    for (const connection of this.#connections) connection.drop()
    return Promise.all(this.#connections.map((connection) => connection.closed))
  }

  #accept(socket: Socket): void {
    const index = this.#connections.length
    const fault = this.faultOf(index)
    if (fault === undefined) return void socket.destroy()
    const connection: RtspConnection = new RtspConnection(index, socket, fault, {
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

const optionChecks: Readonly<Record<string, Check>> = {
  pcm: (name, value) => {
    if (value !== undefined && !Buffer.isBuffer(value)) throw invalidOption(name, 'a Buffer', value)
  },
  sampleRate: integer(8000, 48_000, 'Hz'),
  loop: checkBoolean,
  codec: oneOf('l16', 'pcmu'),
  transports: (name, value) => {
    for (const transport of (value ?? []) as unknown[]) checkOneOf(name, transport, ['tcp', 'udp'])
  },
  credentials: string(),
  ...addressChecks,
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
  checkOptions('rtspFaultServer()', options, optionChecks)
  const server = new RtspFaultServer(plan, options)
  await server.listen()
  return server
}
