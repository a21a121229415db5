import { describe, expect, it } from 'vitest'
import { captionTimes, srtTimestamp, vttTimestamp } from '../../../src/captions/formats/timestamps.ts'

describe('timestamps', () => {
  it('are exact to the millisecond, with two digits of hours at least', () => {
    expect(srtTimestamp(0)).toBe('00:00:00,000')
    expect(srtTimestamp(1)).toBe('00:00:00,001')
    expect(srtTimestamp(59_999)).toBe('00:00:59,999')
    expect(srtTimestamp(60_000)).toBe('00:01:00,000')
    expect(vttTimestamp(3_599_999)).toBe('00:59:59.999')
    expect(vttTimestamp(3_600_000)).toBe('01:00:00.000')
    expect(vttTimestamp(359_999_999)).toBe('99:59:59.999')
    expect(vttTimestamp(360_000_000)).toBe('100:00:00.000')
    expect(srtTimestamp(3_600_000_000)).toBe('1000:00:00,000')
  })

  it('round, and never go below zero or show what is no number', () => {
    expect(srtTimestamp(999.6)).toBe('00:00:01,000')
    expect(srtTimestamp(-5)).toBe('00:00:00,000')
    expect(vttTimestamp(Number.NaN)).toBe('00:00:00.000')
  })

  it('stay digits however far they lie', () => {
    expect(vttTimestamp(120 * 3_600_000 + 1)).toBe('120:00:00.001')
    for (const time of [1e15, 1e18, 1e300, Infinity]) expect(vttTimestamp(time)).toBe('277777777:46:40.000')
    expect(srtTimestamp(-Infinity)).toBe('00:00:00,000')
  })
})

describe('captionTimes', () => {
  it('are whole, and end after they start', () => {
    expect(captionTimes({ start: 0.4, end: 1000.6 })).toEqual({ start: 0, end: 1001 })
    expect(captionTimes({ start: 5, end: 5 })).toEqual({ start: 5, end: 6 })
    expect(captionTimes({ start: 5, end: -1 })).toEqual({ start: 5, end: 6 })
    expect(captionTimes({ start: Number.NaN, end: Number.NaN })).toEqual({ start: 0, end: 1 })
    expect(captionTimes({ start: Infinity, end: Infinity })).toEqual({ start: 1e15 - 1, end: 1e15 })
  })
})
