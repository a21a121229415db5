import { afterEach, describe, expect, it } from 'vitest'
import { serve, type ServerOptions, type StreamingServer } from '../../src/server/index.ts'
import { scriptedEngine } from '../../src/testing/index.ts'
import { RawClient } from './raw-client.ts'

let server: StreamingServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

const said = [{ words: 'Good morning to you', start: 100, end: 900, speaker: 'A' }]

async function start(options: Partial<ServerOptions> = {}): Promise<StreamingServer> {
  server = await serve({ engine: scriptedEngine(said), metrics: true, ...options })
  return server
}

/** Values by the name of their metric, its labels with it. */
async function read(running: StreamingServer): Promise<Record<string, number>> {
  const answer = await fetch(running.metricsUrl!)
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  const text = await answer.text()
  expect(text.endsWith('\n')).toBe(true)
  // The two kinds of lines that Prometheus knows.
  const lines = text.trimEnd().split('\n')
  const comments = lines.filter((line) => /^# (?:HELP [a-z_]+ .+|TYPE [a-z_]+ (?:counter|gauge))$/.test(line))
  const values = lines.flatMap((line) => {
    const [, name, value] = /^diarize_stream_([a-z_]+(?:\{[a-z]+="[^"\\]*"\})?) (\d+(?:\.\d+)?)$/.exec(line) ?? []
    return name === undefined ? [] : [[name, Number(value)] as const]
  })
  expect(comments.length + values.length).toBe(lines.length)
  return Object.fromEntries(values)
}

const nextEnd = (running: StreamingServer): Promise<unknown> =>
  new Promise((resolve) => {
    running.once('sessionEnd', resolve)
  })

describe('GET /metrics', () => {
  it('counts sessions, audio, words and refusals', async () => {
    const running = await start({ maxSessions: 2 })
    expect(await read(running)).toEqual({
      sessions: 0,
      sessions_opened_total: 0,
      audio_seconds_total: 0,
      words_total: 0,
      lag_seconds: 0,
    })
    const first = await new RawClient(running.url).open()
    const second = await new RawClient(running.url).open()
    await new RawClient(running.url).refusal()
    first.sendAudio(1500)
    const end = nextEnd(running)
    await first.terminate()
    await end
    const left = nextEnd(running)
    // A code of the client's own must not become a metric of its own.
    second.socket.close(4321)
    await left
    expect(await read(running)).toEqual({
      sessions: 0,
      sessions_opened_total: 2,
      'sessions_ended_total{code="1000"}': 1,
      'sessions_ended_total{code="other"}': 1,
      'sessions_refused_total{code="1008"}': 1,
      audio_seconds_total: 1.5,
      words_total: 4,
      lag_seconds: 0,
    })
  })

  it('tells how far an engine is behind', async () => {
    const running = await start({ engine: scriptedEngine(said, { writeDelay: 60_000 }) })
    const client = await new RawClient(running.url).open()
    let heard = 0
    const all = new Promise<void>((resolve) => {
      running.on('message', () => {
        heard += 1
        if (heard === 20) setImmediate(resolve)
      })
    })
    client.sendAudio(1000)
    await all
    expect(await read(running)).toMatchObject({ sessions: 1, audio_seconds_total: 1, lag_seconds: 1 })
  })

  it('is for those with a key, where there are keys', async () => {
    const running = await start({ apiKeys: ['key'] })
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(running.metricsUrl!, { headers })).status
    expect(await status({})).toBe(401)
    expect(await status({ authorization: 'Bearer other' })).toBe(401)
    expect(await status({ authorization: 'Bearer key' })).toBe(200)
    expect((await fetch(running.metricsUrl!, { method: 'POST' })).status).toBe(405)
  })

  it('is not there unless it is asked for', async () => {
    const running = await start({ metrics: false })
    expect(running.metricsUrl).toBeUndefined()
    expect((await fetch(running.tokenUrl.replace('/v3/token', '/metrics'))).status).toBe(404)
  })
})
