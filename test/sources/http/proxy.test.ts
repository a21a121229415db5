import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { httpSource } from '../../../src/sources/http/source.ts'
import { httpFaultServer, type HttpFaultServer } from '../../../src/testing/http-fault-server.ts'
import { certificate } from '../../helpers/certificate.ts'
import { createMedia, type Media } from '../../helpers/media.ts'
import { TestProxy } from '../../helpers/proxy.ts'
import { noChildLeft } from '../../helpers/processes.ts'
import { shapeOf } from '../../helpers/wav-shape.ts'
import { read } from './helpers.ts'

// Names that no name server knows: what is opened without the proxy fails.
vi.mock('node:dns/promises', () => ({ lookup: () => Promise.resolve([{ address: '192.0.2.1', family: 4 }]) }))

let media: Media
let wav: Buffer
let server: HttpFaultServer
let proxy: TestProxy

beforeAll(async () => {
  media = await createMedia()
  wav = await readFile(media.wav)
})
afterAll(() => media.remove())
afterEach(async () => {
  vi.unstubAllEnvs()
  await noChildLeft()
  await Promise.all([server.close(), proxy.close()])
})

async function serve(
  options: Parameters<typeof httpFaultServer>[2] = {},
  plan: Parameters<typeof httpFaultServer>[1] = [],
): Promise<void> {
  server = await httpFaultServer(wav, plan, options)
  proxy = await new TestProxy(() => server.port).listen()
}

const whole = 88_200

it('of the environment is asked for plain HTTP itself', async () => {
  await serve()
  vi.stubEnv('HTTP_PROXY', proxy.url.replace('//', '//us%40er:geheim@'))
  expect(shapeOf((await read('http://alice:pw@media.invalid:8080/a?b=c#d')).bytes).samples).toBe(whole)
  expect(proxy.asked).toEqual(['GET http://media.invalid:8080/a?b=c'])
  const login = Buffer.from('us@er:geheim').toString('base64')
  expect(proxy.headers[0]).toMatchObject({ host: 'media.invalid:8080', 'proxy-authorization': `Basic ${login}` })
  expect(server.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('alice:pw').toString('base64')}`)
})

it('of the environment is asked for a tunnel for https:, whose certificate is checked by its name', async () => {
  const { key, cert } = await certificate()
  await serve({ tls: { key, cert } })
  vi.stubEnv('https_proxy', proxy.url)
  expect(shapeOf((await read('https://media.invalid/a', { ca: cert })).bytes).samples).toBe(whole)
  expect(proxy.asked).toEqual(['CONNECT media.invalid:443'])
  await expect(read('https://other.invalid/a', { ca: cert, retries: 0 })).rejects.toMatchObject({
    code: 'INPUT_UNREADABLE',
    message: expect.stringMatching(/is not trusted .*; give the address by the name that it is for$/) as string,
  })
  await expect(read('https://media.invalid/a', { retries: 0 })).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
})

it('is asked for the IP address that allowUrl has seen, Host and server name kept', async () => {
  const { key, cert } = await certificate()
  await serve({ tls: { key, cert } })
  const seen: unknown[] = []
  const allowUrl = (_url: URL, addresses: readonly string[]): boolean => seen.push(addresses) > 0
  const { bytes } = await read('https://media.invalid:8443/a', { ca: cert, allowUrl, proxy: proxy.url })
  expect(shapeOf(bytes).samples).toBe(whole)
  expect(seen).toEqual([['192.0.2.1']])
  expect(proxy.asked).toEqual(['CONNECT 192.0.2.1:8443'])
  expect(server.requests[0]?.headers.host).toBe('media.invalid:8443')
})

it('is asked for a tunnel to that IP address for plain HTTP, too, where it would look the name up itself', async () => {
  await serve()
  expect(
    shapeOf((await read('http://media.invalid/a', { allowUrl: () => true, proxy: proxy.url })).bytes).samples,
  ).toBe(whole)
  expect(proxy.asked).toEqual(['CONNECT 192.0.2.1:80'])
  expect(server.requests[0]?.headers.host).toBe('media.invalid')
})

it('is not asked for what allowUrl refuses, nor where a redirect leads then', async () => {
  await serve({}, [{ fault: 'redirect', location: 'http://inside.invalid/' }])
  const allowUrl = ({ hostname }: URL): boolean => hostname === 'media.invalid'
  const failure = read('http://media.invalid/', { allowUrl, proxy: proxy.url })
  await expect(failure).rejects.toMatchObject({ code: 'ADDRESS_REFUSED' })
  expect(proxy.asked).toEqual(['CONNECT 192.0.2.1:80'])
})

it.each(['media.invalid', '.invalid', '*.invalid', 'other, media.invalid:80', '*'])(
  'is left out for what NO_PROXY lists: %s',
  async (list) => {
    await serve()
    vi.stubEnv('HTTP_PROXY', proxy.url)
    vi.stubEnv('NO_PROXY', list)
    await expect(read('http://media.invalid/', { retries: 0 })).rejects.toMatchObject({ code: 'INPUT_UNREACHABLE' })
    expect(proxy.asked).toEqual([])
  },
)

it.each(['edia.invalid', 'media.invalid:81', 'a.media.invalid'])('is asked though NO_PROXY lists %s', async (list) => {
  await serve()
  vi.stubEnv('HTTP_PROXY', proxy.url)
  vi.stubEnv('NO_PROXY', list)
  await read('http://media.invalid/', { retries: 0 })
  expect(proxy.asked.length).toBe(1)
})

it('is left out for this machine, and where there is to be none', async () => {
  await serve()
  vi.stubEnv('HTTP_PROXY', proxy.url)
  await read(server.url('/a'))
  await expect(read('http://media.invalid/', { retries: 0, proxy: false })).rejects.toMatchObject({
    code: 'INPUT_UNREACHABLE',
  })
  expect(proxy.asked).toEqual([])
})

it.each([
  [407, 'INPUT_REFUSED', 'http'],
  [403, 'INPUT_REFUSED', 'https'],
  [407, 'INPUT_REFUSED', 'https'],
  [502, 'INPUT_UNREACHABLE', 'http'],
  [502, 'INPUT_UNREACHABLE', 'https'],
])('that refuses with %i is the error %s over %s:, which shows no login', async (status, code, scheme) => {
  await serve()
  proxy.status = status
  const address = proxy.url.replace('//', '//alice:geheim@')
  const failure = read(`${scheme}://media.invalid/`, { proxy: address, retries: 0 })
  await expect(failure).rejects.toMatchObject({ code })
  await expect(failure).rejects.not.toThrow(/geheim|alice/)
})

