import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { credentials } from '../src/protocol/endpoint.ts'
import { closeError, connectionError, refusalError } from '../src/protocol/close-codes.ts'
import { WebSocketTransport } from '../src/session/web-socket.ts'
import { Session, type SessionEnd } from '../src/session/session.ts'
import { hubFailure } from '../src/engine/models/hub-client.ts'
import { DiarizeStreamError, type SessionError, type Warning } from '../src/errors.ts'
import { explainEnd, FfmpegLog } from '../src/ffmpeg/log.ts'
import { oneLine } from '../src/redact.ts'
import { fileSource } from '../src/sources/file.ts'
import { parsePlaylist } from '../src/sources/hls/playlist.ts'
import { noAnswer } from '../src/sources/http/failures.ts'
import { httpSource } from '../src/sources/http/source.ts'
import { explainRtsp } from '../src/sources/rtsp/source.ts'
import { begin, socketPeer } from './helpers/socket-peer.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step()
})

/** What a server might say so that a terminal shows lines of its own, erases, or turns text round. */
const nasty = 'no\r\ndiarize-stream: all is well\u001B[2J\u009B1A\u2028x\u0085y\u202Ez\u2066\0\b\uD800end'
const session = { url: 'wss://server/v3?x=1', headers: {}, secrets: ['k-secret'] }
const sessionOptions = {
  connectTimeout: 5000,
  terminationTimeout: 5000,
  pingInterval: 20_000,
  stallTimeout: 30_000,
  heartbeatTimeout: 12_500,
}

/** A session with a server on a socket. */
function open(url: string): Session {
  const target = { ...session, url }
  return new Session(target, sessionOptions, (listener) => new WebSocketTransport(target, 20_000, listener))
}

/** What a session says, and how it ends, where the server does as `talk` says. */
async function heard(talk: (socket: WebSocket) => void): Promise<unknown[]> {
  const peer = await socketPeer(talk)
  undo.push(() => peer.close())
  const told: unknown[] = []
  const one = open(peer.url)
  one.on('warning', (warning: Warning) => told.push(warning))
  const [{ error }] = (await once(one, 'end')) as [SessionEnd]
  return [...told, error]
}

