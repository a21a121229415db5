import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { confidenceOf } from '../../src/engine/confidence.ts'

describe('confidenceOf', () => {
  it('is what was measured', () => {
    expect([0, 0.1, 0.375, 1].map(confidenceOf)).toEqual([0.22, 0.36, 0.635, 0.98])
  })

  it('stays within 0 and 1, and keeps the order of the posteriors', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -0.1, max: 1.1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (one, other) => {
          const [low, high] = [Math.min(one, other), Math.max(one, other)]
          expect(confidenceOf(low)).toBeGreaterThanOrEqual(0)
          expect(confidenceOf(high)).toBeLessThanOrEqual(1)
          expect(confidenceOf(low)).toBeLessThanOrEqual(confidenceOf(high))
        },
      ),
    )
  })
})
