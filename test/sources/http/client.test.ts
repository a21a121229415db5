import { createServer, type Server, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HttpClient } from '../../../src/sources/http/client.ts'
import { resolveHttpOptions } from '../../../src/sources/http/options.ts'

let server: Server
let answer: (socket: Socket) => void
let client: HttpClient
let url: URL

beforeEach(async () => {
  server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  url = new URL(`http://127.0.0.1:${port}/`)
  client = new HttpClient(url, resolveHttpOptions({}))
})
afterEach(async () => {
  client.close()
  await new Promise((resolve) => server.close(resolve))
})

const get = () => client.get(url, {}, new AbortController().signal)

/** What Node holds back of a body that nobody reads. */
const HELD_BYTES = 65_536

describe('a connection that ends while nobody reads', () => {
  it.each([
    ['with a length', `Content-Length: ${HELD_BYTES}\r\n`],
    ['with a length, to be closed', `Content-Length: ${HELD_BYTES}\r\nConnection: close\r\n`],
    ['without a length', ''],
  ])('is the end of a body %s', async (_what, header) => {
    let hasEnded = (): void => {}
    const ended = new Promise<void>((resolve) => (hasEnded = resolve))
    answer = (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${header}\r\n`)
      setImmediate(() => socket.end(Buffer.alloc(HELD_BYTES, 'a'), hasEnded))
    }
    const { body } = await get()
    await ended
    // Its end is there, too, once another request has come and gone.
    answer = (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n')
    for (let requests = 0; requests < 3; requests++) await buffer((await get()).body)
    expect(await buffer(body)).toEqual(Buffer.alloc(HELD_BYTES, 'a'))
  })

  it.each(['Content-Length: 100000\r\n', ''])('by a reset is no good end: %j', async (header) => {
    answer = (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\n${header}Connection: close\r\n\r\n`)
      setImmediate(() => socket.write(Buffer.alloc(HELD_BYTES), () => setImmediate(() => socket.resetAndDestroy())))
    }
    const { body } = await get()
    await new Promise((resolve) => body.once('error', resolve))
    await expect(buffer(body)).rejects.toMatchObject({ code: 'CONNECTION_RESET' })
  })
})

it.each([
  ['I', 'CY 200 OK\r\nicy-name: a\r\n\r\nsound'],
  ['ICY 200 OK\r\nicy-name: a\r\n\r\n', 'sound'],
  ['HTT', 'P/1.0 200 OK\r\nicy-name: a\r\n\r\nsound'],
])('takes ICY for HTTP, however it comes: %j', async (...parts) => {
  answer = (socket) => {
    socket.setNoDelay(true)
    socket.write(parts[0] ?? '', () => setImmediate(() => socket.end(parts[1])))
  }
  const { body, status, headers } = await get()
  expect({ status, headers }).toEqual({ status: 200, headers: { 'icy-name': 'a' } })
  expect(String(await buffer(body))).toBe('sound')
})

it.each(['identity', 'Identity', 'utf-8', 'none', 'binary', 'aws-chunked', ''])(
  'takes what is no compression for none: %j',
  async (coding) => {
    answer = (socket) => socket.end(`HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\n\r\nsound`)
    expect(String(await buffer((await get()).body))).toBe('sound')
  },
)

it.each(['gzip', 'X-GZip', 'br', 'zstd', 'deflate', 'aws-chunked, gzip', 'gzip\r\nContent-Encoding: utf-8'])(
  'takes nothing compressed: %j',
  async (coding) => {
    answer = (socket) => socket.end(`HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\n\r\nsound`)
    await expect(get()).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
  },
)
