import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bestAssignment } from '../../src/voices/assignment.ts'
import { runs } from '../helpers/runs.ts'

function sumOf(weights: readonly (readonly number[])[], assigned: readonly number[]): number {
  return assigned.reduce((sum, column, row) => sum + (column < 0 ? 0 : (weights[row]?.[column] as number)), 0)
}

/** The greatest sum, by trying everything. */
function greatestSum(weights: readonly (readonly number[])[], row = 0, used = new Set<number>()): number {
  if (row === weights.length) return 0
  let greatest = greatestSum(weights, row + 1, used)
  for (const [column, weight] of (weights[row] as readonly number[]).entries()) {
    if (weight <= 0 || used.has(column)) continue
    greatest = Math.max(greatest, weight + greatestSum(weights, row + 1, new Set([...used, column])))
  }
  return greatest
}

describe('bestAssignment()', () => {
  it('prefers the greatest sum to the greatest weight', () => {
    // Row 0 would take column 0 by itself, and leave row 1 with nothing.
    expect(
      bestAssignment([
        [10, 9],
        [8, 0],
      ]),
    ).toEqual([1, 0])
  })

  it('assigns nothing for weights of 0 or less', () => {
    expect(bestAssignment([[0, -5]])).toEqual([-1])
    expect(
      bestAssignment([
        [-1, 3],
        [0, 4],
      ]),
    ).toEqual([-1, 1])
  })

  it('takes any shape: nothing, no columns, more rows than columns, more columns than rows', () => {
    expect(bestAssignment([])).toEqual([])
    expect(bestAssignment([[], []])).toEqual([-1, -1])
    expect(bestAssignment([[1], [3], [2]])).toEqual([-1, 0, -1])
    expect(bestAssignment([[1, 3, 2]])).toEqual([1])
  })

  it('solves twelve by twelve', () => {
    const size = 12
    // The only sum of 12 * 100 lies on the reversed diagonal.
    const weights = Array.from({ length: size }, (_, row) =>
      Array.from({ length: size }, (_, column) => (row + column === size - 1 ? 100 : 99)),
    )
    expect(bestAssignment(weights)).toEqual(Array.from({ length: size }, (_, row) => size - 1 - row))
  })

  it('is one-to-one, and as good as the best of all assignments', () => {
    const matrix = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 })).chain(([rows, columns]) =>
      fc.array(fc.array(fc.integer({ min: -3, max: 12 }), { minLength: columns, maxLength: columns }), {
        minLength: rows,
        maxLength: rows,
      }),
    )
    fc.assert(
      fc.property(matrix, (weights) => {
        const assigned = bestAssignment(weights)
        expect(assigned).toHaveLength(weights.length)
        const columns = assigned.filter((column) => column >= 0)
        expect(new Set(columns).size).toBe(columns.length)
        const taken = assigned.flatMap((column, row) => (column < 0 ? [] : [weights[row]?.[column] ?? 0]))
        expect(taken.every((weight) => weight > 0)).toBe(true)
        expect(sumOf(weights, assigned)).toBe(greatestSum(weights))
      }),
      { numRuns: runs(500) },
    )
  })
})
