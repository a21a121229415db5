import { request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { EngineListener, EngineSession } from '../../src/engine/engine.ts'
import { serve, type ServerOptions, type SessionEnd, type StreamingServer } from '../../src/server/index.ts'
import { scriptedEngine } from '../../src/testing/index.ts'
import { certificate } from '../helpers/certificate.ts'
import { RawClient } from './raw-client.ts'

let server: StreamingServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

async function start(options: Partial<ServerOptions> = {}): Promise<StreamingServer> {
  server = await serve({ engine: scriptedEngine([]), ...options })
  return server
}

function nextEnd(running: StreamingServer): Promise<SessionEnd> {
  return new Promise((resolve) => {
    running.once('sessionEnd', (_session, end) => resolve(end))
  })
}

describe('a client that leaves', () => {
  it.each([
    ['cuts the connection', (client: RawClient) => client.socket.terminate(), 1006],
    ['closes without Terminate', (client: RawClient) => client.socket.close(1000), 1000],
  ])('and %s leaves no engine session', async (_how, leave, code) => {
    const engine = scriptedEngine([])
    const running = await start({ engine })
    const client = await new RawClient(running.url).open()
    client.sendAudio(500)
    const end = nextEnd(running)
    leave(client)
    expect(await end).toEqual({ code, reason: '', terminated: false })
    expect(engine.sessions.map((session) => session.state)).toEqual(['destroyed'])
    expect(running.sessions.size).toBe(0)
  })

  it('while the engine is opening leaves none either', async () => {
    const engine = scriptedEngine([], { openDelay: 200 })
    const running = await start({ engine })
    const client = new RawClient(running.url)
    const end = nextEnd(running)
    running.once('session', () => client.socket.terminate())
    expect((await end).code).toBe(1006)
    expect(engine.sessions.map((session) => session.state)).toEqual(['destroyed'])
  })

  it('while its audio waits for a slow engine leaves none either', async () => {
    const engine = scriptedEngine([], { writeDelay: 100 })
    const running = await start({ engine })
    const client = await new RawClient(running.url).open()
    client.sendAudio(4000)
    const end = nextEnd(running)
    client.socket.terminate()
    await end
    expect(engine.sessions[0]?.state).toBe('destroyed')
    expect(engine.sessions[0]?.receivedMs).toBeLessThan(4000)
  })
})

describe('a client that does not read', () => {
  it('is cut off before the server holds megabytes for it', async () => {
    const words = 'x'.repeat(1_000_000)
    const turn = { order: 0, words: [], transcript: words, endOfTurn: false, formatted: true, endOfTurnConfidence: 0 }
    const events = Array.from({ length: 60 }, () => ({
      at: 10,
      report: (listener: EngineListener) => listener.turn(turn),
    }))
    const engine = scriptedEngine([], { events })
    const running = await start({ engine })
    const client = await new RawClient(running.url).open()
    client.socket.pause()
    const end = nextEnd(running)
    client.sendAudio(50)
    expect((await end).code).toBe(1006)
    expect(engine.sessions[0]?.state).toBe('destroyed')
    client.socket.terminate()
  })
})

describe('drain()', () => {
  it('lets open sessions come to their end, and no more in', async () => {
    const running = await start()
    const client = await new RawClient(running.url).open()
    const drained = running.drain(60_000)
    const late = new RawClient(running.url)
    await late.closed
    expect(late.error?.message).toBe('Unexpected server response: 503')
    client.sendAudio(500)
    expect((await client.terminate()).code).toBe(1000)
    expect(await drained).toBe(true)
  })

  it('says that some are left when its time is over', async () => {
    const running = await start()
    await new RawClient(running.url).open()
    expect(await running.drain(1)).toBe(false)
    expect(running.sessions.size).toBe(1)
  })

  it('has at once that nobody is there', async () => {
    expect(await (await start()).drain(60_000)).toBe(true)
  })

  it('ends with close()', async () => {
    const running = await start()
    await new RawClient(running.url).open()
    const drained = running.drain(60_000)
    await running.close()
    expect(await drained).toBe(true)
  })

  it('refuses a wait that is none', async () => {
    await expect((await start()).drain(Number.NaN)).rejects.toThrow(/^ms, when given, must be a number from 0/)
  })
})

describe('close()', () => {
  it('ends live sessions with 1001 and leaves nothing', async () => {
    const engine = scriptedEngine([], { writeDelay: 20 })
    const running = await start({ engine })
    const clients = await Promise.all([0, 1, 2].map(() => new RawClient(running.url).open()))
    clients[0]?.sendAudio(3000)
    clients[1]?.send({ type: 'Terminate' })
    await running.close()
    const codes = await Promise.all(clients.map((client) => client.closed))
    expect(codes.map(({ code }) => code)).toEqual([1001, expect.toSatisfy((code) => [1000, 1001].includes(code)), 1001])
    expect(engine.sessions.every((session) => session.state === 'destroyed')).toBe(true)
    expect(running.sessions.size).toBe(0)
    const late = new RawClient(running.url)
    await late.closed
    expect(late.error?.message).toMatch(/ECONNREFUSED/)
  })

  it('does not wait for clients that do not answer, nor for idle connections', async () => {
    const running = await start()
    const client = await new RawClient(running.url).open()
    client.socket.pause()
    const idle = connect(running.port, '127.0.0.1')
    const cut = new Promise((resolve) => {
      idle.once('close', resolve)
    })
    await new Promise((resolve) => {
      idle.once('connect', resolve)
    })
    await running.close()
    await cut
    client.socket.resume()
    expect((await client.closed).code).toBe(1001)
    expect(idle.destroyed).toBe(true)
  })

  it('does not wait forever for an engine that will not go', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const stubborn: EngineSession = {
        write: () => Promise.resolve(),
        forceEndpoint: () => Promise.resolve(),
        configure: () => {},
        end: () => Promise.resolve(),
        destroy: () => new Promise(() => {}),
      }
      const engine = { ...scriptedEngine([]), open: () => Promise.resolve(stubborn) }
      const running = await start({ engine })
      const client = await new RawClient(running.url).open()
      const closed = running.close()
      await client.closed
      await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0))
      await vi.advanceTimersByTimeAsync(5000)
      await closed
    } finally {
      vi.useRealTimers()
    }
  })

  it('does not wait for a key check, which then opens nothing', async () => {
    let allow!: (allowed: boolean) => void
    let noteAsked!: () => void
    const asked = new Promise<void>((resolve) => {
      noteAsked = resolve
    })
    const engine = scriptedEngine([])
    const running = await start({
      engine,
      apiKeys: () => {
        noteAsked()
        return new Promise((resolve) => {
          allow = resolve
        })
      },
    })
    const client = new RawClient(running.url)
    await asked
    await running.close()
    expect((await client.closed).code).toBe(1001)
    allow(true)
    await new Promise(setImmediate)
    expect(engine.sessions).toEqual([])
  })

  it('may be called twice', async () => {
    const running = await start()
    expect(running.close()).toBe(running.close())
    await running.close()
  })
})

