import { retryAfter } from '../../back-off.ts'
import { DiarizeStreamError } from '../../errors.ts'
import { oneLine } from '../../redact.ts'
import { badStatus, noAnswer, refused, stalled, tooLarge, unreadable } from './failures.ts'
import type { HttpSettings } from './options.ts'
import { isHttp, parseUrl, shownUrl } from './address.ts'
import { lookup as resolveHost } from 'node:dns/promises'
import { Agent, type IncomingMessage, request as requestHttp, type RequestOptions } from 'node:http'
import { Agent as SecureAgent, request as requestHttps } from 'node:https'
import { connect, isIP, type LookupFunction, type Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** Redirects in a row that are followed. */
const MOST_REDIRECTS = 10

/** Bytes of all headers of an answer together. */
const MOST_HEADER_BYTES = 32_768

/** An answer with content, status 200 or 206; its body is not yet read. */
export interface HttpAnswer {
  response: IncomingMessage
  /** Where it came from in the end. */
  url: URL
}

/** Makes the requests of one source, under its limits and its `allowUrl`, and closes all of its sockets. */
export class HttpClient {
  readonly #settings: HttpSettings
  /** Only this origin gets the user's headers. */
  readonly #origin: string
  readonly #closing = new AbortController()
  readonly #plainAgent = new Agent()
  readonly #secureAgent = new SecureAgent()
  #bytes = 0

  constructor(first: URL, settings: HttpSettings) {
    this.#origin = first.origin
    this.#settings = settings
  }

  /** Fires when the source is closed: nothing may be waited for any longer. */
  get signal(): AbortSignal {
    return this.#closing.signal
  }

  /** Ends every request. */
  close(): void {
    this.#closing.abort()
    this.#plainAgent.destroy()
    this.#secureAgent.destroy()
  }

  /** Counts bytes of a body against `maxBytes`. @throws InputError `INPUT_TOO_LARGE` */
  count(url: URL, bytes: number): void {
    this.#bytes += bytes
    this.expect(url, 0)
  }

  /** @throws InputError `INPUT_TOO_LARGE` if `bytes` more would be too many. */
  expect(url: URL, bytes: number): void {
    const { maxBytes } = this.#settings
    if (this.#bytes + bytes > maxBytes) throw tooLarge(shownUrl(url), `maxBytes, ${maxBytes} bytes`)
  }

  /**
   * Asks for `first`, following redirects.
   *
   * @param headers - further headers, for whatever host answers in the end.
   * @throws InputError for anything but an answer with content.
   */
  async get(first: URL, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
    let url = first
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      const response = await this.#request(url, headers)
      const { statusCode: status = 0 } = response
      const target = status >= 300 && status < 400 ? response.headers.location : undefined
      if (target === undefined) return this.#check(response, url)
      response.destroy()
      const next = parseUrl(target, url)
      if (next === undefined) throw refused(shownUrl(url), 'it redirects to what is no address')
      if (!isHttp(next)) throw refused(shownUrl(url), `it redirects to a ${oneLine(next.protocol, 40)} address`)
      url = next
    }
    throw refused(shownUrl(first), `it redirects more than ${MOST_REDIRECTS} times`)
  }

  #check(response: IncomingMessage, url: URL): HttpAnswer {
    const { statusCode: status = 0, headers } = response
    const shown = shownUrl(url)
    const coding = headers['content-encoding'] ?? 'identity'
    const failure =
      status !== 200 && status !== 206
        ? Object.assign(badStatus(shown, status), retryAfter(headers))
        : coding !== 'identity'
          ? unreadable(shown, 'it comes compressed, which was not asked for')
          : undefined
    if (failure === undefined) return { response, url }
    response.destroy()
    throw failure
  }

  async #request(url: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    const addresses = await this.#allow(url)
    const shown = shownUrl(url)
    const options = this.#requestOptions(url, headers, addresses)
    try {
      return await this.#answer(url, options)
    } catch (error) {
      if (this.signal.aborted || error instanceof DiarizeStreamError) throw error
      const { rawPacket } = error as { rawPacket?: unknown }
      if (!Buffer.isBuffer(rawPacket) || !rawPacket.toString('latin1', 0, 4).startsWith('ICY')) {
        throw noAnswer(shown, error)
      }
    }
    const icy: RequestOptions = { ...options, agent: undefined }
    icy.createConnection = () =>
      new IcySocket(connect({ host: bareHost(url), port: Number(url.port || 80), ...lookupOption(addresses) }))
    try {
      return await this.#answer(url, icy)
    } catch (error) {
      throw this.signal.aborted || error instanceof DiarizeStreamError ? error : noAnswer(shown, error)
    }
  }

  /** The IP addresses the connection may go to; `undefined` where nobody restricts them. */
  async #allow(url: URL): Promise<readonly string[] | undefined> {
    if (!isHttp(url)) throw refused(shownUrl(url), 'only http: and https: addresses are')
    const { allowUrl, connectTimeout } = this.#settings
    if (allowUrl === undefined) return undefined
    const shown = shownUrl(url)
    const addresses = await this.#resolve(url, connectTimeout)
    let allowed: unknown
    try {
      // A copy, so that what the hook does to it changes nothing.
      allowed = await this.#unlessClosed(Promise.resolve(allowUrl(new URL(url.href), addresses)))
    } catch (cause) {
      this.signal.throwIfAborted()
      throw refused(shown, 'allowUrl threw', cause)
    }
    if (allowed !== true) throw refused(shown, 'allowUrl does not allow it')
    return addresses
  }

  async #resolve(url: URL, limit: number): Promise<string[]> {
    const host = bareHost(url)
    if (isIP(host) !== 0) return [host]
    const { promise, clear } = expiry(limit, () => stalled(shownUrl(url), limit, 'address'))
    try {
      const found = await this.#unlessClosed(Promise.race([resolveHost(host, { all: true }), promise]))
      return found.map(({ address }) => address)
    } catch (cause) {
      this.signal.throwIfAborted()
      throw cause instanceof DiarizeStreamError ? cause : noAnswer(shownUrl(url), cause)
    } finally {
      clear()
    }
  }

  /** What `work` gives; rejects at once when the source is closed, though the work cannot be stopped. */
  async #unlessClosed<T>(work: Promise<T>): Promise<T> {
    this.signal.throwIfAborted()
    let stop = (): void => {}
    const closed = new Promise<never>((_resolve, reject) => {
      stop = () => reject(this.signal.reason as Error)
    })
    this.signal.addEventListener('abort', stop, { once: true })
    try {
      return await Promise.race([work, closed])
    } finally {
      this.signal.removeEventListener('abort', stop)
    }
  }

  #requestOptions(
    url: URL,
    headers: Readonly<Record<string, string>>,
    addresses: readonly string[] | undefined,
  ): RequestOptions & { ca?: string | Buffer | undefined; rejectUnauthorized: boolean } {
    const { userAgent, headers: own, ca, verifyCertificate } = this.#settings
    const login = url.username === '' && url.password === '' ? {} : { authorization: basic(url) }
    return {
      headers: {
        'user-agent': userAgent,
        accept: '*/*',
        'accept-encoding': 'identity',
        ...login,
        ...(url.origin === this.#origin && own),
        ...headers,
      },
      agent: url.protocol === 'https:' ? this.#secureAgent : this.#plainAgent,
      signal: this.signal,
      maxHeaderSize: MOST_HEADER_BYTES,
      rejectUnauthorized: verifyCertificate,
      ...(ca !== undefined && { ca }),
      ...lookupOption(addresses),
    }
  }

  /** The answer of one server to one request, once its headers are there. */
  #answer(url: URL, options: RequestOptions): Promise<IncomingMessage> {
    const { connectTimeout } = this.#settings
    return new Promise((resolve, reject) => {
      // User and password go into a header of ours, so that no error of Node's shows them.
      const bare = new URL(url.href)
      bare.username = ''
      bare.password = ''
      const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(bare, options)
      const timer = setTimeout(() => {
        request.destroy(stalled(shownUrl(url), connectTimeout, 'answer'))
      }, connectTimeout)
      request.once('response', (response) => {
        clearTimeout(timer)
        // Until somebody reads the body, a failure of it is nobody's.
        response.on('error', () => {})
        resolve(response)
      })
      request.on('error', (error) => {
        clearTimeout(timer)
        reject(error)
      })
      request.end()
    })
  }
}

