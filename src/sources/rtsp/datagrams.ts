import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'

/** How often two ports in a row are looked for. */
const MOST_TRIES = 20
/** How long packets that came too early are held for those before them, in ms, and how many. */
const HELD_MS = 100
const MOST_HELD = 32
/** How far behind a packet may come late, and ahead others be lost; beyond that a camera counts anew (RFC 3550, A.1). */
const MOST_BEHIND = 100
const MOST_AHEAD = 1000

/** Which of a stream's two ways a packet takes. */
export type RtpChannel = 'rtp' | 'rtcp'

/**
 * Two ports in a row for the packets of one stream: those of its sound, put in order, and those about it. Takes them from one
 * address, and sends to that alone.
 */
export class RtpDatagrams {
  readonly #camera: string
  readonly #sockets: Readonly<Record<RtpChannel, Socket>>
  readonly #order: RtpReorderBuffer
  readonly #ports: Partial<Record<RtpChannel, number>> = {}
  /** The first of the two. */
  readonly port: number

  private constructor(camera: string, rtp: Socket, rtcp: Socket, take: (channel: RtpChannel, packet: Buffer) => void) {
    this.#camera = camera
    this.#sockets = { rtp, rtcp }
    this.#order = new RtpReorderBuffer((packet) => take('rtp', packet))
    this.port = rtp.address().port
    for (const [channel, socket] of Object.entries({ rtp, rtcp })) {
      socket.on('error', () => {})
      socket.on('message', (packet, { address }) => {
        if (address !== camera) return
        if (channel === 'rtp') this.#order.push(packet)
        else take('rtcp', packet)
      })
    }
  }

  /**
   * @param camera - IP address that packets come from.
   * @param take - called with each packet.
   */
  static async open(camera: string, take: (channel: RtpChannel, packet: Buffer) => void): Promise<RtpDatagrams> {
    for (let tries = 0; ; tries++) {
      const rtp = await bound(camera, 0)
      const { port } = rtp.address()
      // By rule the first is even.
      const rtcp = port % 2 === 0 && port < 65_535 ? await bound(camera, port + 1).catch(() => undefined) : undefined
      if (rtcp !== undefined) return new RtpDatagrams(camera, rtp, rtcp, take)
      rtp.close()
      if (tries === MOST_TRIES) throw new Error('no two UDP ports in a row are free')
    }
  }

  /** Sends to the camera's ports; opens the way for its packets through whatever stands between. */
  begin(rtp: number, rtcp: number): void {
    Object.assign(this.#ports, { rtp, rtcp })
    this.send('rtp', Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
    this.send('rtcp', Buffer.from([0x80, 0xc9, 0, 1, 0, 0, 0, 0]))
  }

  send(channel: RtpChannel, packet: Buffer): void {
    const port = this.#ports[channel]
    if (port !== undefined && port > 0 && port < 65_536)
      this.#sockets[channel].send(packet, port, this.#camera, () => {})
  }

  close(): void {
    this.#order.stop()
    for (const socket of Object.values(this.#sockets)) socket.close()
  }
}

async function bound(camera: string, port: number): Promise<Socket> {
  const socket = createSocket(isIPv6(camera) ? 'udp6' : 'udp4')
  socket.bind(port)
  try {
    await once(socket, 'listening')
  } catch (error) {
    socket.close()
    throw error
  }
  return socket
}

/** Gives packets on in the order of their numbers: waits a little for one that is late, and leaves out one that is too late. */
export class RtpReorderBuffer {
  readonly #give: (packet: Buffer) => void
  /** Number of the packet that is next. */
  #next: number | undefined
  /** By how far they are ahead of the one that is next; those that came too early. */
  readonly #early = new Map<number, Buffer>()
  #timer: NodeJS.Timeout | undefined

  constructor(give: (packet: Buffer) => void) {
    this.#give = give
  }

  push(packet: Buffer): void {
    if (packet.length < 12) return
    const number = packet.readUInt16BE(2)
    const ahead = (number - (this.#next ?? number) + 65_536) % 65_536
    if (ahead >= 65_536 - MOST_BEHIND) return
    if (ahead > MOST_AHEAD) this.#flush()
    if (ahead === 0 || ahead > MOST_AHEAD) {
      this.#pass(number, packet)
    } else {
      this.#early.set(number, packet)
      this.#timer ??= setTimeout(() => this.#flush(), HELD_MS)
      if (this.#early.size > MOST_HELD) this.#flush()
    }
    this.#passEarly()
  }

  /** Nothing is given any more. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#early.clear()
  }

  #pass(number: number, packet: Buffer): void {
    this.#next = (number + 1) % 65_536
    this.#give(packet)
  }

  #passEarly(): void {
    for (;;) {
      const packet = this.#next === undefined ? undefined : this.#early.get(this.#next)
      if (packet === undefined || this.#next === undefined) break
      this.#early.delete(this.#next)
      this.#pass(this.#next, packet)
    }
    if (this.#early.size > 0) return
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** What is missing does not come. */
  #flush(): void {
    const next = this.#next ?? 0
    const distance = (number: number): number => (number - next + 65_536) % 65_536
    const packets = [...this.#early].toSorted(([a], [b]) => distance(a) - distance(b))
    this.#early.clear()
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const [number, packet] of packets) this.#pass(number, packet)
  }
}
