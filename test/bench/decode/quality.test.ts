import { describe, expect, it } from 'vitest'
import { FLOOR_DB, levelChange, measureQuality, tone } from '../../../bench/decode/quality.ts'
import { resamplers } from '../../../bench/decode/resamplers.ts'

describe('levelChange()', () => {
  it('is 0 dB for the same, -6 dB for half, and the floor for silence', () => {
    const input = tone(1000)
    const half = Buffer.alloc(input.length)
    for (let at = 0; at < input.length; at += 2) half.writeInt16LE(Math.round(input.readInt16LE(at) / 2), at)
    expect(levelChange(input, input)).toBe(0)
    expect(levelChange(input, half)).toBeCloseTo(-6.02, 1)
    expect(levelChange(input, Buffer.alloc(1000))).toBe(FLOOR_DB)
  })
})

describe('measureQuality()', () => {
  it('tells a resampler from one that only drops samples', async () => {
    const dropping = (pcm: Buffer): Promise<Buffer> => {
      const out = Buffer.alloc(pcm.length / 3)
      for (let at = 0; at < out.length; at += 2) out.writeInt16LE(pcm.readInt16LE(at * 3), at)
      return Promise.resolve(out)
    }
    const [ours, bad] = [await measureQuality(resamplers['ours']!), await measureQuality(dropping)]
    expect(ours.pass7k).toBeGreaterThan(-1)
    expect(ours.alias9k).toBeLessThan(-80)
    expect(bad.alias9k).toBeGreaterThan(-1)
  })
})
