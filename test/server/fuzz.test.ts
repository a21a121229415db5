import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { serve, type SessionEnd, type StreamingServer } from '../../src/server/index.ts'
import { scriptedEngine } from '../../src/testing/index.ts'
import { RawClient } from './raw-client.ts'
import { runs } from '../helpers/runs.ts'

let server: StreamingServer
const engine = scriptedEngine([{ words: 'one two three', start: 0, end: 3000, speaker: 'A' }])
beforeAll(async () => {
  server = await serve({ engine })
})
afterAll(() => server.close())

/** Close codes the protocol knows. */
const typedCodes = [1000, 1007, 1008, 1009, 3005, 3006, 3007, 3008]

const command = fc.oneof(
  fc.record(
    {
      type: fc.constantFrom('UpdateConfiguration', 'ForceEndpoint', 'KeepAlive'),
      prompt: fc.anything(),
      keyterms_prompt: fc.anything(),
      min_turn_silence: fc.anything(),
      session_heartbeat: fc.anything(),
    },
    { requiredKeys: ['type'] },
  ),
  fc.record({ type: fc.string() }),
)
const frame = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1600, max: 32_000 }).map((size) => Buffer.alloc(size, 7)) },
  fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
  command.map((value) => JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? String(item) : item))),
  fc.json(),
  fc.string(),
)

describe('whatever a client sends', () => {
  it('the session ends in a typed close, and the server lives on', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 25 }), async (frames) => {
        const client = await new RawClient(server.url, { speaker_labels: true }).open()
        for (const data of frames) client.socket.send(data)
        const { code, reason } = await client.terminate()
        expect(typedCodes).toContain(code)
        const [error] = client.all('Error')
        const last = client.messages.at(-1)?.type
        expect([reason, last]).toEqual(
          error?.error_code === code
            ? ['See Error message for details', 'Error']
            : [code === 1000 ? 'Session Ended' : '', code === 1000 ? 'Termination' : last],
        )
      }),
      { numRuns: runs(150) },
    )
    expect(engine.sessions.length).toBeGreaterThanOrEqual(runs(150))
  })

  it('also in the query and the headers', async () => {
    const names = ['speech_model', 'sample_rate', 'encoding', 'speaker_labels', 'keyterms_prompt', 'token', 'mode']
    const text = fc.string({ unit: 'binary', maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...names), text), async (query) => {
        const client = new RawClient(server.url, query)
        client.socket.once('message', () => client.send({ type: 'Terminate' }))
        const { code } = await client.closed
        expect([1000, 1008, 3006]).toContain(code)
      }),
      { numRuns: runs(100) },
    )
  })

  it('also as bytes that are no WebSocket frames', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), async (bytes) => {
        const client = await new RawClient(server.url).open()
        const ended = new Promise<SessionEnd>((resolve) => {
          server.once('sessionEnd', (_session, end) => resolve(end))
        })
        const { _socket: raw } = client.socket as unknown as { _socket: NodeJS.WritableStream & { end(): void } }
        raw.write(Buffer.from(bytes))
        raw.end()
        expect((await ended).code).toBeGreaterThanOrEqual(1000)
        await client.closed
      }),
      { numRuns: runs(50) },
    )
    const after = await new RawClient(server.url).open()
    expect((await after.terminate()).code).toBe(1000)
    await vi.waitFor(() => expect(server.sessions.size).toBe(0))
  })
})
