import { describe, expect, it } from 'vitest'
import { lateness, percentile, spread } from '../../bench/statistics.ts'

describe('percentile()', () => {
  it('is the smallest value that the share does not exceed', () => {
    const values = [5, 1, 4, 2, 3]
    expect([0, 0.2, 0.5, 0.81, 1].map((share) => percentile(values, share))).toEqual([1, 1, 3, 5, 5])
    expect(percentile([], 0.5)).toBeNaN()
  })

  it('leaves the values in their order', () => {
    const values = [3, 1, 2]
    expect(spread(values)).toEqual({ p50: 2, p99: 3 })
    expect(values).toEqual([3, 1, 2])
  })
})

describe('lateness()', () => {
  it('is 0 for a stream in time, whenever it began', () => {
    expect(lateness([1007, 1057, 1107], 50)).toEqual([0, 0, 0])
  })

  it('counts from the earliest schedule that the stream kept', () => {
    // The first came 10 ms late, the last 20.
    expect(lateness([110, 150, 200, 270], 50)).toEqual([10, 0, 0, 20])
  })

  it('does not forget a delay that stays', () => {
    expect(lateness([0, 50, 130, 180, 230], 50)).toEqual([0, 0, 30, 30, 30])
  })
})
