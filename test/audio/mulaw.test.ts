import { describe, expect, it } from 'vitest'
import { int16ToMulaw, mulawToInt16 } from '../../src/audio/mulaw.ts'

describe('µ-law', () => {
  it('has the known values of G.711', () => {
    expect([0x00, 0x0f, 0x10, 0x7e, 0x7f, 0x80, 0xef, 0xff].map((code) => mulawToInt16[code])).toEqual([
      -32_124, -16_764, -15_996, -8, 0, 32_124, 132, 0,
    ])
  })

  it('gives each code back for its own sample', () => {
    for (let code = 0; code < 256; code++) {
      // 0x7F and 0xFF both are zero.
      expect(int16ToMulaw(mulawToInt16[code] ?? Number.NaN)).toBe(code === 0x7f ? 0xff : code)
    }
  })

  it('takes the nearest code within a segment, for every sample', () => {
    for (let sample = -32_768; sample <= 32_767; sample++) {
      const back = mulawToInt16[int16ToMulaw(sample)] ?? Number.NaN
      const loudness = Math.min(Math.abs(sample), 32_635)
      // Half a step: a step is 1/16 of the segment, which starts at its power of two (less the offset of 132).
      const halfStep = 2 ** Math.floor(Math.log2(loudness + 132)) / 32
      expect(Math.abs(Math.sign(sample) * loudness - back)).toBeLessThanOrEqual(halfStep)
    }
  })

  it('clips what is too loud', () => {
    expect(mulawToInt16[int16ToMulaw(32_767)]).toBe(32_124)
    expect(mulawToInt16[int16ToMulaw(-32_768)]).toBe(-32_124)
  })
})
