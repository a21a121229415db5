import { createRequire } from 'node:module'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type * as Library from 'ws'
import { retryAfter } from '../back-off.ts'
import { createConnect } from '../network.ts'
import { bareHost, defined } from '../options.ts'
import { refusalError, sessionError } from '../protocol/close-codes.ts'
import { AudioMessage, sendsPastWs } from './audio-message.ts'
import {
  MAX_MESSAGE_BYTES,
  type ServerDate,
  type SessionTarget,
  type Transport,
  type TransportListener,
} from './transport.ts'

/** As it is, in CommonJS, it loads four times as fast. */
let library = required()

const MAX_BODY_BYTES = 4096
const BODY_TIMEOUT_MS = 1000
/** Answers to the server's pings that may wait to be sent, bytes. */
const MOST_UNSENT = 64 * 1024
/** Frames between two pings behind audio: a second of it. A ping and its answer cost as much as two frames. */
const PING_EVERY = 20
/** Frames that the server may leave unread beside those between two pings: half a second of audio. */
const UNREAD = 10
/** Pings whose times are kept; a server that never answers one must not fill the memory. */
const MOST_PINGS = 64
/** Longest round trip that counts, ms. */
const MOST_ROUND_TRIP_MS = 5000
const FRAME_MS = 50

/** Loads what sockets are made with, where it is not there yet; to be waited for before the first. */
export async function loadSockets(): Promise<void> {
  library ??= await import('ws')
}

/**
 * A WebSocket to a server. A socket takes minutes of audio for a server that reads none of it; but a ping is answered
 * in its order among the frames, so its answer says that all before it was read. Two intervals without anything end a
 * half-open connection.
 */
export class WebSocketTransport implements Transport {
  serverDate: ServerDate | undefined
  readonly #target: SessionTarget
  readonly #listener: TransportListener
  readonly #socket: Library.WebSocket
  #connection: Socket | undefined
  #message: AudioMessage | undefined
  #taken = (): void => {}
  readonly #closing = new AbortController()
  readonly #liveness: NodeJS.Timeout
  #silentIntervals = 0
  /** When the frame with this number was followed by a ping that is not answered yet. */
  readonly #pings = new Map<number, number>()
  #sent = 0
  #read: number | undefined
  #roundTrip = MOST_ROUND_TRIP_MS

