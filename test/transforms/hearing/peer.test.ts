import { Agent } from 'node:http'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Engine, EngineSession, EngineTurn } from '../../../src/engine/engine.ts'
import { EngineError, SessionError } from '../../../src/errors.ts'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { diarize } from '../../../src/transforms/diarize.ts'
import { type DiarizeOptions, resolveDiarizeOptions } from '../../../src/transforms/diarize-options.ts'
import { type Peer, openPeer } from '../../../src/transforms/hearing/peer.ts'

let peer: Peer | undefined

beforeEach(() => {
  vi.stubEnv('ASSEMBLYAI_API_KEY', '')
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await peer?.close()
  peer = undefined
})

async function open(options: DiarizeOptions): Promise<Peer> {
  peer = await openPeer(resolveDiarizeOptions(options))
  return peer
}

const query = new URLSearchParams({ sample_rate: '16000' })

describe('openPeer', () => {
  it('goes to AssemblyAI with the key of the environment', async () => {
    vi.stubEnv('ASSEMBLYAI_API_KEY', ' env-key\n')
    expect((await open({})).kind).toBe('assemblyai')
    expect(await peer?.target(query)).toEqual({
      url: 'wss://streaming.assemblyai.com/v3/ws?sample_rate=16000',
      headers: { Authorization: 'env-key' },
      secrets: ['env-key'],
    })
  })

  it('goes to the region asked for', async () => {
    await open({ region: 'eu', apiKey: 'k' })
    expect((await peer?.target(query))?.url).toMatch(/^wss:\/\/streaming\.eu\.assemblyai\.com\/v3\/ws/)
  })

  it('prefers a given token to the key of the environment', async () => {
    vi.stubEnv('ASSEMBLYAI_API_KEY', 'env-key')
    await open({ token: async () => 'a+b' })
    expect(await peer?.target(query)).toMatchObject({
      url: 'wss://streaming.assemblyai.com/v3/ws?sample_rate=16000&token=a%2Bb',
      headers: {},
    })
  })

  it('never gives the key of the environment to a server of the user', async () => {
    vi.stubEnv('ASSEMBLYAI_API_KEY', 'env-key')
    await open({ url: 'wss://example.org' })
    const target = await peer?.target(query)
    expect(target).toMatchObject({ url: 'wss://example.org/v3/ws?sample_rate=16000', headers: {} })
    expect(JSON.stringify(target)).not.toContain('env-key')
  })

  it('goes through the proxy of the environment, unless an agent makes the connections', async () => {
    vi.stubEnv('HTTPS_PROXY', 'http://proxy.example:3128')
    await open({ url: 'wss://example.org', ca: 'PEM' })
    expect(await peer?.target(query)).toMatchObject({ proxy: new URL('http://proxy.example:3128'), ca: 'PEM' })
    const agent = new Agent()
    await open({ url: 'wss://example.org', agent })
    const target = await peer?.target(query)
    expect(target?.agent).toBe(agent)
    expect(target?.proxy).toBeUndefined()
  })

  it('warns of audio and keys that cross a network in the open', async () => {
    expect((await open({ url: 'ws://example.org', apiKey: 'k' })).warnings).toMatchObject([
      { code: 'UNENCRYPTED', message: expect.stringContaining('audio and credentials') },
    ])
    expect((await open({ url: 'ws://localhost:1', apiKey: 'k' })).warnings).toEqual([])
  })

  it('runs the embedded engine where nothing is configured, and says so', async () => {
    const opened = await open({})
    expect(opened.kind).toBe('embedded')
    expect(opened.warnings).toMatchObject([
      { code: 'EMBEDDED_ENGINE', message: expect.stringContaining('ASSEMBLYAI_API_KEY') },
    ])
    expect(await opened.target(query)).toMatchObject({ url: 'embedded:sherpa-onnx?sample_rate=16000', headers: {} })
  })

  it('runs the embedded engine beside a key, where asked to, without a warning', async () => {
    vi.stubEnv('ASSEMBLYAI_API_KEY', 'env-key')
    expect(await open({ engine: 'embedded' })).toMatchObject({ kind: 'embedded', warnings: [] })
    expect(JSON.stringify(await peer?.target(query))).not.toContain('env-key')
  })

  it('keeps the own error of an engine, which the wire cannot carry', async () => {
    const broken: Engine = {
      name: 'broken',
      sampleRate: 16_000,
      fasterThanRealTime: true,
      open: () => Promise.reject(new EngineError('ENGINE_UNAVAILABLE', 'install it')),
    }
    const opened = await open({ engine: broken })
    expect(opened.failure()).toBeUndefined()
    const { accept } = await opened.target(query)
    const closed = vi.fn<() => void>()
    accept!({ send: () => {}, close: closed, pause: () => {}, resume: () => {} })
    await vi.waitFor(() => expect(closed).toHaveBeenCalledOnce())
    expect(opened.failure()).toMatchObject({ code: 'ENGINE_UNAVAILABLE', message: 'install it' })
  })

  it.each<[string, unknown, Partial<EngineSession>]>([
    ['write() rejects', 'mine', { write: () => Promise.reject(new Error('mine')) }],
    [
      'write() throws',
      'mine',
      {
        write() {
          throw new Error('mine')
        },
      },
    ],
    ['end() rejects', 'mine', { end: () => Promise.reject(new Error('mine')) }],
    ['forceEndpoint() rejects', 'mine', { forceEndpoint: () => Promise.reject(new Error('mine')) }],
    ['a turn is none', 'it reported what is no turn', { end: undefined as never }],
  ])('tells what an engine failed with where %s', async (_what, message, methods) => {
    const opened = await open({ engine: failing(methods) })
    await closing(opened)
    // Another session may do better.
    expect(opened.failure()).toBeUndefined()
    expect(opened.explained(cancelled)).toMatchObject({ code: 'ENGINE_FAILED', retryable: true, cause: { message } })
    const other = new SessionError('SESSION_EXPIRED', 'it is over')
    expect(opened.explained(other)).toBe(other)
  })

  it('forgets a failure once another session is open', async () => {
    let sessions = 0
    const good = failing({})
    const opened = await open({
      engine: {
        ...good,
        async open(...given) {
          const session = await good.open(...given)
          return ++sessions > 1 ? session : { ...session, write: () => Promise.reject(new Error('mine')) }
        },
      },
    })
    await closing(opened)
    expect(opened.explained(cancelled)).not.toBe(cancelled)
    await closing(opened)
    expect(opened.explained(cancelled)).toBe(cancelled)
  })

  it.each([undefined, null, 1, {}])('refuses an engine that opens %j for a session', async (session) => {
    const opened = await open({ engine: { ...failing({}), open: async () => session as never } })
    await closing(opened)
    expect(opened.failure()).toMatchObject({ code: 'ENGINE_FAILED', message: expect.stringContaining('write()') })
  })
})

