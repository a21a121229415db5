import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { checkBoolean, checkInteger, checkKnown, checkString, invalidOption } from '../options.ts'
import { Listener, type TlsOptions } from '../server/listener.ts'
import { type HttpFault, type HttpFaultPlan, httpFaults, httpPlanOf } from './http-faults.ts'
import type { HttpContent } from './http-sending.ts'

/** Options of {@link httpFaultServer}. */
export interface HttpFaultServerOptions {
  /** Content-Type of everything whose path does not tell. @defaultValue `'application/octet-stream'` */
  type?: string
  /** Further headers of every good answer, e.g. `{ 'icy-name': 'Test' }`. @defaultValue none */
  headers?: Readonly<Record<string, string>>
  /** Whether bodies are sent again and again, without a length, as radio is. @defaultValue `false` */
  endless?: boolean
  /** Bytes a second, 1 or more. @defaultValue as fast as the client takes them */
  bytesPerSecond?: number
  /** TCP port to listen on; 0 takes a free one. @defaultValue 0 */
  port?: number
  /** Address to listen on. @defaultValue `'127.0.0.1'` */
  host?: string
  /** Serves `https:` with this certificate. @defaultValue none: `http:` */
  tls?: TlsOptions
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

const optionNames = ['type', 'headers', 'endless', 'bytesPerSecond', 'port', 'host', 'tls']

const typesByEnding: Readonly<Record<string, string>> = {
  m3u8: 'application/vnd.apple.mpegurl',
  ts: 'video/mp2t',
  mp4: 'video/mp4',
  m4s: 'video/iso.segment',
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
}

/** A running {@link httpFaultServer}. */
export class HttpFaultServer {
  readonly #listener: Listener
  readonly #served: (path: string) => Buffer | string | undefined
  readonly #faultOf: (index: number, path: string) => HttpFault
  readonly #options: HttpFaultServerOptions
  readonly #requests: HttpRequestRecord[] = []
  readonly #open = new Set<ServerResponse>()
  #planError: unknown
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(served: HttpServed, plan: HttpFaultPlan, options: HttpFaultServerOptions) {
    this.#served = servedBy(served)
    this.#faultOf = httpPlanOf(plan)
    this.#options = options
    const { host = '127.0.0.1', port = 0, tls } = options
    this.#listener = new Listener(
      { host, port, tls },
      {
        request: (request, response) => this.#answer(request, response),
        upgrade: (_request, socket) => socket.destroy(),
      },
    )
  }

  /** Address of a path, e.g. `http://127.0.0.1:8080/talk.mp3`. */
  url(path = '/'): string {
    return this.#listener.url('http', path)
  }

  /** Port the server listens on. */
  get port(): number {
    return this.#listener.port
  }

  /** Every request so far, in order. */
  get requests(): readonly HttpRequestRecord[] {
    return this.#requests
  }

  /** Requests whose answer is neither complete nor cut off. */
  get open(): number {
    return this.#open.size
  }

  /** Cuts every answer that is under way by a reset, as when the server is killed. */
  cut(): void {
    for (const response of this.#open) response.socket?.resetAndDestroy()
  }

  /**
   * Cuts every connection and stops listening. Rejects with what the function that gives the faults or the content has
   * thrown, if it has.
   */
  close(): Promise<void> {
    this.#closing ??= this.#listener.close(Promise.resolve()).then(() => {
      if (this.#planError !== undefined) throw this.#planError
    })
    return this.#closing
  }

  /** @internal */
  listen(): Promise<void> {
    return this.#listener.listen()
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '/'
    this.#open.add(response)
    response.once('close', () => this.#open.delete(response))
    response.on('error', () => {})
    try {
      const fault = this.#faultOf(this.#requests.length, path)
      this.#requests.push({ path, headers: request.headers, fault })
      const content = this.#contentOf(path)
      if (content === undefined && fault.fault === 'none') response.writeHead(404).end()
      else httpFaults[fault.fault]({ request, response, fault, content: content ?? this.#content(path, '') })
    } catch (error) {
      this.#planError ??= error
      response.destroy()
    }
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
  return (path) => (Object.hasOwn(served, path) ? served[path] : undefined)
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
  checkKnown('httpFaultServer()', options, optionNames)
  checkString('type', options.type)
  checkBoolean('endless', options.endless)
  checkInteger('bytesPerSecond', options.bytesPerSecond, 1, undefined, 'bytes a second')
  checkInteger('port', options.port, 0, 65_535)
  checkString('host', options.host, 1, 255)
  const server = new HttpFaultServer(content, plan, options)
  await server.listen()
  return server
}
