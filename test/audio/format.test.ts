import { describe, expect, it } from 'vitest'
import {
  blockSize,
  bytesToMs,
  describeFormat,
  msToBytes,
  sameFormat,
  sampleEncodings,
  silenceByte,
  type AudioFormat,
} from '../../src/audio/format.ts'
import { decodeSamples } from '../../src/audio/samples.ts'

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
