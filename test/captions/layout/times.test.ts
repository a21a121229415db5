import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cueTimes } from '../../../src/captions/layout/times.ts'
import { layoutSettings } from '../../../src/captions/layout/options.ts'
import { runs } from '../../helpers/runs.ts'

const netflix = layoutSettings()
const bbc = layoutSettings({ preset: 'bbc' })
const span = (start: number, end: number, width = 10, words = 2) => ({ start, end, width, words })

describe('cueTimes', () => {
  it('keeps a cue for the tail after its last word, where nothing follows soon', () => {
    expect(cueTimes(span(1000, 3000), Infinity, undefined, netflix)).toEqual({ start: 1000, end: 3500 })
    expect(cueTimes(span(1000, 3000), 4000, undefined, netflix)).toEqual({ start: 1000, end: 3500 })
  })

  it('closes small gaps to the least gap, and leaves large ones', () => {
    expect(cueTimes(span(1000, 3000), 3999, undefined, netflix).end).toBe(3916)
    expect(cueTimes(span(1000, 3000), 3400, undefined, netflix).end).toBe(3317)
    expect(cueTimes(span(1000, 3000), 4000, undefined, netflix).end).toBe(3500)
  })

  it('leaves the least gap even where words follow each other without one', () => {
    expect(cueTimes(span(1000, 3000), 3000, undefined, netflix).end).toBe(2917)
    expect(cueTimes(span(1000, 3000), 3000, undefined, bbc).end).toBe(3000)
  })

  it('extends a cue to the least duration and to what reading takes', () => {
    expect(cueTimes(span(0, 100), Infinity, undefined, netflix).end).toBe(833)
    expect(cueTimes(span(0, 1000, 68), Infinity, undefined, netflix).end).toBe(4000)
    expect(cueTimes(span(0, 1000, 10, 10), Infinity, undefined, bbc).end).toBe(3000)
    expect(cueTimes(span(0, 1000, 68), 2000, undefined, netflix).end).toBe(1917)
  })

  it('adds nothing but the least duration where it does not know what follows', () => {
    expect(cueTimes(span(1000, 3000), undefined, undefined, netflix).end).toBe(3000)
    expect(cueTimes(span(1000, 1100), undefined, undefined, netflix).end).toBe(1833)
    expect(cueTimes(span(1000, 1100), Number.NaN, undefined, netflix).end).toBe(1833)
  })

  it('makes a cue wait for the one before, and then shows it for a sensible time at least', () => {
    expect(cueTimes(span(1000, 1500), 1600, 2000, netflix)).toEqual({ start: 2083, end: 2383 })
  })

  it('does not let a cue flash because the next speaker begins at once', () => {
    expect(cueTimes(span(1000, 1050), 1060, undefined, netflix)).toEqual({ start: 1000, end: 1300 })
  })

  it('keeps a cue that is talked over until it can be read, but not past its words', () => {
    expect(cueTimes(span(0, 5000, 60), 1000, undefined, netflix).end).toBe(3000)
    expect(cueTimes(span(0, 2000, 60), 1000, undefined, netflix).end).toBe(2000)
  })

  it('shows nothing longer than the longest duration', () => {
    expect(cueTimes(span(0, 60_000), Infinity, undefined, netflix)).toEqual({ start: 0, end: 7000 })
  })

  it('never gives an impossible time', () => {
    const spoken = fc.record({ start: fc.nat(10_000), length: fc.nat(9000), width: fc.nat(100), words: fc.nat(30) })
    const next = fc.oneof(fc.nat(20_000), fc.constantFrom(undefined, Infinity, Number.NaN))
    fc.assert(
      fc.property(
        spoken,
        next,
        fc.option(fc.nat(20_000), { nil: undefined }),
        fc.constantFrom(netflix, bbc),
        (a, b, c, d) => {
          const { start, end } = cueTimes({ ...a, end: a.start + a.length }, b, c, d)
          expect(Number.isInteger(start) && Number.isInteger(end)).toBe(true)
          expect(start).toBeGreaterThanOrEqual(Math.max(a.start, c === undefined ? 0 : c + d.minGap))
          expect(end - start).toBeGreaterThan(0)
          expect(end - start).toBeLessThanOrEqual(d.maxDuration)
        },
      ),
      { numRuns: runs(2000) },
    )
  })
})