function basic(url: URL): string {
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return `Basic ${Buffer.from(login).toString('base64')}`
}

function bareHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1')
}

/** Makes a connection go to addresses that are known, whatever the name server says by now. */
function lookupOption(addresses: readonly string[] | undefined): { lookup?: LookupFunction } {
  if (addresses === undefined) return {}
  const all = addresses.map((address) => ({ address, family: isIP(address) }))
  return {
    lookup: (_host, options, callback) => {
      const [first] = all
      if (first === undefined) callback(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), '', 0)
      else if (options.all) callback(null, all)
      else callback(null, first.address, first.family)
    },
  }
}

function expiry(limit: number, failure: () => Error): { promise: Promise<never>; clear: () => void } {
  let timer: NodeJS.Timeout | undefined
  const promise = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(failure()), limit)
  })
  return { promise, clear: () => clearTimeout(timer) }
}

const wrong = Buffer.from('ICY ')
const right = Buffer.from('HTTP/1.0 ')

/**
 * A connection to an old radio server, whose status line is `ICY 200 OK`: makes `HTTP/1.0 200 OK` of it, which Node
 * takes.
 */
export class IcySocket extends Duplex {
  readonly #socket: Socket
  #begin: Buffer | undefined = Buffer.alloc(0)

  constructor(socket: Socket) {
    super({ readableHighWaterMark: 16_384, writableHighWaterMark: 16_384 })
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('end', () => this.push(null))
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
  }

  #take(chunk: Buffer): void {
    let bytes = chunk
    if (this.#begin !== undefined) {
      bytes = Buffer.concat([this.#begin, chunk])
      this.#begin = bytes.length < wrong.length ? bytes : undefined
      if (this.#begin !== undefined) return
      if (bytes.subarray(0, wrong.length).equals(wrong)) bytes = Buffer.concat([right, bytes.subarray(wrong.length)])
    }
    if (!this.push(bytes)) this.#socket.pause()
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#socket.write(chunk, callback)
  }

  override _final(callback: () => void): void {
    this.#socket.end(callback)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#socket.destroy()
    callback(error)
  }
}
