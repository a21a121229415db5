import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import * as undici from 'undici'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createConnect, proxiedFetch, proxyFor, toUndici } from '../src/network.ts'
import { seededRandom } from './helpers/random.ts'
import { TestProxy } from './helpers/proxy.ts'

afterEach(() => vi.unstubAllEnvs())

const proxies = { HTTP_PROXY: 'http://plain:1', HTTPS_PROXY: 'secure:2' }

describe('the proxy for an address', () => {
  it.each([
    ['http://a.example/', proxies, 'http://plain:1/'],
    ['ws://a.example/', proxies, 'http://plain:1/'],
    ['https://a.example/', proxies, 'http://secure:2/'],
    ['wss://a.example/', proxies, 'http://secure:2/'],
    ['http://a.example/', { ...proxies, http_proxy: 'http://lower' }, 'http://lower/'],
    ['http://a.example/', { ...proxies, http_proxy: '' }, undefined],
    ['https://a.example/', { HTTP_PROXY: 'http://plain:1' }, undefined],
    ['http://a.example/', { ...proxies, NO_PROXY: 'a.example' }, undefined],
    ['http://a.example/', { ...proxies, NO_PROXY: 'A.EXAMPLE' }, undefined],
    ['http://a.example/', { ...proxies, NO_PROXY: 'b.example .example' }, undefined],
    ['http://a.example/', { ...proxies, NO_PROXY: 'example' }, undefined],
    ['http://a.example/', { ...proxies, NO_PROXY: '*' }, undefined],
    ['http://a.example/', { ...proxies, NO_PROXY: 'a.example:80' }, undefined],
    ['http://a.example/', { ...proxies, NO_PROXY: 'a.example:443' }, 'http://plain:1/'],
    ['http://a.example/', { ...proxies, NO_PROXY: 'ample,*.b.a.example,' }, 'http://plain:1/'],
    ['http://a.example/', { ...proxies, NO_PROXY: 'a.example', no_proxy: 'b.example' }, 'http://plain:1/'],
    ['http://10.0.0.1/', { ...proxies, NO_PROXY: '10.0.0.1' }, undefined],
    ['http://[2001:db8::1]/', { ...proxies, NO_PROXY: '2001:db8::1' }, undefined],
    ['http://[2001:db8::1]:8080/', { ...proxies, NO_PROXY: '[2001:db8::1]:8080' }, undefined],
    ['http://[2001:db8::1]:8080/', { ...proxies, NO_PROXY: '[2001:db8::1]:80' }, 'http://plain:1/'],
    ['http://10.1.2.3/', { ...proxies, NO_PROXY: 'a.example,10.0.0.0/8' }, undefined],
    ['http://172.32.0.1/', { ...proxies, NO_PROXY: '172.16.0.0/12' }, 'http://plain:1/'],
    ['http://[fd00:1::2]:8080/', { ...proxies, NO_PROXY: 'FD00::/8' }, undefined],
    ['http://[fd00:1::2]/', { ...proxies, NO_PROXY: '10.0.0.0/8 0.0.0.0/0' }, 'http://plain:1/'],
    ['http://10.1.2.3/', { ...proxies, NO_PROXY: '10.0.0.0/33,10.0.0/8,::/0,10.1.2.3/' }, 'http://plain:1/'],
    ['http://a.example/', { ...proxies, NO_PROXY: '0.0.0.0/0' }, 'http://plain:1/'],
    ['http://localhost/', proxies, undefined],
    ['http://a.localhost/', proxies, undefined],
    ['http://127.1/', proxies, undefined],
    ['http://[::1]/', proxies, undefined],
    ['http://a.example/', {}, undefined],
  ])('%s, %j: %s', (address, env, proxy) => {
    expect(proxyFor(new URL(address), env)?.href).toBe(proxy)
  })

  it.each(['socks5://alice:geheim@h', 'http://', 'ftp://alice:geheim@h'])('cannot be %s', (address) => {
    expect(() => proxyFor(new URL('http://a.example'), { HTTP_PROXY: address })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.not.stringMatching(/geheim|alice/) }),
    )
  })
})

it('is what downloads go through', async () => {
  const server = createServer((request, response) => response.end(request.headers.host))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy = await new TestProxy(() => (server.address() as AddressInfo).port).listen()
  vi.stubEnv('HTTP_PROXY', proxy.url)
  const answer = await proxiedFetch('http://hub.invalid/a', { headers: { connection: 'close' } })
  expect(await answer.text()).toBe('hub.invalid')
  expect(proxy.asked).toEqual(['CONNECT hub.invalid:80'])
  proxy.status = 403
  await expect(proxiedFetch('http://other.invalid/a')).rejects.toMatchObject({
    cause: { message: expect.stringContaining('refuses with HTTP 403') },
  })
  await Promise.all([proxy.close(), new Promise((resolve) => server.close(resolve))])
})

it('gives every byte of what has no length and ends while nobody reads: undici 7 would end the process', async () => {
  const random = seededRandom(9)
  const answer = async (socket: Socket, request: Buffer): Promise<void> => {
    let left = Number(/GET \/(\d+)/.exec(request.toString())?.[1])
    socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n')
    while (left > 0) {
      const size = Math.min(left, 1 + Math.floor(random() * 70_000))
      socket.write(Buffer.alloc(size))
      left -= size
      if (random() < 0.5) await delay(random() * 3)
    }
    socket.end()
  }
  const server = createTcpServer((socket) => socket.once('data', (request) => void answer(socket, request)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const connect = toUndici(createConnect(undici, { proxyFor: () => undefined }))
  const ask = async (): Promise<void> => {
    const size = Math.floor(random() * 400_000)
    const client = new undici.Client(origin, { pipelining: 0, connect })
    const { body } = await client.request({ method: 'GET', path: `/${size}` })
    let bytes = 0
    for await (const chunk of body) {
      bytes += (chunk as Buffer).length
      if (random() < 0.7) await delay(random() * 4)
    }
    expect(bytes).toBe(size)
    await client.close()
  }
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let count = 0; count < 60; count++) await ask()
    }),
  )
  server.close()
})
