import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { likeliestPath, type Step } from '../../../src/engine/speakers/path.ts'

describe('likeliestPath', () => {
  it('is empty where there is nobody or nothing', () => {
    expect(likeliestPath([])).toEqual([])
    expect(likeliestPath([{ odds: [], change: 1 }])).toEqual([])
  })

  it('changes where the voice says so, and not for a little', () => {
    const change = 2
    expect(likeliestPath([2, -3, -3, 4].map((odds) => ({ odds: [odds, -odds], change })))).toEqual([0, 1, 1, 0])
    expect(likeliestPath([2, -0.5, 4].map((odds) => ({ odds: [odds, -odds], change })))).toEqual([0, 0, 0])
  })

  it('is as likely as the best of all sequences', () => {
    const steps = fc.array(
      fc.record({
        odds: fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 })),
        change: fc.integer({ min: 0, max: 5 }),
      }),
      { minLength: 1, maxLength: 7 },
    )
    const worth = (path: readonly number[], of: readonly Step[]): number =>
      of.reduce(
        (sum, { odds, change }, at) => sum + odds[path[at]!]! - (at > 0 && path[at] !== path[at - 1] ? change : 0),
        0,
      )
    fc.assert(
      fc.property(steps, (of) => {
        const all = Array.from({ length: 2 ** of.length }, (_, bits) => of.map((_step, at) => (bits >> at) & 1))
        expect(worth(likeliestPath(of), of)).toBe(Math.max(...all.map((path) => worth(path, of))))
      }),
    )
  })
})
