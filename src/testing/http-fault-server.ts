import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { type Check, checkBoolean, checkOptions, integer, invalidOption, string } from '../options.ts'
import { resetConnection } from '../server/listener.ts'
import { faultName } from './faults.ts'
import {
  addressChecks,
  type FaultServerAddress,
  type Plan,
  PlannedHttpServer,
  writeWithoutEnd,
} from './planned-server.ts'

/** Options of {@link httpFaultServer}. */
export interface HttpFaultServerOptions extends FaultServerAddress {
  /** Content-Type of everything whose path does not tell. @defaultValue `'application/octet-stream'` */
  type?: string
  /** Further headers of every good answer, e.g. `{ 'icy-name': 'Test' }`. @defaultValue none */
  headers?: Readonly<Record<string, string>>
  /** Whether bodies are sent again and again, without a length, as radio is. @defaultValue `false` */
  endless?: boolean
  /** Bytes a second, 1 or more. @defaultValue as fast as the client takes them */
  bytesPerSecond?: number
}

/** What a client asked for. */
export interface HttpRequestRecord {
  /** Path with query. */
  path: string
  headers: IncomingHttpHeaders
  /** What it got. */
  fault: HttpFault
}

/** What is served: one body at every path, bodies by path, or a function of the path. */
export type HttpServed =
  Buffer | Readonly<Record<string, Buffer | string>> | ((path: string) => Buffer | string | undefined)

const typesByEnding: Readonly<Record<string, string>> = {
  m3u8: 'application/vnd.apple.mpegurl',
  ts: 'video/mp2t',
  mp4: 'video/mp4',
  m4s: 'video/iso.segment',
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
}

/** A running {@link httpFaultServer}. */
export class HttpFaultServer extends PlannedHttpServer<HttpFault, [index: number, path: string]> {
  readonly #served: (path: string) => Buffer | string | undefined
  readonly #options: HttpFaultServerOptions
  readonly #requests: HttpRequestRecord[] = []
  /** Every request so far, in order. */
  readonly requests: readonly HttpRequestRecord[] = this.#requests

  /** @internal */
  constructor(served: HttpServed, plan: HttpFaultPlan, options: HttpFaultServerOptions) {
    super(plan, httpFaultChecks, options)
    this.#served = servedBy(served)
    this.#options = options
  }

  /** Address of a path, e.g. `http://127.0.0.1:8080/talk.mp3`. */
  url(path = '/'): string {
    return this.listener.url('http', path)
  }

  /** @internal */
  protected override answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '/'
    const answered = this.attempt(() => {
      const fault = this.faultOf(this.#requests.length, path)
      if (fault === undefined) return false
      this.#requests.push({ path, headers: request.headers, fault })
      const content = this.#contentOf(path)
      if (content === undefined && fault.fault === 'none') response.writeHead(404).end()
      else httpFaults[fault.fault]({ request, response, fault, content: content ?? this.#content(path, '') })
      return true
    })
    if (!answered) response.destroy()
  }

  #contentOf(path: string): HttpContent | undefined {
    const body = this.#served(path.replace(/\?.*$/, ''))
    return body === undefined ? undefined : this.#content(path, body)
  }

  #content(path: string, body: Buffer | string): HttpContent {
    const { type = 'application/octet-stream', headers = {}, endless = false, bytesPerSecond } = this.#options
    const ending = /\.(\w+)(?:\?|$)/.exec(path)?.[1] ?? ''
    return { body: Buffer.from(body), type: typesByEnding[ending] ?? type, headers, endless, bytesPerSecond }
  }
}

function servedBy(served: HttpServed): (path: string) => Buffer | string | undefined {
  if (typeof served === 'function') return served
  if (Buffer.isBuffer(served)) return () => served
  if (typeof served !== 'object' || served === null)
    throw invalidOption('content', 'a Buffer, bodies by path, or a function', served)
  for (const [path, body] of Object.entries(served)) {
    if (path.startsWith('/') && (Buffer.isBuffer(body) || typeof body === 'string')) continue
    throw invalidOption('content', `a Buffer, bodies by path as { '/talk.mp3': buffer }, or a function`, served)
  }
  return (path) => (Object.hasOwn(served, path) ? served[path] : undefined)
}

const optionChecks: Readonly<Record<string, Check>> = {
  type: string(),
  headers: () => {},
  endless: checkBoolean,
  bytesPerSecond: integer(1, undefined, 'bytes a second'),
  ...addressChecks,
}

/**
 * Starts an HTTP server that misbehaves on purpose, for tests of what a pipeline does then. It knows ranges and ETags.
 *
 * ```ts
 * const server = await httpFaultServer(await readFile('talk.mp3'), [{ fault: 'drop', afterBytes: 5000 }])
 * await run(httpSource(server.url('/talk.mp3')), resample(), diarize(), srtSink('talk.srt'))
 * ```
 *
 * @param content - what it serves; see {@link HttpServed}.
 * @param plan - the faults, one a request: a list, those after its last get a good server; one for all; or a function of
 * the number of the request, from 0, and its path.
 * @throws ConfigurationError (`INVALID_OPTION`) for a fault that does not exist, or a wrong option.
 */
