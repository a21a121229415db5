import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { joinNeighbours, mergeGroups, nearestGroup, type VoiceGroup } from '../../../src/engine/speakers/grouping.ts'
import { type Voice, voiceOf } from '../../../src/engine/speakers/voice.ts'

/** A voice that is a number: the nearer two are, the likelier they are one. */
const pitch = (hertz: number): Voice => voiceOf([hertz], 100, false)
const hertzOf = ({ sum, frames }: Voice): number => sum[0]! / frames
const oddsOf = (a: Voice, b: Voice): number => 5 - Math.abs(hertzOf(a) - hertzOf(b))

const groupsOf = (pitches: readonly number[], most = 10): number[][] =>
  mergeGroups(
    pitches.map((hertz, index) => ({ voice: pitch(hertz), members: [index] })),
    most,
    -1,
    oddsOf,
  ).map(({ members }) => members.toSorted((a, b) => a - b))

describe('mergeGroups', () => {
  it('puts voices of one speaker into one group', () => {
    expect(groupsOf([100, 200, 101, 199, 100]).toSorted((a, b) => a[0]! - b[0]!)).toEqual([
      [0, 2, 4],
      [1, 3],
    ])
  })

  it('makes no more groups than it may, and joins the likeliest first', () => {
    expect(groupsOf([100, 200, 300, 320], 3)).toContainEqual([2, 3])
    expect(groupsOf([100, 200, 300], 1)).toEqual([[0, 1, 2]])
  })

  it('judges a group by all that is in it', () => {
    // 100 and 110 are no nearer than 104 and 110, but the group around 102 has become too far from 110.
    expect(groupsOf([100, 104, 110])).toContainEqual([2])
  })

  it('takes no voices as well', () => {
    expect(groupsOf([])).toEqual([])
  })

  it('keeps every voice, once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 80, max: 300 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 10 }),
        (pitches, most) => {
          const groups = groupsOf(pitches, most)
          expect(groups.flat().toSorted((a, b) => a - b)).toEqual(pitches.map((_, index) => index))
          expect(groups.length).toBeLessThanOrEqual(most)
        },
      ),
    )
  })
})

describe('joinNeighbours', () => {
  const joined = (pitches: readonly number[], least = pitches.map(() => 2.5)): number[][] =>
    joinNeighbours(pitches.map(pitch), least, oddsOf).map(({ members }) => members)

  it('joins neighbours of one voice, and nobody else', () => {
    expect(joined([100, 101, 200, 201, 199, 100])).toEqual([[0, 1], [2, 3, 4], [5]])
    expect(joined([100])).toEqual([[0]])
    expect(joined([])).toEqual([])
  })

  it('leaves apart what is only a little likelier one voice than two, unless that is enough there', () => {
    expect(joined([100, 104])).toEqual([[0], [1]])
    expect(joined([100, 104, 108], [2.5, 0])).toEqual([[0], [1, 2]])
  })

  it('keeps every voice in its place', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 80, max: 120 }), { maxLength: 20 }), (pitches) => {
        expect(joined(pitches).flat()).toEqual(pitches.map((_, index) => index))
      }),
    )
  })
})

describe('nearestGroup', () => {
  const group = (hertz: number): VoiceGroup => ({ voice: pitch(hertz), members: [] })

  it('is the likeliest, however unlikely', () => {
    const groups = [group(100), group(200)]
    expect(nearestGroup(groups, pitch(160), oddsOf)).toBe(groups[1])
    expect(nearestGroup([], pitch(160), oddsOf)).toBeUndefined()
  })
})
