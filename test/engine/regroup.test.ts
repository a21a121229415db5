import { describe, expect, it } from 'vitest'
import { Gaussian } from '../../src/engine/gaussian.ts'
import { mfcc, mfccSize } from '../../src/engine/mfcc.ts'
import { matchLabels, regroup } from '../../src/engine/regroup.ts'
import { voice } from './signals.ts'

const gaussian = (resonances: readonly [number, number], ms: number, seed: number): Gaussian =>
  Gaussian.of(mfccSize, mfcc(voice(resonances, ms, seed)))
const a = [300, 1200] as const
const b = [900, 2800] as const
const c = [600, 1800] as const

describe('regroup', () => {
  it('puts voices of one speaker into one group', () => {
    const groups = regroup([gaussian(a, 2000, 1), gaussian(b, 2000, 2), gaussian(a, 1500, 3), gaussian(b, 1500, 4)], 10)
    expect(groups[0]).toBe(groups[2])
    expect(groups[1]).toBe(groups[3])
    expect(groups[0]).not.toBe(groups[1])
  })

  it('makes no more groups than it may', () => {
    const voices = [a, b, c].map((resonances, index) => gaussian(resonances, 2000, index))
    expect(new Set(regroup(voices, 10)).size).toBe(3)
    expect(new Set(regroup(voices, 2)).size).toBe(2)
    expect(new Set(regroup(voices, 1)).size).toBe(1)
  })

  it('lets a short voice join the nearest group, and leaves a very short one out', () => {
    const groups = regroup([gaussian(a, 2000, 1), gaussian(b, 2000, 2), gaussian(b, 700, 3), gaussian(a, 300, 4)], 10)
    expect(groups[2]).toBe(groups[1])
    expect(groups[3]).toBeUndefined()
  })

  it('takes no voices, and only short ones, as well', () => {
    expect(regroup([], 3)).toEqual([])
    expect(regroup([gaussian(a, 700, 1)], 3)).toEqual([undefined])
  })
})

describe('matchLabels', () => {
  it('keeps the label under which most of a group was known', () => {
    expect(matchLabels([5, 5, 7, 7], [1, 0, 0, 0], [10, 3, 4, 4])).toEqual(
      new Map([
        [5, 1],
        [7, 0],
      ]),
    )
  })

  it('gives a label to one group only, and the lowest free one to a group without', () => {
    const labels = matchLabels([1, 2, 3, undefined], [0, 0, undefined, 4], [9, 5, 5, 5])
    expect(labels).toEqual(
      new Map([
        [1, 0],
        [2, 1],
        [3, 2],
      ]),
    )
  })
})
