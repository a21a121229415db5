import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deltaBic, Gaussian } from '../../src/engine/gaussian.ts'
import { normals } from './signals.ts'

const draw = (count: number, mean: number[], deviation: number, seed: number): number[][] => {
  const next = normals(seed)
  return Array.from({ length: count }, () => mean.map((m) => m + deviation * next()))
}

describe('Gaussian', () => {
  it('gets the determinant of known data right', () => {
    const square = [
      [0, 0],
      [2, 0],
      [0, 2],
      [2, 2],
    ]
    // Variance 1 in both directions, no covariance; the diagonal carries a hundredth more.
    expect(Gaussian.of(2, square).logDeterminant).toBeCloseTo(2 * Math.log(1.01), 9)
  })

  it('is the same whether frames are added one by one or in parts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 199 }), fc.integer(), (cut, seed) => {
        const frames = draw(200, [1, -2, 3], 2, seed)
        const whole = Gaussian.of(3, frames)
        const [left, right] = [Gaussian.of(3, frames.slice(0, cut)), Gaussian.of(3, frames.slice(cut))]
        expect(left.plus(right).logDeterminant).toBeCloseTo(whole.logDeterminant, 6)
        expect(left.plus(right).count).toBe(200)
      }),
    )
  })

  it('updates its determinant when a frame is added after it was asked for', () => {
    const gaussian = Gaussian.of(1, [[0], [1]])
    const before = gaussian.logDeterminant
    gaussian.add([10])
    expect(gaussian.logDeterminant).toBeGreaterThan(before)
  })

  it('stays finite for one frame and for constant frames', () => {
    expect(Number.isFinite(Gaussian.of(2, [[1, 1]]).logDeterminant)).toBe(true)
    expect(
      Number.isFinite(
        Gaussian.of(
          2,
          [...Array(50)].map(() => [3, 4]),
        ).logDeterminant,
      ),
    ).toBe(true)
  })
})

describe('deltaBic', () => {
  const zero = Array<number>(12).fill(0)

  it('is below 0 for two draws of one distribution and above for two distributions', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const a = Gaussian.of(12, draw(300, zero, 1, seed))
      const same = Gaussian.of(12, draw(300, zero, 1, seed + 100))
      const shifted = Gaussian.of(
        12,
        draw(
          300,
          zero.map(() => 1.5),
          1,
          seed + 200,
        ),
      )
      const wider = Gaussian.of(12, draw(300, zero, 2, seed + 300))
      expect(deltaBic(a, same, 1.7)).toBeLessThan(0)
      expect(deltaBic(a, shifted, 1.7)).toBeGreaterThan(0)
      expect(deltaBic(a, wider, 1.7)).toBeGreaterThan(0)
    }
  })

  it('does not depend on the order, and falls as strictness rises', () => {
    const a = Gaussian.of(12, draw(200, zero, 1, 1))
    const b = Gaussian.of(
      12,
      draw(
        150,
        zero.map(() => 0.3),
        1,
        2,
      ),
    )
    expect(deltaBic(a, b, 1.7)).toBeCloseTo(deltaBic(b, a, 1.7), 9)
    expect(deltaBic(a, b, 2)).toBeLessThan(deltaBic(a, b, 1))
  })
})
