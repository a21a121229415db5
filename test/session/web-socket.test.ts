import { Agent, createServer as createPlainServer } from 'node:http'
import { createServer, type Server } from 'node:https'
import { type AddressInfo, connect as connectPlain } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import type { SessionTarget } from '../../src/session/transport.ts'
import { WebSocketTransport } from '../../src/session/web-socket.ts'
import { certificate } from '../helpers/certificate.ts'
import { TestProxy } from '../helpers/proxy.ts'

let server: Server
let sockets: WebSocketServer
let proxy: TestProxy
let cert: string
let transport: WebSocketTransport | undefined

const portOf = (of: { address(): unknown }): number => (of.address() as AddressInfo).port

beforeEach(async () => {
  const made = await certificate()
  cert = made.cert
  server = createServer({ key: made.key, cert })
  sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, { headers }) => socket.send(`hello ${headers.host} ${headers.authorization}`))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  proxy = await new TestProxy(() => portOf(server)).listen()
})
afterEach(async () => {
  transport?.destroy()
  for (const socket of sockets.clients) socket.terminate()
  await Promise.all([new Promise((resolve) => server.close(resolve)), proxy.close()])
})

/** What comes of a connection: the first message, or the error. */
function outcome(target: Partial<SessionTarget>): Promise<string> {
  return new Promise((resolve) => {
    const whole = { url: 'wss://media.invalid/v3/ws', headers: { authorization: 'key' }, secrets: [], ...target }
    transport = new WebSocketTransport(whole, 20_000, {
      message: (data) => resolve(data.toString()),
      counts: () => true,
      drained: () => {},
      failed: (error) => resolve(error.message),
      closed: (code) => resolve(`closed ${code}`),
    })
  })
}

it('goes through a proxy, and checks the certificate of the server behind it', async () => {
  expect(await outcome({ proxy: new URL(proxy.url), ca: cert })).toBe('hello media.invalid key')
  expect(proxy.asked).toEqual(['CONNECT media.invalid:443'])
  // The proxy sees no key.
  expect(proxy.headers[0]).not.toHaveProperty('authorization')
  expect(await outcome({ proxy: new URL(proxy.url) })).toMatch(/self.signed|certificate/)
  const other = 'wss://other.invalid/v3/ws'
  expect(await outcome({ url: other, proxy: new URL(proxy.url), ca: cert })).toMatch(/altnames/)
})

it('fails where the proxy refuses, or is not there', async () => {
  proxy.status = 407
  const address = new URL(proxy.url.replace('//', '//alice:geheim@'))
  expect(await outcome({ proxy: address })).toMatch(/^the proxy 127\.0\.0\.1:\d+ refuses with HTTP 407$/)
  expect(proxy.headers[0]).toHaveProperty('proxy-authorization')
  expect(await outcome({ proxy: new URL('http://127.0.0.1:1') })).toMatch(/ECONNREFUSED/)
})

it('closes the connection to a proxy that does not answer when it is destroyed', async () => {
  let asked = (): void => {}
  const isAsked = new Promise<void>((resolve) => (asked = resolve))
  const silent = createPlainServer().on('connect', (_request, socket) => {
    socket
      .on('error', () => {})
      .once('end', () => socket.end())
      .resume()
    asked()
  })
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const ended = outcome({ proxy: new URL(`http://127.0.0.1:${portOf(silent)}`) })
  await isAsked
  transport?.destroy()
  await ended
  // Waits for every connection to close.
  await expect(new Promise((resolve) => silent.close(resolve))).resolves.toBeUndefined()
})

it('leaves connecting to an agent where there is one', async () => {
  class Redirecting extends Agent {
    override createConnection() {
      return connectTls({ socket: connectPlain(portOf(server), '127.0.0.1'), servername: 'media.invalid', ca: cert })
    }
  }
  const agent = new Redirecting()
  Object.assign(agent, { protocol: 'https:', defaultPort: 443 })
  expect(await outcome({ agent })).toBe('hello media.invalid key')
  expect(proxy.asked).toEqual([])
})