export async function httpFaultServer(
  content: HttpServed,
  plan: HttpFaultPlan = [],
  options: HttpFaultServerOptions = {},
): Promise<HttpFaultServer> {
  checkOptions('httpFaultServer()', options, optionChecks)
  const server = new HttpFaultServer(content, plan, options)
  await server.listen()
  return server
}

/**
 * What an {@link httpFaultServer} can do wrong.
 *
 * - `none`: does nothing wrong: a good server.
 * - `drop`: resets the connection within the body.
 * - `truncate`: closes the connection in good order within the body.
 * - `stall`: sends no more within the body, and keeps the connection.
 * - `slow`: sends the body slowly, `bytesPerSecond`.
 * - `hang`: takes the request and never answers.
 * - `refuse`: resets the connection instead of an answer.
 * - `status`: answers with `status` and a short text.
 * - `redirect`: sends the client to `location`.
 * - `ignoreRange`: knows no ranges: sends the whole, whatever part was asked for.
 * - `chunked`: says no length, and marks the end of the body (chunked).
 * - `unsized`: says no length, and closes the connection at the end of the body, as HTTP 1.0 does.
 * - `dropChunked`: says no length, and resets the connection within a chunked body.
 * - `changed`: has other content of the same length by now: another ETag.
 * - `compressed`: sends the body as if compressed, though nobody asked for it.
 * - `icy`: an old radio server: its status line is `ICY 200 OK`.
 * - `endlessHeaders`: sends headers that never end.
 * - `endlessBody`: sends a body that never ends and never says anything: zeros.
 * - `garbage`: answers in no HTTP.
 */
export type HttpFaultName =
  | 'none'
  | 'drop'
  | 'truncate'
  | 'stall'
  | 'slow'
  | 'hang'
  | 'refuse'
  | 'status'
  | 'redirect'
  | 'ignoreRange'
  | 'chunked'
  | 'unsized'
  | 'dropChunked'
  | 'changed'
  | 'compressed'
  | 'icy'
  | 'endlessHeaders'
  | 'endlessBody'
  | 'garbage'

/** One fault of one request. */
export interface HttpFault {
  /** Which fault; see {@link HttpFaultName}. */
  fault: HttpFaultName
  /** Bytes of the answer's body before it happens. @defaultValue half of the content */
  afterBytes?: number
  /** HTTP status of `status` and `redirect`. @defaultValue 503 and 302 */
  status?: number
  /** Address of `redirect`; the same address where absent, so that it never ends. */
  location?: string
  /** Bytes a second of `slow`. @defaultValue 1000 */
  bytesPerSecond?: number
}

/** A request that is being answered, and what it asks for. */
export interface HttpExchange {
  request: IncomingMessage
  response: ServerResponse
  content: HttpContent
  fault: HttpFault
}

type Behaviour = (exchange: HttpExchange) => void

/** Cuts the body after so many bytes, and does `then` with the connection. */
const cut =
  (then: (socket: Socket | null) => void, options: SendingOptions = {}): Behaviour =>
  (exchange) => {
    const stopAfter = exchange.fault.afterBytes ?? Math.floor(exchange.content.body.length / 2)
    sendBody(exchange, { ...options, stopAfter, stopped: () => then(exchange.response.socket) })
  }

const httpFaults: Readonly<Record<HttpFaultName, Behaviour>> = {
  none: (exchange) => sendBody(exchange),
  drop: cut(resetConnection),
  truncate: cut((socket) => socket?.end()),
  stall: cut(() => {}),
  slow: (exchange) => sendBody(exchange, { bytesPerSecond: exchange.fault.bytesPerSecond ?? 1000 }),
  hang: () => {},
  refuse: ({ response }) => resetConnection(response.socket),
  status: ({ response, fault: { status = 503 } }) => {
    const login = status === 401 ? { 'www-authenticate': 'Basic realm="test"' } : {}
    response.writeHead(status, { 'content-type': 'text/plain', ...login }).end(`status ${status}\n`)
  },
  redirect: ({ request, response, fault: { status = 302, location = request.url ?? '/' } }) => {
    response.writeHead(status, { location }).end()
  },
  ignoreRange: (exchange) => sendBody(exchange, { ignoreRange: true }),
  chunked: (exchange) => sendBody(exchange, { length: 'chunked' }),
  unsized: (exchange) => sendBody(exchange, { length: 'none' }),
  dropChunked: cut(resetConnection, { length: 'chunked' }),
  changed: (exchange) => sendBody(exchange, { etag: '"changed"', ignoreRange: true }),
  compressed: (exchange) => {
    exchange.response.setHeader('content-encoding', 'gzip')
    sendBody(exchange)
  },
  icy: (exchange) => {
    const { response, content } = exchange
    const head = ['ICY 200 OK', 'icy-name: Test', 'icy-br: 128', `content-type: ${content.type}`]
    response.socket?.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), content.body]))
  },
  endlessHeaders: ({ response }) => {
    const { socket } = response
    if (!socket) return
    socket.write('HTTP/1.1 200 OK\r\n')
    writeWithoutEnd(socket, `x-filler: ${'a'.repeat(1000)}\r\n`)
  },
  endlessBody: ({ request, response, content }) => {
    response.writeHead(200, { 'content-type': content.type })
    // Of what is written behind a head alone nothing goes out, so that nothing would stop it.
    if (request.method === 'HEAD') return void response.end()
    writeWithoutEnd(response, Buffer.alloc(65_536))
  },
  garbage: ({ response }) => void response.socket?.end('this is no HTTP\r\n\r\n'),
}

