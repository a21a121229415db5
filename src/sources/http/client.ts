import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { retryAfter } from '../../back-off.ts'
import { DiarizeStreamError } from '../../errors.ts'
import { basicLogin, type Connect, createConnect, ProxyError, proxyFor, proxyHeaders, toUndici } from '../../network.ts'
import { bareHost } from '../../options.ts'
import { oneLine } from '../../redact.ts'
import { unlessAborted } from '../../stream-helpers.ts'
import { addressesOf, checkAllowed, isHttp, parseUrl, shownUrl } from '../address.ts'
import { CookieJar } from './cookies.ts'
import { badStatus, noAnswer, refused, stalled, tooLarge, unreadable } from './failures.ts'
import type { HttpSettings } from './options.ts'

/** Redirects in a row that are followed. */
const MOST_REDIRECTS = 10

/** Bytes of all headers of an answer together. */
const MOST_HEADER_BYTES = 32_768

/** An answer with content, status 200 or 206. */
export interface HttpAnswer {
  status: number
  /** By name in lower case. */
  headers: Readonly<Record<string, string>>
  /** Where it came from in the end. */
  url: URL
  /** What is not yet read; destroy it to close the connection. */
  body: Readable
}

/** Makes the requests of one source, under its limits and its `allowUrl`, and closes all of its sockets. */
export class HttpClient {
  readonly #settings: HttpSettings
  /** Only its origin gets the user's headers, and the user and password in it. */
  readonly #first: URL
  readonly #closing = new AbortController()
  /** IP addresses that `allowUrl` has seen, by host; a connection goes to these only. */
  readonly #addresses = new Map<string, readonly string[]>()
  readonly #cookies = new CookieJar()
  #connect: Connect | undefined
  #bytes = 0

  constructor(first: URL, settings: HttpSettings) {
    this.#first = first
    this.#settings = settings
  }

  /** Fires when the source is closed: nothing may be waited for any longer. */
  get signal(): AbortSignal {
    return this.#closing.signal
  }

  /** Ends every request. */
  close(): void {
    this.#closing.abort()
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
   * @param signal - ends the request, and its answer.
   * @throws InputError for anything but an answer with content.
   */
  async get(first: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpAnswer> {
    let url = first
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      const answer = await this.#request(url, headers, signal)
      const target = answer.status >= 300 && answer.status < 400 ? answer.headers['location'] : undefined
      if (target === undefined) return checked(answer)
      answer.body.destroy()
      const next = parseUrl(percentEncoded(target), url)
      if (next === undefined) throw refused(shownUrl(url), 'it redirects to what is no address')
      if (!isHttp(next)) throw refused(shownUrl(url), `it redirects to a ${oneLine(next.protocol, 40)} address`)
      url = next
    }
    throw refused(shownUrl(first), `it redirects more than ${MOST_REDIRECTS} times`)
  }

  async #request(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpAnswer> {
    if (!isHttp(url)) throw refused(shownUrl(url), 'only http: and https: addresses are')
    const { allowUrl } = this.#settings
    if (allowUrl !== undefined) {
      const host = bareHost(url)
      const addresses = await this.#inTime(url, signal, 'address', (late) =>
        unlessAborted(addressesOf(host), late, () => late.reason as Error),
      )
      await unlessAborted(checkAllowed(url, addresses, allowUrl), signal, () => signal.reason as Error)
      this.#addresses.set(host, addresses)
    }
    return this.#inTime(url, signal, 'answer', (late) => this.#send(url, headers, late))
  }

  /** What `work` gives within `connectTimeout`; anything but an answer is this library's error. */
  async #inTime<T>(url: URL, signal: AbortSignal, what: string, work: (late: AbortSignal) => Promise<T>): Promise<T> {
    const { connectTimeout } = this.#settings
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(stalled(shownUrl(url), connectTimeout, what)), connectTimeout)
    try {
      return await work(AbortSignal.any([signal, late.signal]))
    } catch (error) {
      if (signal.aborted || error instanceof DiarizeStreamError) throw error
      throw noAnswer(shownUrl(url), error, this.#proxyOf(url))
    } finally {
      clearTimeout(timer)
    }
  }

  /** One request on a connection of its own, so that none fails because a server has closed one that was kept. */
  async #send(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpAnswer> {
    const undici = await import('undici')
    const { ca, verifyCertificate, allowUrl } = this.#settings
    this.#connect ??= createConnect(undici, {
      ca,
      verifyCertificate,
      proxyFor: (target) => this.#proxyOf(target),
      ...(allowUrl && { addressesOf: (host) => this.#addresses.get(host) }),
    })
    // A proxy asks for plain HTTP itself, unless it is to go to an IP address that is known here.
    const forwarding = url.protocol === 'http:' && allowUrl === undefined ? this.#proxyOf(url) : undefined
    const connect = forwarding === undefined ? this.#connect : createConnect(undici, { proxyFor: () => undefined })
    const client = new undici.Client(forwarding?.origin ?? url.origin, {
      pipelining: 0,
      maxHeaderSize: MOST_HEADER_BYTES,
      // The limits of time are ours.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: toUndici(async (target) => {
        const socket = await connect(target, signal)
        if (url.protocol === 'http:') translateIcy(socket)
        return socket
      }),
    })
    try {
      const {
        statusCode,
        headers: given,
        body,
      } = await client.request({
        method: 'GET',
        path: forwarding === undefined ? url.pathname + url.search : `${url.origin}${url.pathname}${url.search}`,
        headers: { ...this.#headers(url, headers), ...(forwarding && { host: url.host, ...proxyHeaders(forwarding) }) },
        signal,
      })
      // Until somebody reads the body, a failure of it is nobody's.
      body.on('error', () => {}).once('close', () => void client.destroy())
      // No server asks for that.
      if (forwarding !== undefined && statusCode === 407) throw new ProxyError(forwarding.host, statusCode)
      this.#cookies.take(url, [given['set-cookie'] ?? []].flat(), undici.parseCookie)
      return { status: statusCode, headers: flat(given), url, body }
    } catch (error) {
      void client.destroy()
      throw error
    }
  }

  #proxyOf(url: URL): URL | undefined {
    const { proxy } = this.#settings
    return proxy === undefined ? proxyFor(url) : proxy || undefined
  }

  #headers(url: URL, headers: Readonly<Record<string, string>>): Record<string, string> {
    const { userAgent, headers: own } = this.#settings
    const isFirst = url.origin === this.#first.origin
    // A redirect, or an entry of a playlist, seldom repeats them.
    const { username, password } = isFirst && url.username === '' && url.password === '' ? this.#first : url
    const given = isFirst ? Object.entries(own) : []
    const [, ownCookie] = given.find(([name]) => isCookie(name)) ?? []
    const cookie = this.#cookies.headerFor(url, ownCookie)
    return {
      'user-agent': userAgent,
      accept: '*/*',
      'accept-encoding': 'identity',
      // In a header of ours, so that no other error shows them.
      ...((username !== '' || password !== '') && { authorization: basicLogin(username, password) }),
      ...Object.fromEntries(given.filter(([name]) => !isCookie(name))),
      ...(cookie !== undefined && { cookie }),
      ...headers,
    }
  }
}

