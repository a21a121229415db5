import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { retryAfter } from '../back-off.ts'
import { type SessionTarget, refusalError } from '../protocol/close-codes.ts'
import type { SessionError } from '../errors.ts'

/** A server can make us hold this much: a turn of three hours of speech stays far below. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024
const MAX_BODY_BYTES = 4096
const BODY_TIMEOUT_MS = 1000

/**
 * Opens the socket. `refused` is called where the server answers the upgrade with a plain HTTP response, whose body says
 * more than the socket's own error; the caller then terminates the socket.
 */
export function handshake(target: SessionTarget, refused: (error: SessionError) => void): WebSocket {
  const socket = new WebSocket(target.url, {
    headers: target.headers,
    // PCM does not compress; a deflate context would cost memory per stream for nothing.
    perMessageDeflate: false,
    // Following a redirect would hand the key to another host.
    followRedirects: false,
    // A peer that pings without end and reads nothing would have us pile up the answers.
    autoPong: false,
    maxPayload: MAX_MESSAGE_BYTES,
  })
  socket.on('unexpected-response', (_request, response) => {
    const finish = readBody(response, (body) => {
      refused(refusalError(target, response.statusCode ?? 0, body, retryAfter(response.headers)))
    })
    // What is wrong with the rest of the answer makes no other answer of it. The caller's own listener comes later.
    socket.prependListener('error', finish)
  })
  return socket
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
