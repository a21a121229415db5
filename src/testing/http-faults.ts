import type { IncomingMessage, ServerResponse } from 'node:http'
import { checkInteger, checkKnown, checkOneOf, checkString } from '../options.ts'
import { resetConnection } from './faults.ts'
import { sendBody, type HttpContent } from './http-sending.ts'

/** What an {@link httpFaultServer} can do wrong; {@link httpFaults} says what each is. */
export type HttpFaultName = keyof typeof httpFaults

/** One fault of one request. */
export interface HttpFault {
  /** Which fault; see {@link HttpFaultName}. */
  fault: HttpFaultName
  /** Bytes of the answer's body before it strikes. @defaultValue half of the content */
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

/** Cuts the body after so many bytes, and does `then`. */
const cut =
  (then: (exchange: HttpExchange) => void): Behaviour =>
  (exchange) => {
    const { fault, content } = exchange
    sendBody(exchange, {
      stopAfter: fault.afterBytes ?? Math.floor(content.body.length / 2),
      stopped: () => then(exchange),
    })
  }

const socketOf = ({ response }: HttpExchange) => response.socket

/** All faults by name. To add one, add its behaviour here. */
export const httpFaults = {
  /** Does nothing wrong: a good server. */
  none: (exchange) => sendBody(exchange),
  /** Resets the connection within the body. */
  drop: cut((exchange) => {
    const socket = socketOf(exchange)
    if (socket) resetConnection(socket)
  }),
  /** Closes the connection in good order within the body. */
  truncate: cut((exchange) => socketOf(exchange)?.end()),
  /** Sends no more within the body, and keeps the connection. */
  stall: cut(() => {}),
  /** Sends the body slowly, `bytesPerSecond`. */
  slow: (exchange) => sendBody(exchange, { bytesPerSecond: exchange.fault.bytesPerSecond ?? 1000 }),
  /** Takes the request and never answers. */
  hang: () => {},
  /** Resets the connection instead of an answer. */
  refuse: (exchange) => {
    const socket = socketOf(exchange)
    if (socket) resetConnection(socket)
  },
  /** Answers with `status` and a short text. */
  status: ({ response, fault: { status = 503 } }) => {
    const login = status === 401 ? { 'www-authenticate': 'Basic realm="test"' } : {}
    response.writeHead(status, { 'content-type': 'text/plain', ...login }).end(`status ${status}\n`)
  },
  /** Sends the client to `location`. */
  redirect: ({ request, response, fault: { status = 302, location = request.url ?? '/' } }) => {
    response.writeHead(status, { location }).end()
  },
  /** Knows no ranges: sends the whole, whatever part was asked for. */
  ignoreRange: (exchange) => sendBody(exchange, { ignoreRange: true }),
  /** Says no length, and marks the end of the body (chunked). */
  chunked: (exchange) => sendBody(exchange, { length: 'chunked' }),
  /** Says no length, and closes the connection at the end of the body, as HTTP 1.0 does. */
  unsized: (exchange) => sendBody(exchange, { length: 'none' }),
  /** Says no length, and resets the connection within a chunked body. */
  dropChunked: (exchange) => {
    const { fault, content } = exchange
    const stopped = (): void => {
      const socket = socketOf(exchange)
      if (socket) resetConnection(socket)
    }
    const stopAfter = fault.afterBytes ?? Math.floor(content.body.length / 2)
    sendBody(exchange, { length: 'chunked', stopAfter, stopped })
  },
  /** Has other content of the same length by now: another ETag. */
  changed: (exchange) => sendBody(exchange, { etag: '"changed"', ignoreRange: true }),
  /** Sends the body as if compressed, though nobody asked for it. */
  compressed: (exchange) => {
    exchange.response.setHeader('content-encoding', 'gzip')
    sendBody(exchange)
  },
  /** An old radio server: its status line is `ICY 200 OK`. */
  icy: (exchange) => {
    const { response, content } = exchange
    const head = ['ICY 200 OK', 'icy-name: Test', 'icy-br: 128', `content-type: ${content.type}`]
    response.socket?.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), content.body]))
  },
  /** Sends headers that never end. */
  endlessHeaders: ({ response }) => {
    const { socket } = response
    if (!socket) return
    socket.write('HTTP/1.1 200 OK\r\n')
    const more = (): void => {
      while (!socket.destroyed && socket.write(`x-filler: ${'a'.repeat(1000)}\r\n`));
    }
    socket.on('drain', more)
    more()
  },
  /** Sends a body that never ends and never says anything: zeros. */
  endlessBody: ({ response, content }) => {
    response.writeHead(200, { 'content-type': content.type })
    const zeros = Buffer.alloc(65_536)
    const more = (): void => {
      while (!response.destroyed && response.write(zeros));
    }
    response.on('drain', more)
    more()
  },
  /** Answers in no HTTP. */
  garbage: ({ response }) => void response.socket?.end('this is no HTTP\r\n\r\n'),
} as const satisfies Record<string, Behaviour>

/** Which request gets which fault, by the number of the request from 0 and its path. */
export type HttpFaultPlan = HttpFault | readonly HttpFault[] | ((index: number, path: string) => HttpFault)

const healthy: HttpFault = { fault: 'none' }

/** A plan as a function; faults that are known already are checked at once. */
export function httpPlanOf(plan: HttpFaultPlan): (index: number, path: string) => HttpFault {
  if (typeof plan === 'function') return (index, path) => checkHttpFault(plan(index, path))
  if ('fault' in plan) {
    checkHttpFault(plan)
    return () => plan
  }
  plan.forEach(checkHttpFault)
  return (index) => plan[index] ?? healthy
}

function checkHttpFault(fault: HttpFault): HttpFault {
  checkKnown('a fault', fault, ['fault', 'afterBytes', 'status', 'location', 'bytesPerSecond'])
  checkOneOf('fault', fault.fault ?? null, Object.keys(httpFaults))
  checkInteger('afterBytes', fault.afterBytes, 0, undefined, 'bytes')
  checkInteger('status', fault.status, 200, 599)
  checkString('location', fault.location, 0)
  checkInteger('bytesPerSecond', fault.bytesPerSecond, 1, undefined, 'bytes a second')
  return fault
}
