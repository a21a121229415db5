import { describe, expect, it } from 'vitest'
import { checkAuthentication, credentials } from '../../src/assemblyai/authentication.ts'

describe('checkAuthentication', () => {
  it('takes a key, a token, functions, or nothing', () => {
    for (const options of [{}, { apiKey: 'k' }, { token: 't' }, { apiKey: () => 'k' }, { token: async () => 't' }]) {
      expect(() => checkAuthentication(options)).not.toThrow()
    }
  })

  it.each([
    [{ apiKey: 'k', token: 't' }, /exclude each other/],
    [{ apiKey: '' }, /non-empty string/],
    [{ apiKey: '  ' }, /non-empty string/],
    [{ apiKey: 'Bearer abc' }, /without "Bearer"/],
    [{ token: 'to ken' }, /spaces or newlines/],
    [{ apiKey: 'sec\nret' }, /spaces or newlines/],
    [{ apiKey: 12 as unknown as string }, /non-empty string/],
  ])('refuses %j', (options, message) => {
    expect(() => checkAuthentication(options)).toThrow(message)
    expect(() => checkAuthentication(options)).not.toThrow(/secret/)
  })
})

describe('credentials', () => {
  it('sends a key raw in the header, trimmed', async () => {
    expect(await credentials({ apiKey: ' abc\n' })).toEqual({
      headers: { Authorization: 'abc' },
      query: {},
      secrets: ['abc'],
    })
  })

  it('sends a token in the query', async () => {
    const { headers, query, secrets } = await credentials({ token: 'a+b' })
    expect(headers).toEqual({})
    expect(query).toEqual({ token: 'a+b' })
    expect(secrets).toEqual(['a+b', 'a%2Bb'])
  })

  it('asks a function anew for each connection', async () => {
    let count = 0
    const options = { token: async () => `token-${(count += 1)}` }
    expect((await credentials(options)).query).toEqual({ token: 'token-1' })
    expect((await credentials(options)).query).toEqual({ token: 'token-2' })
  })

  it('says which function failed, and keeps the cause', async () => {
    const cause = new Error('the vault is sealed')
    await expect(credentials({ token: () => Promise.reject(cause) })).rejects.toMatchObject({
      code: 'TOKEN_FAILED',
      retryable: true,
      message: 'the token function failed: the vault is sealed',
      cause,
    })
  })

  it.each([undefined, '', 42])('refuses a function that gives %j', async (value) => {
    await expect(credentials({ apiKey: () => value as unknown as string })).rejects.toMatchObject({
      code: 'TOKEN_FAILED',
    })
  })
})