/** Which request gets which fault, by the number of the request from 0 and its path. */
export type HttpFaultPlan = Plan<HttpFault, [index: number, path: string]>

const httpFaultChecks: Readonly<Record<string, Check>> = {
  fault: faultName(Object.keys(httpFaults)),
  afterBytes: integer(0, undefined, 'bytes'),
  status: integer(200, 599),
  location: string(0),
  bytesPerSecond: integer(1, undefined, 'bytes a second'),
}

export interface HttpContent {
  body: Buffer
  type: string
  headers: Readonly<Record<string, string>>
  /** Whether the body is sent again and again, with no length. */
  endless: boolean
  /** Bytes a second; as fast as the client takes it where absent. */
  bytesPerSecond: number | undefined
}

/** How {@link sendBody} departs from what a good server does. */
interface SendingOptions {
  stopAfter?: number
  /** Called once the bytes before `stopAfter` have left. */
  stopped?: () => void
  bytesPerSecond?: number
  ignoreRange?: boolean
  length?: 'chunked' | 'none'
  etag?: string
}

const PIECE_BYTES = 16_384

/** Milliseconds between two pieces of a body that is sent slowly. */
const SLOW_INTERVAL = 50

/** Answers with the content, or the part of it that was asked for. */
function sendBody(
  { request, response, content }: { request: IncomingMessage; response: ServerResponse; content: HttpContent },
  options: SendingOptions = {},
): void {
  const { body, type, headers, endless } = content
  const etag = options.etag ?? `"${body.length}"`
  const part = options.ignoreRange === true || endless ? undefined : rangeOf(request, body.length, etag)
  if (part === 'impossible') {
    response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end()
    return
  }
  const { start, end } = part ?? { start: 0, end: body.length }
  const sized = !endless && options.length === undefined
  const closes = endless || options.length === 'none'
  // Without a length, Node marks the end of a body by itself, unless it is told not to.
  response.useChunkedEncodingByDefault = !closes
  response.writeHead(part === undefined ? 200 : 206, {
    'content-type': type,
    ...(!endless && { etag, 'accept-ranges': 'bytes' }),
    ...(sized && { 'content-length': String(end - start) }),
    ...(closes && { connection: 'close' }),
    ...(part !== undefined && { 'content-range': `bytes ${start}-${end - 1}/${body.length}` }),
    ...headers,
  })
  response.flushHeaders()
  // Where there is no body to send, each write would be done in the same turn.
  if (request.method === 'HEAD' || (endless && body.length === 0)) return void response.end()
  const { stopAfter = Infinity, stopped, bytesPerSecond: rate = content.bytesPerSecond } = options
  const piece = rate === undefined ? PIECE_BYTES : Math.max(1, Math.round((rate * SLOW_INTERVAL) / 1000))
  let at = start
  let sent = 0
  const more = (): void => {
    if (response.destroyed) return
    if (sent >= stopAfter) return stopped?.()
    if (at >= end && !endless) return void response.end()
    if (at >= end) at = 0
    const bytes = body.subarray(at, Math.min(end, at + piece, at + stopAfter - sent))
    at += bytes.length
    sent += bytes.length
    response.write(bytes, (error) => {
      if (error) return
      if (rate === undefined) more()
      else setTimeout(more, SLOW_INTERVAL)
    })
  }
  more()
}

/** The part asked for; `undefined` for the whole. */
function rangeOf(
  { headers }: IncomingMessage,
  length: number,
  etag: string,
): { start: number; end: number } | 'impossible' | undefined {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? []
  if (from === undefined) return undefined
  if (headers['if-range'] !== undefined && headers['if-range'] !== etag) return undefined
  const start = Number(from)
  const end = to === undefined || to === '' ? length : Math.min(length, Number(to) + 1)
  return start < end ? { start, end } : 'impossible'
}
