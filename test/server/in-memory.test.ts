import { once } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Engine, EngineSession } from '../../src/engine/engine.ts'
import type { BeginMessage, ServerMessage } from '../../src/protocol/messages.ts'
import { type InMemoryServer, serveInMemory } from '../../src/server/in-memory.ts'
import { Session, type SessionEnd, type SessionOptions } from '../../src/session/session.ts'
import { MemoryTransport } from '../../src/session/transport.ts'
import { scriptedEngine } from '../../src/testing/index.ts'

const options: SessionOptions = {
  connectTimeout: 5000,
  terminationTimeout: 5000,
  pingInterval: 20_000,
  stallTimeout: 30_000,
  heartbeatTimeout: 12_500,
}
const frame = Buffer.alloc(1600)
const target = { url: 'embedded:test', headers: {}, secrets: [] }

let server: InMemoryServer | undefined
let session: Session | undefined

afterEach(async () => {
  await session?.destroy()
  await server?.close()
  session = undefined
  server = undefined
})

/** An engine whose sessions do nothing but what `more` says. */
function engine(more: Partial<EngineSession> = {}, open?: Engine['open']): Engine {
  const nothing = async (): Promise<void> => {}
  const one: EngineSession = {
    write: nothing,
    forceEndpoint: nothing,
    configure: () => {},
    end: nothing,
    destroy: nothing,
    ...more,
  }
  return { name: 'test', sampleRate: 16_000, fasterThanRealTime: true, open: open ?? (async () => one) }
}

/** So many turns of the event loop that whatever is not waiting for the engine has happened. */
async function manyTurns(): Promise<undefined> {
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
  return undefined
}

/** Opens a session in memory. */
function connect(by: Engine, query = '', more: Partial<SessionOptions> = {}): Session {
  const host = serveInMemory(by)
  server = host
  session = new Session(target, { ...options, ...more }, (listener) => {
    return new MemoryTransport((client) => host.accept(new URLSearchParams(query), client), listener)
  })
  return session
}

async function ended(one: Session): Promise<SessionEnd> {
  const [end] = (await once(one, 'end')) as [SessionEnd]
  return end
}

const send = (one: Session): Promise<boolean> => new Promise((resolve) => one.send(frame, resolve))

describe('a server in memory', () => {
  it('gives the turns of the engine and confirms the end', async () => {
    const one = connect(
      scriptedEngine([{ speaker: 'A', words: 'good morning', start: 0, end: 500 }]),
      'speaker_labels=true',
    )
    const messages: ServerMessage[] = []
    one.on('message', (message) => messages.push(message))
    const [begin] = (await once(one, 'begin')) as [BeginMessage]
    expect(begin.configuration).toMatchObject({ speaker_labels: true })
    expect(one.life).toBeGreaterThan(10_000_000)
    for (let count = 0; count < 40; count++) expect(await send(one)).toBe(true)
    const end = ended(one)
    one.terminate()
    expect(await end).toMatchObject({ termination: { audio_duration_seconds: 2 } })
    expect(messages.findLast((message) => message.type === 'Turn')).toMatchObject({ transcript: 'good morning' })
  })

  it('refuses what the server on a socket refuses, by the same code and text', async () => {
    const { error } = await ended(connect(engine(), 'sample_rate=1'))
    expect(error).toMatchObject({ code: 'INVALID_REQUEST', closeCode: 3006, retryable: false })
    expect(error?.message).toContain("Invalid 'sample_rate'")
  })

  it('ends a session that sends a message that is too long', async () => {
    const one = connect(engine())
    await once(one, 'begin')
    const end = ended(one)
    one.sendMessage({ type: 'UpdateConfiguration', prompt: 'x'.repeat(200_000) })
    expect((await end).error).toMatchObject({ code: 'MESSAGE_TOO_BIG', closeCode: 1009 })
  })

  it('holds the audio back while the engine is busy, and takes it again', async () => {
    let release = (): void => {}
    const one = connect(engine({ write: () => new Promise((resolve) => (release = resolve)) }))
    await once(one, 'begin')
    let sent = 0
    let stuck = send(one)
    for (;;) {
      const moved = await Promise.race([stuck, manyTurns()])
      if (moved === undefined) break
      sent += 1
      stuck = send(one)
    }
    // Five seconds of audio wait for the engine, and no more.
    expect(sent).toBeGreaterThan(90)
    expect(sent).toBeLessThan(130)
    const freeing = setInterval(() => release(), 1)
    expect(await stuck).toBe(true)
    clearInterval(freeing)
  })

  it('is given up where the engine takes no audio for too long', async () => {
    const one = connect(engine({ write: () => new Promise(() => {}) }), '', { stallTimeout: 200 })
    await once(one, 'begin')
    const end = ended(one)
    void (async () => {
      while (await send(one));
    })()
    expect((await end).error).toMatchObject({ code: 'SESSION_STALLED', retryable: true })
  })

  it('ends where the engine fails, with its text', async () => {
    const { EngineError } = await import('../../src/errors.ts')
    const broken = engine({}, () => Promise.reject(new EngineError('MODEL_MISSING', 'no such model')))
    const { error } = await ended(connect(broken))
    expect(error).toMatchObject({ code: 'SERVER_ERROR', closeCode: 3005 })
    expect(error?.message).toContain('no such model')
  })

  it('frees the engine when the client goes, and ends its sessions when it closes', async () => {
    const destroy = vi.fn<() => Promise<void>>(async () => {})
    const one = connect(engine({ destroy }))
    await once(one, 'begin')
    await one.destroy()
    await vi.waitFor(() => expect(destroy).toHaveBeenCalledTimes(1))

    const other = connect(engine({ destroy }))
    await once(other, 'begin')
    const end = ended(other)
    await server?.close()
    expect(destroy).toHaveBeenCalledTimes(2)
    expect((await end).error).toMatchObject({ code: 'CONNECTION_LOST', closeCode: 1001 })
  })
})
