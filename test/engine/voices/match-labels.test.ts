import { describe, expect, it } from 'vitest'
import { matchLabels } from '../../../src/engine/voices/match-labels.ts'

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
