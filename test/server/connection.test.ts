import { describe, expect, it } from 'vitest'
import { SessionRate } from '../../src/server/connection.ts'

describe('SessionRate', () => {
  it('lets so many begin within any minute', () => {
    const rate = new SessionRate(2)
    expect([0, 1000, 2000, 59_999].map((now) => rate.admit(now))).toEqual([true, true, false, false])
    // The first is a minute old now, and the refused ones do not count.
    expect([60_000, 60_500, 61_000, 61_001].map((now) => rate.admit(now))).toEqual([true, false, true, false])
  })

  it('counts each key for itself, and all together', () => {
    const rate = new SessionRate(3, 2)
    const admit = (now: number, key: string) => rate.admit(now, key)
    expect([admit(0, 'a'), admit(1, 'a'), admit(2, 'a'), admit(3, 'b'), admit(4, 'c')]).toEqual([
      true,
      true,
      false,
      true,
      false,
    ])
    expect([admit(60_000, 'a'), admit(60_000, 'a')]).toEqual([true, false])
  })

  it('goes on counting a key among any number of others', () => {
    const rate = new SessionRate(Infinity, 1)
    for (let key = 0; key < 1000; key += 1) expect(rate.admit(key, `${key}`)).toBe(true)
    expect([rate.admit(59_999, '0'), rate.admit(60_000, '0'), rate.admit(60_000, '1')]).toEqual([false, true, false])
  })

  it('has no limit where none is set', () => {
    const rate = new SessionRate(Infinity)
    expect(Array.from({ length: 1000 }, () => rate.admit(0)).every(Boolean)).toBe(true)
  })
})
