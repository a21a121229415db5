import { describe, expect, it } from 'vitest'
import {
  type AudioFormat,
  blockSize,
  bytesToMs,
  checkFormat,
  describeFormat,
  msToBytes,
  sameFormat,
  sampleEncodings,
  silenceByte,
} from '../../src/audio/format.ts'
import { decodeSamples } from '../../src/audio/pcm.ts'

const mono16: AudioFormat = { sampleRate: 16_000, channels: 1, encoding: 's16le' }

describe('AudioFormat', () => {
  it('tells bytes and times', () => {
    expect(msToBytes(50, mono16)).toBe(1600)
    expect(bytesToMs(1600, mono16)).toBe(50)
    expect(msToBytes(50, { sampleRate: 11_025, channels: 2, encoding: 's24le' })).toBe(552 * 6)
    expect(blockSize({ sampleRate: 8000, channels: 8, encoding: 'mulaw' })).toBe(8)
  })

  it.each(sampleEncodings)('has a byte that is silence in %s', (encoding) => {
    for (const sample of decodeSamples(Buffer.alloc(12, silenceByte[encoding]), encoding)) expect(sample + 0).toBe(0)
  })

  it('is compared and described by all its fields', () => {
    expect(sameFormat(mono16, { ...mono16 })).toBe(true)
    expect(sameFormat(mono16, { ...mono16, channels: 2 })).toBe(false)
    expect(sameFormat(mono16, { ...mono16, sampleRate: 8000 })).toBe(false)
    expect(sameFormat(mono16, { ...mono16, encoding: 'mulaw' })).toBe(false)
    expect(describeFormat(mono16)).toBe('16000 Hz, mono, s16le')
    expect(describeFormat({ sampleRate: 48_000, channels: 6, encoding: 'u8' })).toBe('48000 Hz, 6 channels, u8')
  })
})

const good = { sampleRate: 44_100, channels: 2, encoding: 's24le' }

describe('checkFormat', () => {
  it('passes a whole format, and none', () => {
    expect(() => checkFormat('input', good)).not.toThrow()
    expect(() => checkFormat('input', undefined)).not.toThrow()
  })

  it.each([
    [null, /^input, when given, must be an object with sampleRate, channels and encoding; got null$/],
    ['s16le', /an object with/],
    [{ sampleRate: 16_000, channels: 1 }, /an object with/],
    [{ ...good, format: 's16le' }, /input has no option format/],
    [{ ...good, sampleRate: 999 }, /input\.sampleRate, .* from 1000 to 768000 Hz; got 999/],
    [{ ...good, sampleRate: undefined }, /input\.sampleRate/],
    [{ ...good, channels: 9 }, /input\.channels, .* from 1 to 8; got 9/],
    [{ ...good, encoding: 's16be' }, /input\.encoding, .* 'mulaw'; got 's16be'/],
  ])('refuses %j', (value, message) => {
    expect(() => checkFormat('input', value)).toThrow(message)
    expect(() => checkFormat('input', value)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})
