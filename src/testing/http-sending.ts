import type { IncomingMessage, ServerResponse } from 'node:http'

/** What is served at one path. */
export interface HttpContent {
  body: Buffer
  /** Content-Type. */
  type: string
  /** Further headers. */
  headers: Readonly<Record<string, string>>
  /** Whether the body is sent again and again, with no length. */
  endless: boolean
  /** Bytes a second; as fast as the client takes it where absent. */
  bytesPerSecond: number | undefined
}

/** How {@link sendBody} departs from what a good server does. */
export interface SendingOptions {
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
export function sendBody(
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
  send(response, body, { ...options, start, end, endless, rate: options.bytesPerSecond ?? content.bytesPerSecond })
}

interface Sending extends SendingOptions {
  start: number
  end: number
  endless: boolean
  rate: number | undefined
}

function send(response: ServerResponse, body: Buffer, sending: Sending): void {
  const { start, end, endless, rate, stopAfter = Infinity, stopped } = sending
  const piece = rate === undefined ? PIECE_BYTES : Math.max(1, Math.round((rate * SLOW_INTERVAL) / 1000))
  let at = start
  let sent = 0
  const more = (): void => {
    if (response.destroyed) return
    if (sent >= stopAfter) {
      stopped?.()
      return
    }
    if (at >= end) {
      if (!endless) return void response.end()
      at = 0
    }
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