function isCookie(name: string): boolean {
  return name.toLowerCase() === 'cookie'
}

/** A Content-Encoding that compresses. Some servers put there what is none, such as `utf-8` or `aws-chunked`, which browsers pass over. */
const compression = /(?:^|[\s,])(?:(?:x-)?(?:gzip|compress)|deflate|br|zstd|dcb|dcz)(?:$|[\s,])/i

/** An answer with content. @throws InputError for any other. */
function checked(answer: HttpAnswer): HttpAnswer {
  const { status, headers, url, body } = answer
  const isCompressed = compression.test(headers['content-encoding'] ?? '')
  if ((status === 200 || status === 206) && !isCompressed) return answer
  body.destroy()
  const shown = shownUrl(url)
  if (status === 200 || status === 206) throw unreadable(shown, 'it comes compressed, which was not asked for')
  // With a part that is not there, a server says how much is.
  const [, size] = (status === 416 && /^bytes \*\/(\d+)$/.exec(headers['content-range'] ?? '')) || []
  throw Object.assign(badStatus(shown, status), retryAfter(headers), size !== undefined && { total: Number(size) })
}

/** An address in a header, of which bytes beyond ASCII, as of UTF-8, come as a character each. */
function percentEncoded(address: string): string {
  return address.replaceAll(/[\u0080-\u00FF]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** Headers that came more than once: together where they add up, else the first. */
function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value = '']) => {
    if (!Array.isArray(value)) return [name, value] as const
    return [name, name === 'content-encoding' ? value.join(', ') : (value[0] ?? '')] as const
  })
  return Object.fromEntries(entries)
}

const ICY = Buffer.from('ICY ')

/** Makes `HTTP/1.0 200 OK` of `ICY 200 OK`, the status line of old radio servers, which undici's parser refuses. */
function translateIcy(socket: Socket): void {
  let begin = Buffer.alloc(0)
  const look = (): void => {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) return
    begin = Buffer.concat([begin, chunk])
    // More of it follows, and comes with this again.
    if (begin.length < ICY.length && ICY.subarray(0, begin.length).equals(begin)) return
    socket.off('readable', look)
    const isIcy = begin.subarray(0, ICY.length).equals(ICY)
    socket.unshift(isIcy ? Buffer.concat([Buffer.from('HTTP/1.0 '), begin.subarray(ICY.length)]) : begin)
  }
  // Before undici's own listener.
  socket.on('readable', look)
}
