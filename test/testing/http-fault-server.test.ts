import { request } from 'node:http'
import { request as secureRequest } from 'node:https'
import { afterEach, describe, expect, it } from 'vitest'
import { type HttpFault, httpFaultServer, type HttpFaultServer } from '../../src/testing/http-fault-server.ts'
import { certificate } from '../helpers/certificate.ts'

const body = Buffer.alloc(50_000, 'abcdefgh')
const servers: HttpFaultServer[] = []
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())))

async function serve(...args: Parameters<typeof httpFaultServer>): Promise<HttpFaultServer> {
  const server = await httpFaultServer(...args)
  servers.push(server)
  return server
}

interface Got {
  status: number
  headers: Record<string, unknown>
  body: Buffer
  /** Code of the error that the body ended with. */
  error: string | undefined
}

function get(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Got> {
  return new Promise((resolve, reject) => {
    let fail: (error: Error & { code?: string }) => void = reject
    const asking = (url.startsWith('https:') ? secureRequest : request)(
      url,
      { headers, method, agent: false, rejectUnauthorized: false },
      (response) => {
        const chunks: Buffer[] = []
        const done = (error?: Error & { code?: string }): void =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
            error: error?.code,
          })
        // From Node 24 on, the request has the error of a body that breaks off.
        fail = done
        response
          .on('data', (chunk: Buffer) => chunks.push(chunk))
          .on('end', () => done())
          .on('error', done)
      },
    )
    asking.on('error', (error) => fail(error)).end()
  })
}

describe('a good server', () => {
  it('gives the whole, and parts', async () => {
    const server = await serve(body)
    const whole = await get(server.url('/a.mp3'))
    expect(whole).toMatchObject({ status: 200, headers: { 'content-type': 'audio/mpeg', 'content-length': '50000' } })
    expect(whole.body.equals(body)).toBe(true)
    const part = await get(server.url(), { range: 'bytes=8-15', 'if-range': String(whole.headers['etag']) })
    expect(part).toMatchObject({ status: 206, headers: { 'content-range': 'bytes 8-15/50000' } })
    expect(part.body.toString()).toBe('abcdefgh')
    expect((await get(server.url(), { range: 'bytes=8-', 'if-range': '"other"' })).status).toBe(200)
    expect((await get(server.url(), { range: 'bytes=50000-' })).status).toBe(416)
  })

  it('gives what belongs to a path, and 404', async () => {
    const server = await serve({ '/a': 'one', '/b': body })
    expect((await get(server.url('/a?x=1'))).body.toString()).toBe('one')
    expect((await get(server.url('/c'))).status).toBe(404)
    expect(server.requests.map(({ path }) => path)).toEqual(['/a?x=1', '/c'])
  })
})

describe('faults', () => {
  const once = async (fault: HttpFault): Promise<Got> => get((await serve(body, fault)).url('/x'))

  it.each([
    ['drop', 'ECONNRESET'],
    ['truncate', 'ECONNRESET'],
    ['dropChunked', 'ECONNRESET'],
  ] as const)('%s cuts the body', async (fault, error) => {
    const got = await once({ fault, afterBytes: 10_000 })
    expect(got.error).toBe(error)
    expect(got.body.length).toBeLessThanOrEqual(10_000)
  })

  it('status, redirect and headers come as they are asked for', async () => {
    expect(await once({ fault: 'status', status: 401 })).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Basic realm="test"' },
    })
    expect(await once({ fault: 'redirect', location: 'file:///a' })).toMatchObject({
      status: 302,
      headers: { location: 'file:///a' },
    })
    expect((await once({ fault: 'redirect' })).headers['location']).toBe('/x')
    expect((await once({ fault: 'compressed' })).headers['content-encoding']).toBe('gzip')
  })

  it.each(['chunked', 'unsized'] as const)('%s has no length', async (fault) => {
    const got = await once({ fault })
    expect(got.headers).not.toHaveProperty('content-length')
    expect(got.body.equals(body)).toBe(true)
    expect(got.error).toBeUndefined()
  })

  it('come one a request, and then no more; or by a function', async () => {
    const listed = await serve(body, [{ fault: 'status', status: 500 }])
    expect([(await get(listed.url())).status, (await get(listed.url())).status]).toEqual([500, 200])
    const chosen = await serve(body, (_index, path) => ({ fault: path === '/bad' ? 'status' : 'none' }))
    expect([(await get(chosen.url('/bad'))).status, (await get(chosen.url('/good'))).status]).toEqual([503, 200])
  })

  it.each([
    ['HEAD', body, 'none'],
    ['HEAD', body, 'endlessBody'],
    ['GET', Buffer.alloc(0), 'none'],
  ] as const)(
    'do not keep the process from everything else where there is no body: %s',
    async (method, content, fault) => {
      const server = await serve(content, { fault }, { endless: true })
      expect(await get(server.url('/x'), {}, method)).toMatchObject({ status: 200, body: Buffer.alloc(0) })
    },
  )

  it('end with the server, also under TLS', async () => {
    const { key, cert } = await certificate()
    const secure = await serve(body, { fault: 'stall' }, { tls: { key, cert } })
    const cut = get(secure.url().replace('http:', 'https:'))
    await expect.poll(() => secure.open).toBe(1)
    secure.cut()
    await expect.poll(() => secure.open).toBe(0)
    await cut.catch(() => {})
  })

  it('end with the server', async () => {
    const server = await serve(body, { fault: 'hang' })
    const failed = get(server.url()).catch((error: Error & { code?: string }) => error.code)
    await expect.poll(() => server.open).toBe(1)
    server.cut()
    expect(await failed).toBe('ECONNRESET')
    await expect.poll(() => server.open).toBe(0)
  })
})

it.each([
  [body, { fault: 'burn' }, {}],
  [body, { fault: 'drop', afterBytes: -1 }, {}],
  [body, { fault: 'status', code: 1 }, {}],
  [body, [], { bytesPerSecond: 0 }],
  [body, [], { rate: 5 }],
  [5, [], {}],
  [body, [null], {}],
  [body, [], null],
])('refuses a wrong call: %#', async (content: unknown, plan: unknown, options: unknown) => {
  await expect(httpFaultServer(content as Buffer, plan as HttpFault, options as object)).rejects.toMatchObject({
    code: 'INVALID_OPTION',
  })
})

it('says where options belong that come too early', async () => {
  const options = { endless: true }
  await expect(httpFaultServer(body, options as unknown as HttpFault)).rejects.toThrow(
    "plan, when given, must be a fault as { fault: 'drop' }, a list of faults, or a function; options come after it; got an object",
  )
  await expect(httpFaultServer(options as unknown as Buffer)).rejects.toThrow(
    "content, when given, must be a Buffer, bodies by path as { '/talk.mp3': buffer }, or a function; got an object",
  )
})
