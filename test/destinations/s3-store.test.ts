import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { S3Client } from '@aws-sdk/client-s3'
import { afterEach, expect, it, vi } from 'vitest'
import { s3Store } from '../../src/destinations/s3.ts'

const { signal } = new AbortController()
const servers: Server[] = []

afterEach(() => {
  vi.useRealTimers()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** A server of S3 that answers as it is told, and a client of it. */
async function clientOf(answer: RequestListener): Promise<S3Client> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return new S3Client({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    maxAttempts: 1,
  })
}

it('asks again where an answer stalls in its middle', async () => {
  let asked = 0
  let stalls = (): void => {}
  const stalled = new Promise<void>((resolve) => (stalls = resolve))
  const client = await clientOf((_request, response) => {
    response.writeHead(206, { 'content-length': 4, 'content-range': 'bytes 0-3/4', etag: '"1"' })
    if (++asked > 1) response.end('text')
    else response.write('te', () => stalls())
  })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const found = s3Store('s3://bucket/talk', client).get('', { from: 0, length: 10 }, signal)
  await stalled
  // What has come by then counts as a sign of life, whenever the client takes it in.
  while (asked < 2) {
    vi.advanceTimersByTime(1000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(Buffer.from((await found)!.bytes).toString()).toBe('text')
  expect(asked).toBe(2)
})

/** A client that fails once, and what then becomes of a request. */
async function afterFailure(failure: object): Promise<unknown> {
  let asked = 0
  const send = (): Promise<unknown> => {
    if (++asked === 1) return Promise.reject(Object.assign(new Error('no'), failure))
    return Promise.resolve({ ETag: '"1"' })
  }
  return s3Store('s3://bucket/talk', { send }).put('', new Uint8Array(), undefined, signal)
}

const answered = (name: string, httpStatusCode: number): object => ({ name, $metadata: { httpStatusCode } })

it.each([
  { name: 'Error', code: 'EAI_AGAIN', syscall: 'getaddrinfo' },
  { name: 'Error', code: 'ECONNRESET' },
  answered('RequestTimeTooSkewed', 403),
  answered('RequestTimeout', 400),
  answered('RequestExpired', 400),
  answered('ThrottlingException', 400),
  answered('SlowDown', 503),
])('asks again where %j may have passed', async (failure) => {
  expect(await afterFailure(failure)).toBe('"1"')
})

it.each([
  { name: 'TypeError', code: 'ERR_INVALID_URL' },
  answered('NotImplemented', 501),
  answered('AccessDenied', 403),
  answered('InvalidRequest', 400),
])('does not ask again where %j stays', async (failure) => {
  await expect(afterFailure(failure)).rejects.toMatchObject({ retryable: false })
})