/** What the wire tells of an engine that has failed. */
const cancelled = new SessionError('SERVER_ERROR', 'the server cancelled the session', { retryable: true })

/** An engine whose sessions have these methods; where one has no `end()`, it reports what is no turn instead. */
function failing(methods: Partial<EngineSession>): Engine {
  return {
    name: 'mine',
    sampleRate: 16_000,
    fasterThanRealTime: true,
    open: async (_settings, listener) => ({
      write: async () => {},
      forceEndpoint: async () => {},
      configure() {},
      destroy: async () => {},
      ...methods,
      end: methods.end ?? (async () => ('end' in methods ? listener.turn({} as EngineTurn) : undefined)),
    }),
  }
}

/** Begins a session, sends all there is, and gives when it has been closed. */
async function closing(opened: Peer): Promise<void> {
  const { accept } = await opened.target(query)
  return new Promise<void>((resolve) => {
    const server = accept!({ send: () => {}, close: () => resolve(), pause: () => {}, resume: () => {} })
    server.receive(Buffer.alloc(3200), true)
    server.receive(Buffer.from(JSON.stringify({ type: 'ForceEndpoint' })), false)
    server.receive(Buffer.from(JSON.stringify({ type: 'Terminate' })), false)
  })
}

it('diarize() fails with what an engine of the user failed with, once no attempt is left', async () => {
  let sessions = 0
  const engine: Engine = {
    ...failing({}),
    open(...given) {
      sessions += 1
      return failing({ write: () => Promise.reject(new Error(`mine, ${sessions}`)) }).open(...given)
    },
  }
  const stage = diarize({ engine, reconnect: { attempts: 1, delay: 10 } })
  const failed = pipeline(Readable.from([Buffer.alloc(32_000)]), stage.resume())
  await expect(failed).rejects.toMatchObject({ code: 'ENGINE_FAILED', cause: { message: 'mine, 2' } })
})
