import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'
import { afterEach, expect, it } from 'vitest'
import { errorCode } from '../../../src/errors.ts'
import { HttpBody, type HttpBodyOptions } from '../../../src/sources/http/body.ts'
import { HttpClient } from '../../../src/sources/http/client.ts'
import { type HttpSourceOptions, resolveHttpOptions } from '../../../src/sources/http/options.ts'

const opened: { server: Server; client: HttpClient }[] = []

afterEach(() => {
  for (const { server, client } of opened.splice(0)) {
    client.close()
    server.closeAllConnections()
    server.close()
  }
})

/** The content of a server that answers so. */
async function served(
  answer: RequestListener,
  options: HttpSourceOptions,
  reading: Pick<HttpBodyOptions, 'retries' | 'onReconnecting'>,
): Promise<{ body: HttpBody; client: HttpClient; server: Server }> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const url = new URL(`http://127.0.0.1:${port}/`)
  const settings = resolveHttpOptions(options)
  const client = new HttpClient(url, settings)
  opened.push({ server, client })
  return { body: new HttpBody({ url, client, settings, ...reading }), client, server }
}

it('takes it for no stall that this whole process stood still', async () => {
  let respond = (_response: ServerResponse): void => {}
  const asked = new Promise<ServerResponse>((resolve) => (respond = resolve))
  const { body } = await served((_request, response) => respond(response), { stallTimeout: 100 }, { retries: 0 })
  body.neverResume()
  const heard: string[] = []
  const opening = body.open()
  const response = await asked
  response.write('before')
  await opening
  body.on('data', (chunk: Buffer) => heard.push(chunk.toString()))
  await once(body, 'data')
  response.write('meanwhile')
  // Written before, and not read: as if this process were stopped.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 900)
  await once(body, 'data')
  expect(heard).toEqual(['before', 'meanwhile'])
  // But then it stalls.
  await expect(once(body, 'end')).rejects.toMatchObject({ code: 'INPUT_STALLED' })
})

it('asks for nothing by a client that has been closed', async () => {
  let requests = 0
  const { body, client } = await served(() => (requests += 1), {}, { retries: 5 })
  client.close()
  await expect(body.open()).rejects.toMatchObject({ name: 'AbortError' })
  expect(requests).toBe(0)
})

it('gives up where the server knows no ranges and breaks off at the same place every time', async () => {
  let requests = 0
  const attempts: number[] = []
  const { body } = await served(
    (_request, response) => {
      requests += 1
      response.writeHead(200, { 'content-length': 5000, etag: '"one"' })
      // Who asks too often is given all of it.
      if (requests > 20) response.end(Buffer.alloc(5000))
      else response.write(Buffer.alloc(3000), () => response.destroy())
    },
    { retryDelay: 1, maxRetryDelay: 1 },
    { retries: 3, onReconnecting: ({ attempt }) => void attempts.push(attempt) },
  )
  await expect(buffer(body)).rejects.toMatchObject({ code: 'INPUT_TRUNCATED' })
  expect(attempts).toEqual([1, 2, 3])
})

it('does not give up where it is this process that was stopped, and bytes have come meanwhile', async () => {
  const stallTimeout = 1000
  const { body, server } = await served(
    (_request, response) => {
      // Of no known length, so that it could not go on by another answer.
      response.writeHead(200, { connection: 'close' })
      response.write(Buffer.alloc(100))
      server.once('more', () => response.write(Buffer.alloc(10)))
      server.once('end', () => response.end(Buffer.alloc(1)))
    },
    { stallTimeout },
    { retries: 0 },
  )
  let bytes = 0
  body.on('data', (chunk: Buffer) => (bytes += chunk.length))
  const ended = once(body, 'end')
  await once(body, 'data')
  server.emit('more')
  // As SIGSTOP and SIGCONT do.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stallTimeout + 600)
  await once(body, 'data')
  server.emit('end')
  await ended
  expect(bytes).toBe(111)
})

/** The content that a server gives which answers so, once it has broken off, or the code of the error. */
async function heardOf(answer: RequestListener): Promise<string> {
  const { body } = await served(answer, { retryDelay: 1, maxRetryDelay: 1 }, { retries: 1 })
  return String(await buffer(body).then(String, errorCode))
}

it.each([
  ['the same', '"one"', 'onetwo'],
  ['another', '"two"', 'INPUT_TRUNCATED'],
])('knows a part of %s content by its tag, where nobody says a length', async (_which, etag, expected) => {
  const heard = await heardOf((request, response) => {
    if (request.headers.range === undefined) {
      response.writeHead(200, { etag: '"one"' })
      response.write('one', () => response.destroy())
    } else {
      // A server that knows no If-Range.
      response.writeHead(206, { etag, 'content-range': 'bytes 3-5/*' })
      response.end('two')
    }
  })
  expect(heard).toBe(expected)
})

it.each([
  ['a date alone', { 'last-modified': 'Mon, 30 Nov 2026 00:00:00 GMT' }, 'INPUT_TRUNCATED'],
  ['a tag', { etag: '"one"' }, 'onetwo'],
])('skips what it has of a whole that comes again without a length by %s', async (_what, headers, expected) => {
  let requests = 0
  const heard = await heardOf((_request, response) => {
    requests += 1
    response.writeHead(200, headers)
    // By a date alone it may be live, and then it is what follows.
    if (requests === 1) response.write('one', () => response.destroy())
    else response.end('onetwo')
  })
  expect(heard).toBe(expected)
})

it.each([
  [6, 'onetwo'],
  [5, 'INPUT_REFUSED'],
])('has all where it broke off behind the last byte, and the server says that there are %i', async (size, expected) => {
  const heard = await heardOf((request, response) => {
    if (request.headers.range === undefined) {
      response.writeHead(200, { etag: '"one"' })
      response.write('onetwo', () => response.destroy())
    } else {
      response.writeHead(416, { 'content-range': `bytes */${size}` }).end()
    }
  })
  expect(heard).toBe(expected)
})