/** A server that answers whatever is asked with the same bytes, and takes note of connections. */
async function answering(bytes: string) {
  let connections = 0
  const server = createServer((socket: Socket) => {
    connections += 1
    socket.on('error', () => {})
    socket.once('data', () => socket.end(bytes))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  undo.push(() => server.close())
  return { host: `127.0.0.1:${(server.address() as { port: number }).port}`, connections: () => connections }
}

/** What a function throws, or what it gives. */
async function failureOf(work: () => unknown): Promise<unknown> {
  try {
    return await work()
  } catch (error) {
    return error
  }
}

const entrances: [string, () => unknown][] = [
  ['a close reason', () => closeError(session, 3006, nasty, true)],
  [
    'an Error frame',
    () => heard((socket) => socket.send(JSON.stringify({ type: 'Error', error_code: 3006, error: nasty }))),
  ],
  ['an old Error frame', () => heard((socket) => socket.send(JSON.stringify({ error: nasty })))],
  ['a close frame', () => heard((socket) => socket.close(3006, nasty.slice(0, 40)))],
  [
    'a Warning frame',
    () =>
      heard((socket) => {
        socket.send(begin())
        socket.send(JSON.stringify({ type: 'Warning', warning_code: 1, warning: nasty, code: nasty }))
        socket.close(1011)
      }),
  ],
  ['the body of a refused handshake', () => refusalError(session, 401, nasty)],
  ['an error of a socket', () => connectionError(session, new Error(`altnames: ${nasty}`), false)],
  ['a token function', () => failureOf(() => credentials({ token: () => Promise.reject(new Error(nasty)) }))],
  ['an error of a request', () => noAnswer('http://a/', new Error(nasty))],
  [
    'the kind of a playlist’s protection',
    () =>
      failureOf(() =>
        parsePlaylist(
          `#EXTM3U\n#EXT-X-KEY:METHOD=x\u001B[2J\u0085y\u202E${'z'.repeat(9999)},URI="a"\n`,
          new URL('http://a'),
        ),
      ),
  ],
  [
    'the protocol of a playlist’s entry',
    () => failureOf(() => parsePlaylist(`#EXTM3U\n${'z'.repeat(9999)}:\u001Ba\n`, new URL('http://a'))),
  ],
  [
    'an error of the connection to a camera',
    () =>
      explainRtsp({
        shown: 'rtsp://a',
        ffmpegError: undefined,
        status: undefined,
        relayError: new Error(nasty),
        transport: 'auto',
        lacksAudio: false,
        hadAudio: false,
      }).error,
  ],
  [
    'a server of models',
    () =>
      hubFailure(new Error(nasty), 'a model', {
        endpoint: 'https://hub',
        token: undefined,
        isTokenWithheld: false,
        offline: false,
      }),
  ],
  [
    'the name of a file',
    async () =>
      (
        await once(fileSource(`/nowhere/${nasty.replace('\0', '')}`).resume(), 'error').catch((error: unknown) => [
          error,
        ])
      )[0],
  ],
  [
    'a redirect',
    async () => {
      const { host } = await answering(`HTTP/1.1 302 x\r\nLocation: ${'z'.repeat(9999)}:\t\u0085\u009B\r\n\r\n`)
      return (await once(httpSource(`http://${host}/`).resume(), 'error').catch((error: unknown) => [error]))[0]
    },
  ],
  [
    'a status line',
    async () => {
      const { host } = await answering('HTTP/1.1 404 no\t\u009B2J\u0085x\r\n\r\n')
      return (await once(httpSource(`http://${host}/`).resume(), 'error').catch((error: unknown) => [error]))[0]
    },
  ],
]

describe('what others wrote, in errors and warnings', () => {
  it.each(entrances)('is one line that does nothing but show: %s', async (_where, make) => {
    const told = [await make()].flat()
    expect(told.length).toBeGreaterThan(0)
    for (const one of told as (SessionError | Warning)[]) {
      for (const text of [one.message, (one.serverMessage ?? '') as string, one.code]) {
        expect(text).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Surrogate}\u202A-\u202E\u2066-\u2069]/u)
        expect(text.length).toBeLessThan(5000)
      }
    }
  })

  it('is no line of FFmpeg’s own either', () => {
    const lines: string[] = []
    const log = new FfmpegLog((line) => lines.push(line))
    log.push(`[rtsp] [error] method DESCRIBE failed: 404 ${nasty}\n`)
    log.end()
    const error = explainEnd({
      end: { code: 1, signal: null },
      ffmpeg: 'ffmpeg',
      input: 'a',
      audioTrack: 0,
      produced: false,
      stderr: log.tail,
    })
    for (const text of [...lines, ...log.tail.split('\n'), ...(error?.message ?? '').split('\n')]) {
      expect(text).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Surrogate}\u202A-\u202E\u2066-\u2069]/u)
      expect(text).not.toMatch(/^diarize-stream/)
    }
    expect(log.tail).toContain('all is well')
  })

  it('hides a secret also where something is hidden in it, and cuts none in two', () => {
    expect(closeError(session, 3006, 'k-\u200Bsecret k-secret', true).message).not.toMatch(/secret/)
    const text = `${'a '.repeat(248)}k-secret`
    expect(oneLine(text)).not.toContain('k-')
    expect(closeError(session, 3006, text, true).message).not.toContain('k-')
    expect(oneLine('a'.repeat(1000))).toBe(`${'a'.repeat(500)}…`)
    expect(oneLine('a '.repeat(100_000)).length).toBeLessThan(502)
    expect(oneLine('short')).toBe('short')
  })

  it('moves no cursor, wherever it was forgotten', () => {
    expect(new DiarizeStreamError('INPUT_LOST', 'a\u001B[2Jb\nc\rd\u0085e').message).toBe('a [2Jb\nc d e')
  })
})

describe('a refusal with more body than it says', () => {
  const refusal = `HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno${' more'.repeat(50)}`

  it.each([
    ['more', refusal],
    ['less', 'HTTP/1.1 401 No\r\nContent-Length: 999\r\n\r\nno'],
    ['an odd chunk', 'HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nno'],
  ])('is one to a session: %s', async (_what, bytes) => {
    const { host, connections } = await answering(bytes)
    const one = open(`ws://${host}/`)
    const [{ error }] = (await once(one, 'end')) as [SessionEnd]
    expect(error).toMatchObject({ code: 'UNAUTHORIZED', retryable: false, httpStatus: 401 })
    expect(connections()).toBe(1)
  })

  it('is one to a source', async () => {
    const { host, connections } = await answering(refusal)
    const [error] = await once(httpSource(`http://${host}/`).resume(), 'error').catch((reason: unknown) => [reason])
    expect(error).toMatchObject({ code: 'INPUT_REFUSED', status: 401 })
    expect(connections()).toBe(1)
  })
})