describe('back-pressure', () => {
  it('stops reading while five seconds wait, and loses nothing', async () => {
    const engine = scriptedEngine([], { writeDelay: 1 })
    const running = await start({ engine })
    const client = await new RawClient(running.url).open()
    const session = [...running.sessions][0]
    let most = 0
    running.on('message', () => {
      most = Math.max(most, (session?.receivedMs ?? 0) - (engine.sessions[0]?.receivedMs ?? 0))
    })
    client.sendAudio(60_000, 250)
    await client.terminate()
    expect(engine.sessions[0]?.receivedMs).toBe(60_000)
    expect(client.all('Termination')[0]?.audio_duration_seconds).toBe(60)
    // What one read of the socket holds beyond the limit still comes in: 64 KiB are 2 s.
    expect(most).toBeGreaterThan(4000)
    expect(most).toBeLessThan(10_000)
  })
})

describe('HTTP beside the socket', () => {
  it('answers what is not there', async () => {
    const running = await start()
    const origin = new URL(running.tokenUrl).origin
    expect((await fetch(`${origin}/v3/nothing`)).status).toBe(404)
    expect((await fetch(`${origin}/v3/ws`)).status).toBe(426)
    expect((await fetch(running.tokenUrl, { method: 'POST' })).status).toBe(405)
  })

  it('survives requests that are none', async () => {
    const running = await start()
    for (const line of ['GET  HTTP/1.1', 'GET // HTTP/1.1', 'nonsense']) {
      const socket = connect(running.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.end(`${line}\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
      await new Promise((resolve) => {
        socket.once('close', resolve).resume()
      })
    }
    const client = await new RawClient(running.url).open()
    expect((await client.terminate()).code).toBe(1000)
  })

  it('refuses an upgrade that is not one of WebSocket', async () => {
    const running = await start()
    const status = await new Promise((resolve) => {
      const upgrade = request(running.tokenUrl.replace('/v3/token', '/v3/ws'), {
        headers: { Connection: 'Upgrade', Upgrade: 'websocket' },
      })
      upgrade.on('response', (response) => resolve(response.resume().statusCode)).end()
    })
    expect(status).toBe(400)
  })
})

describe('addresses', () => {
  it('serves wss with a certificate', async () => {
    const { key, cert } = await certificate()
    const running = await start({ tls: { key, cert } })
    expect(running.url).toBe(`wss://127.0.0.1:${running.port}/v3/ws`)
    expect(running.tokenUrl).toBe(`https://127.0.0.1:${running.port}/v3/token`)
    const client = await new RawClient(running.url, {}, { ca: cert, headers: { Authorization: 'key' } }).open()
    expect((await client.terminate()).code).toBe(1000)
  })

  it('says which address it could not take', async () => {
    const running = await start()
    await expect(serve({ engine: scriptedEngine([]), port: running.port })).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      option: 'port',
      message: expect.stringContaining(`cannot listen on 127.0.0.1, port ${running.port}: `),
    })
  })

  it('names an address that can be connected to when it listens on all', async () => {
    const running = await start({ host: '0.0.0.0', authentication: false })
    expect(running.url).toBe(`ws://127.0.0.1:${running.port}/v3/ws`)
  })
})
