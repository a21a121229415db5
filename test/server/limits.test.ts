import { afterEach, describe, expect, it } from 'vitest'
import { serve, type ServerOptions, type StreamingServer } from '../../src/server/index.ts'
import { scriptedEngine } from '../../src/testing/index.ts'
import { RawClient } from './raw-client.ts'

let server: StreamingServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

async function start(options: Partial<ServerOptions>): Promise<StreamingServer> {
  server = await serve({ engine: scriptedEngine([]), ...options })
  return server
}

describe('maxSessionsPerMinute', () => {
  it('refuses one session too many, also when the others have ended', async () => {
    const { url } = await start({ maxSessionsPerMinute: 2 })
    for (let session = 0; session < 2; session++) {
      const client = await new RawClient(url).open()
      expect((await client.terminate()).code).toBe(1000)
    }
    const refused = await new RawClient(url).refusal()
    expect(refused.code).toBe(1008)
    expect(refused.error?.error).toBe('Unauthorized Connection: Too many concurrent sessions')
  })

  it('does not count clients that are refused for something else', async () => {
    const { url } = await start({ maxSessionsPerMinute: 1 })
    expect((await new RawClient(url, { sample_rate: 1 }).refusal()).code).toBe(3006)
    expect((await new RawClient(url, {}, { headers: {} }).refusal()).code).toBe(1008)
    await new RawClient(url).open()
  })

  it('must be a whole number', async () => {
    await expect(start({ maxSessionsPerMinute: 0 })).rejects.toThrow(
      /^maxSessionsPerMinute, when given, must be an int/,
    )
    await start({ maxSessionsPerMinute: Infinity })
  })
})

describe('maxPayload', () => {
  it('ends a session with 1009 at a larger message, whatever the default is', async () => {
    const { url } = await start({ maxPayload: 2048 })
    const client = await new RawClient(url).open()
    client.socket.send(Buffer.alloc(2048))
    client.socket.send(Buffer.alloc(2049))
    expect((await client.closed).code).toBe(1009)
  })
})

describe('maxSessionsPerMinutePerKey', () => {
  it('counts the sessions of each key, by its tokens as well', async () => {
    const { url, tokenUrl } = await start({ maxSessionsPerMinutePerKey: 2 })
    const withKey = (key: string) => new RawClient(url, {}, { headers: { Authorization: key } })
    await withKey('one').open()
    const answer = await fetch(`${tokenUrl}?expires_in_seconds=60`, { headers: { Authorization: 'one' } })
    const { token } = (await answer.json()) as { token: string }
    await new RawClient(url, { token }, { headers: {} }).open()
    expect((await withKey('one').refusal()).error?.error).toBe('Unauthorized Connection: Too many concurrent sessions')
    expect((await new RawClient(url, { token }, { headers: {} }).refusal()).code).toBe(1008)
    await withKey('two').open()
  })

  it('must be a whole number', async () => {
    await expect(start({ maxSessionsPerMinutePerKey: 0.5 })).rejects.toThrow(
      /^maxSessionsPerMinutePerKey, when given, must be an int/,
    )
  })
})

describe('expires_at', () => {
  it('is when the session ends, not sooner than its longest duration', async () => {
    const { url } = await start({ maxSessionDuration: 300 })
    const client = new RawClient(url)
    const asked = Date.now()
    const { expires_at: expiresAt } = await client.next('Begin')
    expect(Number.isInteger(expiresAt)).toBe(true)
    expect(expiresAt * 1000).toBeGreaterThanOrEqual(asked + 300)
    const { code, error } = await client.refusal()
    expect([code, error?.error]).toEqual([3008, 'Session Expired: Maximum session duration exceeded'])
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt * 1000)
  })

  it('is sooner where the token says so', async () => {
    const running = await start({})
    const asked = Date.now() / 1000
    const answer = await fetch(`${running.tokenUrl}?expires_in_seconds=60&max_session_duration_seconds=90`, {
      headers: { Authorization: 'key' },
    })
    const { token } = (await answer.json()) as { token: string }
    const client = new RawClient(running.url, { token }, { headers: {} })
    const { expires_at: expiresAt } = await client.next('Begin')
    expect(expiresAt).toBeGreaterThanOrEqual(Math.floor(asked + 90))
    expect(expiresAt).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000 + 90))
  })
})
