import { describe, expect, it } from 'vitest'
import { kaiserSinc } from '../../src/audio/kaiser-sinc.ts'

describe('kaiserSinc', () => {
  it.each([
    [1, 3],
    [160, 441],
    [2, 1],
    [640, 441],
    [16_000, 44_101],
    [1, 96],
  ])('gives rows of sum 1 for %i out of %i', (up, down) => {
    const { taps, half, table } = kaiserSinc(up, down)
    expect(taps).toBe(2 * half)
    expect(half % 2).toBe(0)
    for (let at = 0; at < table.length; at += taps) {
      expect(table.subarray(at, at + taps).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 4)
    }
  })

  it('has a row for each phase while the table is small', () => {
    const { phases, taps, table, interpolated } = kaiserSinc(160, 441)
    expect({ phases, interpolated, entries: table.length }).toEqual({
      phases: 160,
      interpolated: false,
      entries: 160 * taps,
    })
  })

  it.each([
    [16_000, 44_101],
    [16_000, 767_999],
    [8000, 767_999],
    [44_100, 44_099],
    [147, 10_240],
  ])('stays below 2 MiB for %i out of %i', (up, down) => {
    expect(kaiserSinc(up, down).table.byteLength).toBeLessThanOrEqual(2 ** 21)
  })
})
