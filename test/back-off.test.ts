import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backOff, delayAsked, retryAfter } from '../src/back-off.ts'

const options = { retryDelay: 500, maxRetryDelay: 15_000 }

describe('backOff()', () => {
  it('doubles with every attempt and stops at the longest delay', () => {
    const longest = [1, 2, 3, 4, 5, 6, 7].map((attempt) => backOff(attempt, options, false, 1))
    expect(longest).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000])
  })

  it('draws half of the delay at random', () => {
    expect(backOff(3, options, false, 0)).toBe(1000)
    expect(backOff(3, options, false, 0.5)).toBe(1500)
    expect(backOff(3, options, false, 1)).toBe(2000)
  })

  it('waits at least two seconds, spread as well, after a refusal for too many sessions', () => {
    expect(backOff(1, options, true, 0)).toBe(2000)
    expect(backOff(1, options, true, 1)).toBe(3000)
  })

  it('goes on to longer delays where the refusals go on', () => {
    expect(backOff(6, options, true, 1)).toBe(15_000)
  })

  it('waits two seconds after such a refusal even where the longest delay is shorter', () => {
    expect(backOff(1, { retryDelay: 1, maxRetryDelay: 10 }, true, 0)).toBe(2000)
  })

  it('draws by itself, and not the same every time', () => {
    const drawn = new Set(Array.from({ length: 50 }, () => backOff(1, options, false)))
    expect(drawn.size).toBeGreaterThan(1)
    for (const delay of drawn) expect(delay >= 250 && delay <= 500).toBe(true)
  })

  it('stays a number within its bounds at any attempt', () => {
    const settings = fc.record({
      retryDelay: fc.integer({ min: 1, max: 60_000 }),
      maxRetryDelay: fc.integer({ min: 1, max: 600_000 }),
    })
    const unit = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        settings,
        fc.boolean(),
        unit,
        (attempt, given, crowded, random) => {
          const delay = backOff(attempt, given, crowded, random)
          const { retryDelay, maxRetryDelay } = given
          expect(delay).toBeLessThanOrEqual(crowded ? Math.max(3000, maxRetryDelay) : maxRetryDelay)
          expect(delay).toBeGreaterThanOrEqual(crowded ? 2000 : Math.min(retryDelay, maxRetryDelay) / 2)
        },
      ),
    )
  })
})

describe('retryAfter()', () => {
  const date = 'Sun, 06 Nov 1994 08:49:37 GMT'
  it.each([
    ['120', {}, { retryAfter: 120_000 }],
    [' 0 ', {}, { retryAfter: 0 }],
    ['Sun, 06 Nov 1994 08:50:07 GMT', { date }, { retryAfter: 30_000 }],
    ['Sunday, 06-Nov-94 08:50:07 GMT', { date }, { retryAfter: 30_000 }],
    ['Sun Nov  6 08:50:07 1994 GMT', { date }, { retryAfter: 30_000 }],
    [date, { date: 'Sun, 06 Nov 1994 08:50:07 GMT' }, { retryAfter: 0 }],
    [date, {}, { retryAfter: 0 }],
    ['-5', {}, {}],
    ['1e9', {}, {}],
    ['soon', {}, {}],
    ['', {}, {}],
  ])('reads %j', (header, more, expected) => {
    expect(retryAfter({ 'retry-after': header, ...more })).toEqual(expected)
  })

  it('goes by this clock where the server tells none', () => {
    const later = new Date(Date.now() + 60_000).toUTCString()
    expect(retryAfter({ 'retry-after': later }).retryAfter).toBeGreaterThan(50_000)
  })
})

describe('delayAsked()', () => {
  it.each([
    [undefined, 1000],
    [{}, 1000],
    [{ retryAfter: 'x' }, 1000],
    [{ retryAfter: 10 }, 1000],
    [{ retryAfter: 5000 }, 5000],
    [{ retryAfter: 1e12 }, 15_000],
  ])('after %j waits %i ms', (error, ms) => expect(delayAsked(1000, error, options)).toBe(ms))
})