it.each(['http', 'https'])('that wants a login says so over %s:', async (scheme) => {
  await serve()
  proxy.status = 407
  const failure = read(`${scheme}://media.invalid/`, { proxy: proxy.url, retries: 0 })
  await expect(failure).rejects.toMatchObject({ code: 'INPUT_REFUSED', status: 407 })
  await expect(failure).rejects.toThrow(`the proxy ${proxy.url.replace('http://', '')} refuses`)
})

it('that cannot be reached is an error, and one that never answers is given up', async () => {
  await serve()
  for (const address of ['https://media.invalid/', 'http://media.invalid/']) {
    await expect(read(address, { proxy: 'http://alice:geheim@127.0.0.1:1', retries: 0 })).rejects.toMatchObject({
      code: 'INPUT_UNREACHABLE',
      message: expect.stringMatching(/; check the address, the proxy 127\.0\.0\.1:1 and the network$/) as unknown,
    })
  }
  const silent = createServer().on('connect', (_request, socket) => {
    socket
      .on('error', () => {})
      .once('end', () => socket.end())
      .resume()
  })
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as AddressInfo
  const failure = read('https://media.invalid/', { proxy: `http://127.0.0.1:${port}`, retries: 0, connectTimeout: 100 })
  await expect(failure).rejects.toMatchObject({ code: 'INPUT_STALLED' })
  // Its connection is closed, or this would wait for ever.
  await new Promise((resolve) => silent.close(resolve))
})

it('of another kind is refused at once', async () => {
  await serve()
  expect(() => httpSource('http://a.invalid/', { proxy: 'socks5://alice:geheim@127.0.0.1' })).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', message: expect.not.stringContaining('geheim') }),
  )
  vi.stubEnv('HTTP_PROXY', 'socks5://alice:geheim@127.0.0.1')
  const failure = read('http://media.invalid/')
  await expect(failure).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'HTTP_PROXY' })
  await expect(failure).rejects.not.toThrow(/geheim/)
})
