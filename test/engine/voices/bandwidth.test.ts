import { describe, expect, it } from 'vitest'
import { isNarrowband } from '../../../src/engine/voices/bandwidth.ts'

const rate = 16_000

/** A second of tones of these frequencies, in Hz, each of so many dB below full scale. */
function tones(...of: readonly [frequency: number, dB: number][]): Int16Array {
  return Int16Array.from({ length: rate }, (_, i) =>
    of.reduce((sum, [hz, dB]) => sum + 32_767 * 10 ** (-dB / 20) * Math.sin((2 * Math.PI * hz * i) / rate), 0),
  )
}

describe('isNarrowband', () => {
  it('knows what came by telephone', () => {
    expect(isNarrowband(tones([400, 20], [1500, 25], [3300, 40]))).toBe(true)
  })

  it.each([4600, 6000, 7400])('knows what did not by a little of %i Hz', (hz) => {
    expect(isNarrowband(tones([400, 20], [hz, 60]))).toBe(false)
  })

  it('takes no hum, no silence and no moment of sound for a telephone', () => {
    expect(isNarrowband(tones([50, 10], [6000, 60]))).toBe(false)
    expect(isNarrowband(new Int16Array(rate))).toBe(false)
    expect(isNarrowband(tones([400, 20]).subarray(0, 100))).toBe(false)
  })

  it('does not go by one look', () => {
    const hiss = tones([400, 20], [6000, 30])
    const dull = tones([400, 20])
    expect(isNarrowband(Int16Array.from([...dull, ...hiss, ...dull]))).toBe(false)
  })
})
