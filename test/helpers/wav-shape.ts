import { expect } from 'vitest'

/** Sample rate, channels and samples per channel of a WAV of unknown length. */
export function shapeOf(wav: Buffer): { rate: number; channels: number; samples: number } {
  expect(wav.toString('latin1', 0, 4) + wav.toString('latin1', 8, 16)).toBe('RIFFWAVEfmt ')
  const channels = wav.readUInt16LE(22)
  return { rate: wav.readUInt32LE(24), channels, samples: (wav.length - wav.indexOf('data') - 8) / 2 / channels }
}
