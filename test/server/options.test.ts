import { describe, expect, it } from 'vitest'
import { ConfigurationError } from '../../src/errors.ts'
import { resolveServerOptions, type ServerOptions } from '../../src/server/options.ts'
import { scriptedEngine } from '../../src/testing/index.ts'

const engine = scriptedEngine([])

describe('resolveServerOptions', () => {
  it('fills in the defaults, also for options given as undefined', () => {
    const given = { engine, port: undefined, apiKeys: undefined } as unknown as ServerOptions
    expect(resolveServerOptions(given)).toEqual({
      engine,
      port: 0,
      host: '127.0.0.1',
      authentication: true,
      maxSessions: 100,
      maxSessionsPerMinute: Infinity,
      maxSessionsPerMinutePerKey: Infinity,
      models: 'open',
      maxSessionDuration: 10_800_000,
      pacing: 'off',
      maxAhead: 300_000,
      maxPayload: 131_072,
      metrics: false,
      unattributedLabel: 'UNKNOWN',
      loopback: true,
    })
  })

  it('runs the engine of this machine where none is named', () => {
    expect(resolveServerOptions({}).engine).toMatchObject({ name: 'sherpa-onnx', sampleRate: 16_000 })
    expect(resolveServerOptions({}).pacing).toBe('off')
  })

  it('enforces pacing where the engine minds', () => {
    expect(resolveServerOptions({ engine: scriptedEngine([], { fasterThanRealTime: false }) }).pacing).toBe('enforce')
    expect(resolveServerOptions({ engine, pacing: 'enforce' }).pacing).toBe('enforce')
  })

  it.each([
    [{ engine: {} }, /^engine, when given, must be an Engine/],
    [{ port: 70_000 }, /^port, when given, must be an integer from 0 to 65535/],
    [{ maxSessions: 0 }, /^maxSessions/],
    [{ maxSessionDuration: -1 }, /^maxSessionDuration/],
    [{ pacing: 'sometimes' }, /^pacing, when given, must be 'enforce' or 'off'/],
    [{ maxAhead: Number.NaN }, /^maxAhead/],
    [{ maxPayload: 1000 }, /^maxPayload, when given, must be an integer from 1024 to 16777216 bytes/],
    [{ metrics: 'yes' }, /^metrics/],
    [{ unattributedLabel: 'NOBODY' }, /^unattributedLabel/],
    [{ authentication: 'no' }, /^authentication, when given, must be true or false/],
    [{ apiKeys: [] }, /^apiKeys/],
    [{ apiKeys: [''] }, /^apiKeys/],
    [{ tls: { key: 'x' } }, /^tls, when given, must be \{ key, cert \} in PEM/],
    [
      { tls: { key: 'x', cert: 'y' } },
      /^tls, when given, must be usable: the private key and the certificate that belongs/,
    ],
    [{ apiKey: 'x' }, /^serve\(\) has no option apiKey; it has /],
  ])('refuses %j', (wrong, expected) => {
    const options = { engine, ...wrong } as unknown as ServerOptions
    expect(() => resolveServerOptions(options)).toThrow(ConfigurationError)
    expect(() => resolveServerOptions(options)).toThrow(expected)
  })

  it('does not show a key in its refusal', () => {
    const options = { engine, apiKeys: 'my-secret-key' } as unknown as ServerOptions
    expect(() => resolveServerOptions(options)).toThrow(expect.not.stringContaining('my-secret-key'))
  })

  it('does not serve other machines without a word on who may come in', () => {
    for (const host of ['0.0.0.0', '::', '192.168.1.5', 'example.org']) {
      expect(() => resolveServerOptions({ engine, host })).toThrow(/can be reached from other machines/)
      expect(resolveServerOptions({ engine, host, apiKeys: ['key'] }).loopback).toBe(false)
      expect(resolveServerOptions({ engine, host, authentication: false }).loopback).toBe(false)
    }
    for (const host of ['localhost', '127.0.0.53', '::1']) {
      expect(resolveServerOptions({ engine, host }).loopback).toBe(true)
    }
  })

  it('does not take keys that would guard nothing', () => {
    for (const apiKeys of [['key'], () => true]) {
      const message = 'apiKeys and authentication: false exclude each other; give one of them'
      expect(() => resolveServerOptions({ engine, apiKeys, authentication: false })).toThrow(message)
      expect(resolveServerOptions({ engine, apiKeys, authentication: true }).authentication).toBe(true)
    }
  })
})
