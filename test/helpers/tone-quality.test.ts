import { describe, expect, it } from 'vitest'
import { FLOOR_DB, levelChange, tone } from './tone-quality.ts'

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
