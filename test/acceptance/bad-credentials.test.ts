import { Readable, Writable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DiarizeOptions, type ReconnectingRecord, diarize, run } from 'diarize-stream'
import { type StreamingServer, serve } from 'diarize-stream/server'
import { scriptedEngine } from 'diarize-stream/testing'

let server: StreamingServer
let attempts: number

beforeAll(async () => {
  server = await serve({ engine: scriptedEngine([]), apiKeys: ['right'], maxSessions: 1, models: 'strict' })
  server.on('session', () => (attempts += 1))
  server.on('refused', () => (attempts += 1))
})

afterAll(() => server.close())

/** What a stream with these options ends with, and how often it asked. */
async function outcome(options: DiarizeOptions): Promise<{ error: unknown; reconnecting: ReconnectingRecord[] }> {
  attempts = 0
  const reconnecting: ReconnectingRecord[] = []
  const turns = diarize({ url: server.url, ...options })
  turns.on('reconnecting', (record) => {
    reconnecting.push(record)
    // Its delay is asserted, not waited for.
    turns.destroy(record.error)
  })
  const sink = new Writable({ objectMode: true, write: (_turn, _encoding, next) => next() })
  const error: unknown = await run(Readable.from([Buffer.alloc(3200)]), turns, sink).catch((caught: unknown) => caught)
  return { error, reconnecting }
}

describe('one typed error with the text of the server, at once and without a second attempt', () => {
  it.each<[string, DiarizeOptions, string, RegExp]>([
    ['a wrong key', { apiKey: 'wrong' }, 'UNAUTHORIZED', /Invalid API key/],
    ['no key', {}, 'UNAUTHORIZED', /Missing Authorization header/],
    ['a wrong token', { token: 'nonsense' }, 'UNAUTHORIZED', /Unauthorized Connection/],
    ['an unknown model', { apiKey: 'right', parameters: { speechModel: 'u9' } }, 'INVALID_REQUEST', /speech_model/],
  ])('%s', async (_name, options, code, text) => {
    const result = await outcome({ ...options }).catch((error: unknown) => ({ error, reconnecting: [] }))
    expect(result.error).toMatchObject({ code, retryable: false, message: expect.stringMatching(text) })
    expect(result.reconnecting).toEqual([])
    expect(attempts).toBeLessThanOrEqual(1)
  })

  it('an expired token', async () => {
    const answer = await fetch(`${server.tokenUrl}?expires_in_seconds=1`, { headers: { Authorization: 'right' } })
    const { token } = (await answer.json()) as { token: string }
    const expired = async (): Promise<{ error: unknown; reconnecting: ReconnectingRecord[] }> => {
      for (;;) {
        const result = await outcome({ token })
        if (result.error instanceof Error) return result
      }
    }
    const { error, reconnecting } = await expired()
    expect(error).toMatchObject({
      code: 'UNAUTHORIZED',
      retryable: false,
      serverMessage: expect.stringMatching(/expired/),
    })
    expect(reconnecting).toEqual([])
  })

  it('a refused sample rate', async () => {
    // Its own check refuses the rate before a server can.
    expect(() => diarize({ url: server.url, sampleRate: 7000 })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    )
  })
})

it('too many sessions is worth another attempt, after 2 s at the earliest', async () => {
  const first = diarize({ url: server.url, apiKey: 'right' })
  const begun = new Promise((resolve) => first.once('session', resolve))
  first.write(Buffer.alloc(3200))
  await begun
  const { reconnecting } = await outcome({ apiKey: 'right' })
  expect(reconnecting).toMatchObject([
    {
      attempt: 1,
      error: { code: 'TOO_MANY_SESSIONS', retryable: true, serverMessage: expect.stringMatching(/concurrent/) },
    },
  ])
  expect(reconnecting[0]?.delay).toBeGreaterThanOrEqual(2000)
  const closed = new Promise((resolve) => first.once('close', resolve))
  first.destroy()
  await closed
})
