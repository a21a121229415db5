import { BinaryMessage } from './binary-message.ts'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'

/** Frames between two pings: a second of audio. A ping and its answer cost as much as two frames. */
const PING_EVERY = 20
/** Frames that the peer may leave unread beside those between two pings: half a second of audio. */
const UNREAD = 10
/** Answers waited for; a peer that never gives one must not fill the memory. */
const MOST_PINGS = 64
/** Longest round trip that counts, ms. */
const MOST_ROUND_TRIP_MS = 5000
const FRAME_MS = 50

/**
 * Knows how much of the audio the peer has read. A socket takes minutes of audio for a peer that reads none of it, since
 * the kernels on both sides hold it; but a peer answers pings in their order among the frames, so the answer to a ping
 * says that every frame before it has been read. A peer that has never answered one is not judged by this.
 */
export class ReadingWindow {
  readonly #socket: WebSocket
  /** The connection beneath it. */
  #connection: Socket | undefined
  readonly #message = new BinaryMessage()
  readonly #pings = new Map<number, number>()
  #sent = 0
  #read: number | undefined
  #roundTrip = MOST_ROUND_TRIP_MS

  /** @param moved - called when the peer has read more. */
  constructor(socket: WebSocket, moved: () => void) {
    this.#socket = socket
    socket.once('upgrade', (response: IncomingMessage) => (this.#connection = response.socket))
    socket.on('pong', (data: Buffer) => {
      const frame = Number(data.toString())
      const at = this.#pings.get(frame)
      if (at === undefined) return
      this.#pings.delete(frame)
      this.#roundTrip = Math.min(this.#roundTrip, performance.now() - at)
      this.#read = Math.max(this.#read ?? 0, frame)
      moved()
    })
  }

  /** Whether the peer leaves more than a second and a half of audio unread, beside what is on its way. */
  get full(): boolean {
    if (this.#read === undefined) return false
    const onItsWay = PING_EVERY + Math.ceil(this.#roundTrip / FRAME_MS)
    return this.#sent - this.#read >= UNREAD + onItsWay
  }

  /**
   * Sends a frame of 50 ms, one at a time, and behind some of them a ping, in one piece: a second call of the kernel costs
   * more than all the rest of a ping. Frames pass `ws` by: it makes every message anew, byte by byte. Without compression
   * it writes each of its own whole and at once, so that none can fall into another.
   *
   * @param written - called by the connection when the kernel has taken the frame, or will not.
   */
  send(frame: Buffer, written: (error?: Error | null) => void): void {
    const connection = this.#connection
    if (connection === undefined || this.#socket.readyState !== WebSocket.OPEN) {
      written(new Error('the socket is not open'))
      return
    }
    this.#sent += 1
    const message = this.#message.wrap(frame)
    if (this.#sent % PING_EVERY !== 1 || this.#pings.size >= MOST_PINGS) {
      connection.write(message, written)
      return
    }
    this.#pings.set(this.#sent, performance.now())
    connection.cork()
    connection.write(message, written)
    this.#socket.ping(String(this.#sent), undefined, () => {})
    connection.uncork()
  }
}

/** A frame that the socket has not taken for this long is worth a warning. */
const CONGESTED_MS = 3000

/** What a {@link PeerPatience} calls. */
export interface PeerPatienceListener {
  /** Something has waited long enough to say so. */
  congested(): void
  /** Something has waited too long. */
  stalled(): void
}

/**
 * Watches waits for something that only a peer that reads can bring about. Such a wait begins with every frame and nearly
 * always ends at once, so none sets a timer of its own: one looks, now and then, how old the present wait is.
 */
export class PeerPatience {
  readonly #stallTimeout: number
  readonly #congestedAfter: number
  readonly #listener: PeerPatienceListener
  #waits = 0
  /** When the oldest wait began, in ms of `performance.now()`. */
  #since = 0
  #look: NodeJS.Timeout | undefined
  #stall: NodeJS.Timeout | undefined
  #stopped = false

  /** @param stallTimeout - longest wait in ms. */
  constructor(stallTimeout: number, listener: PeerPatienceListener) {
    this.#stallTimeout = stallTimeout
    this.#congestedAfter = Math.min(CONGESTED_MS, stallTimeout / 2)
    this.#listener = listener
  }

  /** A wait begins. */
  begin(): void {
    if (this.#stopped) return
    this.#waits += 1
    if (this.#waits > 1) return
    this.#since = performance.now()
    this.#look ??= setTimeout(this.#lookAtWait, this.#congestedAfter)
  }

  /** A wait is over. */
  end(): void {
    this.#waits -= 1
    if (this.#stall === undefined) return
    clearTimeout(this.#stall)
    this.#stall = undefined
  }

  /** No wait matters any more. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#look)
    clearTimeout(this.#stall)
  }

  readonly #lookAtWait = (): void => {
    this.#look = undefined
    if (this.#waits === 0) return
    const left = this.#congestedAfter - (performance.now() - this.#since)
    if (left > 0) {
      this.#look = setTimeout(this.#lookAtWait, left)
      return
    }
    this.#stall = setTimeout(() => this.#listener.stalled(), this.#stallTimeout - this.#congestedAfter)
    this.#listener.congested()
  }
}
