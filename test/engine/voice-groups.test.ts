import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Voice } from '../../src/engine/voice.ts'
import { rememberedOdds } from '../../src/engine/voice.ts'
import { joinNeighbours, mergeGroups, nearestGroup, type VoiceGroup } from '../../src/engine/voice-groups.ts'

/** A voice that is a number: the nearer two are, the likelier they are one. */
class Pitch implements Voice<Pitch> {
  readonly frames: number
  readonly hertz: number

  constructor(hertz: number, frames = 100) {
    this.hertz = hertz
    this.frames = frames
  }

  plus(other: Pitch): Pitch {
    const frames = this.frames + other.frames
    return new Pitch((this.hertz * this.frames + other.hertz * other.frames) / frames, frames)
  }

  logOdds(other: Pitch): number {
    return 5 - Math.abs(this.hertz - other.hertz)
  }
}

const groupsOf = (pitches: readonly number[], most = 10): number[][] =>
  mergeGroups(
    pitches.map((hertz, index) => ({ voice: new Pitch(hertz), members: [index] })),
    most,
    -1,
    rememberedOdds(),
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
  const joined = (...pitches: number[]): number[][] =>
    joinNeighbours(pitches.map((hertz) => new Pitch(hertz))).map(({ members }) => members)

  it('joins neighbours of one voice, and nobody else', () => {
    expect(joined(100, 101, 200, 201, 199, 100)).toEqual([[0, 1], [2, 3, 4], [5]])
    expect(joined(100)).toEqual([[0]])
    expect(joined()).toEqual([])
  })

  it('leaves apart what is only a little likelier one voice than two', () => {
    expect(joined(100, 104)).toEqual([[0], [1]])
  })

  it('keeps every voice in its place', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 80, max: 120 }), { maxLength: 20 }), (pitches) => {
        expect(joined(...pitches).flat()).toEqual(pitches.map((_, index) => index))
      }),
    )
  })
})

describe('nearestGroup', () => {
  const group = (hertz: number): VoiceGroup<Pitch> => ({ voice: new Pitch(hertz), members: [] })

  it('is the likeliest, however unlikely', () => {
    const groups = [group(100), group(200)]
    expect(nearestGroup(groups, new Pitch(160))).toBe(groups[1])
    expect(nearestGroup([], new Pitch(160))).toBeUndefined()
  })
})

describe('rememberedOdds', () => {
  it('asks for the odds of a pair once', () => {
    let asked = 0
    class Counting extends Pitch {
      override logOdds(other: Pitch): number {
        asked++
        return super.logOdds(other)
      }
    }
    const [a, b] = [new Counting(100), new Counting(103)]
    const odds = rememberedOdds<Pitch>()
    expect([odds(a, b), odds(a, b)]).toEqual([2, 2])
    expect(asked).toBe(1)
  })
})
