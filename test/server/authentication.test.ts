import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { answerTokenRequest, Authenticator } from '../../src/server/authentication.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const keyed = () => new Authenticator({ authentication: true, apiKeys: ['right'] })
const withToken = (token: string) => ({ authorization: undefined, token })
const ask = (text: string, authorization: string | undefined = 'right', authenticator = keyed()) =>
  answerTokenRequest(new URLSearchParams(text), authorization, authenticator)

describe('tokens', () => {
  it('let in until they expire, more than once, with their cap', async () => {
    const authenticator = keyed()
    const token = authenticator.issue(60, 120)
    expect(await authenticator.admit(withToken(token))).toEqual({ account: '', maxSessionMs: 120_000 })
    vi.advanceTimersByTime(59_999)
    expect(await authenticator.admit(withToken(token))).toEqual({ account: '', maxSessionMs: 120_000 })
    vi.advanceTimersByTime(1)
    await expect(authenticator.admit(withToken(token))).rejects.toMatchObject({
      code: 1008,
      message: 'Unauthorized Connection: Signature has expired',
    })
  })

  it('without a cap leave the session its full length', async () => {
    const authenticator = keyed()
    expect(await authenticator.admit(withToken(authenticator.issue(60, undefined)))).toEqual({ account: '' })
  })

  it('of another server, or changed, are worth nothing', async () => {
    const authenticator = keyed()
    const [body = '', signature = ''] = authenticator.issue(60, undefined).split('.')
    const longer = Buffer.from(JSON.stringify({ until: Date.now() + 1e9 })).toString('base64url')
    for (const token of [keyed().issue(60, 60), `${longer}.${signature}`, body, `${body}.`, 'x', '..', '%']) {
      await expect(authenticator.admit(withToken(token))).rejects.toMatchObject({
        message: 'Unauthorized Connection: Invalid API key',
      })
    }
  })

  it('count as the key that they were made with', async () => {
    const authenticator = new Authenticator({ authentication: true })
    const byKey = await authenticator.admit({ authorization: 'right', token: undefined })
    const byToken = await authenticator.admit(withToken(authenticator.issue(60, undefined, 'Bearer right')))
    expect(byToken.account).toBe(byKey.account)
    expect((await authenticator.admit({ authorization: 'other', token: undefined })).account).not.toBe(byKey.account)
  })

  it.each(['authorization', 'token'] as const)('hold for as long and as far in either place: %s', async (place) => {
    const nothing = { authorization: undefined, token: undefined }
    for (const authenticator of [
      keyed(),
      ...[true, false].map((authentication) => new Authenticator({ authentication })),
    ]) {
      const token = authenticator.issue(60, 120, 'right')
      const { account } = await authenticator.admit({ authorization: 'right', token: undefined })
      expect(await authenticator.admit({ ...nothing, [place]: token })).toEqual({ account, maxSessionMs: 120_000 })
      vi.advanceTimersByTime(60_000)
      await expect(authenticator.admit({ ...nothing, [place]: token })).rejects.toMatchObject({
        message: 'Unauthorized Connection: Signature has expired',
      })
    }
  })

  it('of another server are judged as keys in the header', async () => {
    const authorization = keyed().issue(60, 60)
    await expect(keyed().admit({ authorization, token: undefined })).rejects.toMatchObject({
      message: 'Unauthorized Connection: Invalid API key',
    })
    const asked = vi.fn<(key: string) => boolean>(() => true)
    const authenticator = new Authenticator({ authentication: true, apiKeys: asked })
    await authenticator.admit({ authorization, token: undefined })
    await authenticator.admit({ authorization: authenticator.issue(60, 60), token: undefined })
    expect(asked.mock.calls).toEqual([[authorization]])
  })

  it('do not hold the key', () => {
    const token = keyed().issue(60, 60, 'right')
    expect(Buffer.from(token, 'base64url').toString()).not.toContain('right')
  })
})

describe('a key check', () => {
  it('that never answers counts as a failure of the server', async () => {
    const authenticator = new Authenticator({ authentication: true, apiKeys: () => new Promise(() => {}) })
    const refusal = authenticator.admit({ authorization: 'key', token: undefined }).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await refusal).toMatchObject({ code: 1011 })
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('GET /v3/token', () => {
  it('gives a token that opens a session', async () => {
    const authenticator = keyed()
    const answer = await ask('expires_in_seconds=60&max_session_duration_seconds=90', 'right', authenticator)
    expect(answer).toEqual({ status: 200, body: { token: expect.any(String), expires_in_seconds: 60 } })
    const { token } = answer.body as { token: string }
    expect(await authenticator.admit(withToken(token))).toEqual({ account: expect.any(String), maxSessionMs: 90_000 })
  })

  it('accepts Bearer here', async () => {
    expect((await ask('expires_in_seconds=60', 'Bearer right')).status).toBe(200)
    expect((await ask('expires_in_seconds=60', 'Bearer wrong')).status).toBe(401)
    expect((await ask('expires_in_seconds=60', 'wrong')).status).toBe(401)
  })

  it.each([
    ['', 'missing', 'Field required', null],
    ['expires_in_seconds=', 'int_parsing', 'Input should be a valid integer, unable to parse string as an integer', ''],
    [
      'expires_in_seconds=1.5',
      'int_parsing',
      'Input should be a valid integer, unable to parse string as an integer',
      '1.5',
    ],
    ['expires_in_seconds=0', 'greater_than_equal', 'Input should be greater than or equal to 1', '0'],
    ['expires_in_seconds=601', 'less_than_equal', 'Input should be less than or equal to 600', '601'],
  ])('answers %j with 422 and a reason', async (text, type, msg, input) => {
    const { status, body } = await ask(text)
    expect(status).toBe(422)
    expect(body).toMatchObject({ detail: [{ type, loc: ['query', 'expires_in_seconds'], msg, input }] })
  })

  it('names every fault at once, also a missing header', async () => {
    const { status, body } = await answerTokenRequest(
      new URLSearchParams('expires_in_seconds=x&max_session_duration_seconds=59'),
      undefined,
      keyed(),
    )
    expect(status).toBe(422)
    expect((body as { detail: { loc: string[] }[] }).detail.map(({ loc }) => loc.join('.'))).toEqual([
      'query.expires_in_seconds',
      'query.max_session_duration_seconds',
      'header.Authorization',
    ])
  })
})
