import { describe, expect, it } from 'vitest'
import { SessionRate } from '../../src/server/connection.ts'

describe('SessionRate', () => {
  it('lets so many begin within any minute', () => {
    const rate = new SessionRate(2)
    expect([0, 1000, 2000, 59_999].map((now) => rate.admit(now))).toEqual([true, true, false, false])
    // The first is a minute old now, and the refused ones do not count.
    expect([60_000, 60_500, 61_000, 61_001].map((now) => rate.admit(now))).toEqual([true, false, true, false])
  })

  it('has no limit where none is set', () => {
    const rate = new SessionRate(Infinity)
    expect(Array.from({ length: 1000 }, () => rate.admit(0)).every(Boolean)).toBe(true)
  })
})
