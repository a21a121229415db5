import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { RtspAddress } from './rtsp-url.ts'

/** Bytes of answers that are looked through for their status; then comes audio. */
const LOOKED_AT = 65_536

/**
 * The way of one FFmpeg to a camera: FFmpeg connects to this process, which connects to the camera. So the connection
 * is encrypted and certificates are checked where they should be, whatever FFmpeg was built with; FFmpeg follows nobody
 * elsewhere; and when this process is killed, FFmpeg loses its connection and ends, instead of waiting for ever.
 */
export class RtspRelay {
  readonly #address: RtspAddress
  readonly #via: string
  readonly #tls: ConnectionOptions
  readonly #sockets = new Set<Socket>()
  readonly #server: Server
  #status: number | undefined
  #trouble: Error | undefined
  #seen = 0
  /** The camera's first answers. */
  #answers = ''

  private constructor(address: RtspAddress, tls: ConnectionOptions, via: string) {
    this.#address = address
    this.#via = via
    this.#tls = tls
    this.#server = createServer((client) => this.#serve(client))
  }

  /**
   * Waits for FFmpeg on a free port of this machine's own address.
   *
   * @param via - IP address of the camera, where it must be that one.
   */
  static async open(address: RtspAddress, tls: ConnectionOptions, via = address.host): Promise<RtspRelay> {
    const relay = new RtspRelay(address, tls, via)
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    return relay
  }

  /** Where FFmpeg connects to. */
  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Status of the camera's last answer. */
  get status(): number | undefined {
    return this.#status
  }

  /** Whether the camera has described what it has, and that is no audio. */
  get silent(): boolean {
    return /^m=/m.test(this.#answers) && !/^m=audio /m.test(this.#answers)
  }

  /** Why there was no connection to the camera, if there was none. */
  get trouble(): Error | undefined {
    return this.#trouble
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #serve(client: Socket): void {
    // One FFmpeg, one connection: nobody else gets a way to the camera here.
    this.#server.close()
    const camera = this.#connect()
    this.#link(client, camera)
    this.#link(camera, client)
    let connected = false
    camera.once(this.#address.secure ? 'secureConnect' : 'connect', () => (connected = true))
    camera.on('error', (error) => {
      // Later, a reset is a loss like any other.
      if (!connected) this.#trouble ??= error
    })
    client.on('data', (chunk: Buffer) => {
      if (!camera.write(chunk)) client.pause()
    })
    camera.on('drain', () => client.resume())
    camera.on('data', (chunk: Buffer) => {
      if (this.#redirects(chunk)) client.destroy()
      else if (!client.write(chunk)) camera.pause()
    })
    client.on('drain', () => camera.resume())
  }

  #connect(): Socket {
    const { secure, host, port } = this.#address
    if (!secure) return connect({ host: this.#via, port })
    return connectTls({ servername: /^[\d.]+$|:/.test(host) ? '' : host, ...this.#tls, host: this.#via, port })
  }

  /** An end or a failure of one is that of the other. */
  #link(socket: Socket, other: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.once('end', () => other.end())
    socket.once('close', () => {
      this.#sockets.delete(socket)
      if (!other.destroyed) other.destroySoon()
    })
  }

  /** Whether the camera sends FFmpeg to another address, which it would follow past this relay. */
  #redirects(chunk: Buffer): boolean {
    this.#seen += chunk.length
    if (this.#seen > LOOKED_AT) return false
    const text = chunk.toString('latin1')
    this.#answers += text
    const status = /^RTSP\/1\.\d (\d{3})/.exec(text)?.[1]
    if (status === undefined) return false
    this.#status = Number(status)
    return this.#status >= 300 && this.#status < 400
  }
}
