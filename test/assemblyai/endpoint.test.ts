import { describe, expect, it } from 'vitest'
import { isLoopback, regionUrl, serverUrl } from '../../src/assemblyai/endpoint.ts'

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
    ['not an address', /WebSocket address/],
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