  /** @param pingInterval - time in ms between the pings that tell whether the server is there. */
  constructor(target: SessionTarget, pingInterval: number, listener: TransportListener) {
    this.#target = target
    this.#listener = listener
    const connected = target.ahead?.take()
    const socket = new library!.WebSocket(target.url, {
      headers: target.headers,
      // PCM does not compress; a deflate context would cost memory per stream for nothing.
      perMessageDeflate: false,
      // Following a redirect would hand the key to another host.
      followRedirects: false,
      // A server that pings without end and reads nothing would have us pile up the answers.
      autoPong: false,
      maxPayload: MAX_MESSAGE_BYTES,
      ...defined({ agent: target.agent, ca: target.ca }),
      ...(target.proxy && { createConnection: this.#throughProxy(target.proxy) }),
      ...(connected && { createConnection: () => connected }),
    })
    this.#socket = socket
    this.#liveness = setInterval(() => this.#checkLiveness(), pingInterval)
    socket.once('upgrade', (response: IncomingMessage) => {
      this.#connection = response.socket
      // What an agent made of other streams may still hold what it has taken.
      if (sendsPastWs && response.socket instanceof Socket) this.#message = new AudioMessage()
      const date = Date.parse(response.headers.date ?? '')
      if (!Number.isNaN(date)) this.serverDate = { date, came: Date.now() }
    })
    socket.on('unexpected-response', (_request, response) => this.#refused(response))
    socket.on('message', (data, binary) => {
      this.#silentIntervals = 0
      listener.message(data as Buffer, binary)
    })
    socket.on('ping', (data) => {
      if (listener.counts(data.length) && socket.bufferedAmount < MOST_UNSENT) socket.pong(data, undefined, () => {})
    })
    socket.on('pong', (data) => {
      if (listener.counts(data.length)) this.#answered(Number(data.toString()))
    })
    socket.on('error', (error) => listener.failed(error))
    socket.on('close', (code, reason) => {
      this.#closing.abort()
      clearInterval(this.#liveness)
      listener.closed(code, reason.toString())
    })
  }

  /** Whether the server leaves more than a second and a half of audio unread, beside what is on its way. */
  get full(): boolean {
    if (this.#read === undefined) return false
    const onItsWay = PING_EVERY + Math.ceil(this.#roundTrip / FRAME_MS)
    return this.#sent - this.#read >= UNREAD + onItsWay
  }

  send(audio: Buffer, taken: () => void): void {
    const socket = this.#socket
    const connection = this.#connection
    if (socket.readyState !== socket.OPEN || connection === undefined) return
    this.#sent += 1
    const ping = this.#sent % PING_EVERY === 1
    // The ping behind it goes in the same piece: a second call of the kernel costs more than all the rest of a ping.
    if (ping) connection.cork()
    this.#taken = taken
    // Without compression ws writes each of its own messages whole and at once: none can fall into another.
    if (this.#message === undefined) socket.send(audio, this.#written)
    else connection.write(this.#message.of(audio), this.#written)
    if (!ping) return
    this.#pings.set(this.#sent, performance.now())
    if (this.#pings.size > MOST_PINGS) this.#pings.delete(this.#pings.keys().next().value!)
    socket.ping(String(this.#sent), undefined, () => {})
    connection.uncork()
  }

  /** The kernel has taken the frame. On a socket that is closing it fails at once, over and over. */
  readonly #written = (error?: Error | null): void => void (error ?? this.#taken())

  sendText(text: string): void {
    // The callback keeps ws from throwing when the socket closes under it.
    this.#socket.send(text, () => {})
  }

  close(): void {
    this.#socket.close(1000)
  }

  destroy(): void {
    this.#socket.terminate()
    if (this.#socket.readyState !== this.#socket.CLOSED) return
    clearInterval(this.#liveness)
    this.#listener.closed(1006, '')
  }

  /** Opens the connection as `http.request()` wants it. */
  #throughProxy(proxy: URL): NonNullable<RequestOptions['createConnection']> {
    const url = new URL(this.#target.url)
    const { protocol, host, port } = url
    const to = { protocol: protocol === 'wss:' ? 'https:' : 'http:', hostname: bareHost(url), host, port }
    return (_options, opened) => {
      import('undici')
        .then((undici) =>
          createConnect(undici, { ca: this.#target.ca, proxyFor: () => proxy })(to, this.#closing.signal),
        )
        .then(
          (socket) => opened(null, socket),
          (error: Error) => opened(error, new Duplex().destroy()),
        )
      return undefined
    }
  }

  #answered(frame: number): void {
    this.#silentIntervals = 0
    // One to a ping that was there before any audio says nothing of that.
    if (!(frame > (this.#read ?? 0) && frame <= this.#sent)) return
    const at = this.#pings.get(frame)
    if (at !== undefined) this.#roundTrip = Math.min(this.#roundTrip, performance.now() - at)
    this.#pings.delete(frame)
    this.#read = frame
    this.#listener.drained()
  }

  #checkLiveness(): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (this.#silentIntervals < 2) {
      this.#silentIntervals += 1
      this.#socket.ping(() => {})
      return
    }
    clearInterval(this.#liveness)
    const facts = { retryable: true }
    this.#listener.failed(sessionError(this.#target, 'SESSION_STALLED', 'the server answers no pings', facts))
  }

  /** The server answers the upgrade with a plain HTTP response, whose body says more than the socket's own error. */
  #refused(response: IncomingMessage): void {
    const finish = readBody(response, (body) => {
      const wait = retryAfter(response.headers)
      this.#listener.failed(refusalError(this.#target, response.statusCode ?? 0, body, wait))
    })
    // What is wrong with the rest of the answer makes no other answer of it.
    this.#socket.prependListener('error', finish)
  }
}

/** Calls `done` once with what came of the body, bounded in size and time; gives what ends it at once. */
function readBody(response: IncomingMessage, done: (body: string) => void): () => void {
  let body = ''
  let finished = false
  const finish = (): void => {
    if (finished) return
    finished = true
    clearTimeout(limit)
    done(body.slice(0, MAX_BODY_BYTES))
  }
  const limit = setTimeout(finish, BODY_TIMEOUT_MS)
  response.setEncoding('utf8')
  response.on('error', finish)
  response.on('end', finish)
  response.on('data', (chunk: string) => {
    if (!finished) body += chunk
    if (body.length >= MAX_BODY_BYTES) finish()
  })
  return finish
}

function required(): typeof Library | undefined {
  try {
    return createRequire(import.meta.url)('ws') as typeof Library
  } catch {
    // What bundlers make holds only what is imported.
    return undefined
  }
}
