import { describe, expect, it } from 'vitest'
import { checkAuthentication, credentials, isLoopback, regionUrl, serverUrl } from '../../src/protocol/endpoint.ts'

describe('regionUrl', () => {
  it('knows the three data zones', () => {
    expect(regionUrl('global')).toBe('wss://streaming.assemblyai.com/v3/ws')
    expect(regionUrl('us')).toBe('wss://streaming.us.assemblyai.com/v3/ws')
    expect(regionUrl('eu')).toBe('wss://streaming.eu.assemblyai.com/v3/ws')
  })
})

describe('serverUrl', () => {
  it.each([
    ['ws://localhost:8080', 'ws://localhost:8080/v3/ws'],
    ['wss://example.org/v3/ws', 'wss://example.org/v3/ws'],
    ['wss://example.org/other', 'wss://example.org/other'],
  ])('reads %s', (given, expected) => {
    expect(serverUrl(given).href).toBe(expected)
  })

  it.each([
    ['http://localhost', /must begin with ws:\/\/ or wss:\/\//],
    ['localhost:8080', /must begin with ws/],
    ['not an address', /an address such as 'wss:/],
    ['wss://user:secret@example.org', /no query, fragment or credentials/],
    ['wss://example.org/?token=secret', /no query, fragment or credentials/],
  ])('refuses %s', (given, message) => {
    expect(() => serverUrl(given)).toThrow(message)
    expect(() => serverUrl(given)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  it('shows no credentials of an address it refuses', () => {
    expect(() => serverUrl('wss://user:secret@example.org')).not.toThrow(/secret/)
  })
})

it('isLoopback tells this machine from others', () => {
  expect(['ws://localhost', 'ws://127.0.0.1:1', 'ws://[::1]:2'].map((url) => isLoopback(new URL(url)))).toEqual([
    true,
    true,
    true,
  ])
  expect(isLoopback(new URL('ws://127.0.0.1.example.org'))).toBe(false)
})

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

  it('takes an AbortError of the function for its failure: nobody else can have aborted it', async () => {
    const cause = new DOMException('This operation was aborted', 'AbortError')
    await expect(credentials({ token: () => Promise.reject(cause) })).rejects.toMatchObject({
      name: 'SessionError',
      code: 'TOKEN_FAILED',
      retryable: true,
      cause,
    })
  })

  it.each([undefined, '', 42])('refuses a function that gives %j', async (value) => {
    await expect(credentials({ apiKey: () => value as unknown as string })).rejects.toMatchObject({
      code: 'TOKEN_FAILED',
    })
  })
})
