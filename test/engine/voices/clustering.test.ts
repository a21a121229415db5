import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  joinNeighbours,
  mergeGroups,
  nearestGroup,
  splitGroup,
  type VoiceGroup,
} from '../../../src/engine/voices/clustering.ts'
import { trackSpeakers } from '../../../src/engine/voices/tracker.ts'
import { joinedVoice, type Voice, voiceOf } from '../../../src/voices/voice.ts'
import { randoms } from '../signals.ts'
import { utterance } from './made-up-voices.ts'

/** A voice that is a number: the nearer two are, the likelier they are one. */
const pitch = (hertz: number): Voice => voiceOf([hertz], 100, false)
const hertzOf = ({ sum, frames }: Voice): number => sum[0]! / frames
const oddsOf = (a: Voice, b: Voice): number => 6 - Math.abs(hertzOf(a) - hertzOf(b))

const groupsOf = (pitches: readonly number[], most = 10): number[][] =>
  mergeGroups(
    pitches.map((hertz, index) => ({ voice: pitch(hertz), members: [index] })),
    most,
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

/** Vectors of two voices that are much alike (cosine 0.89), each with something of its own by chance. */
function vectors(seed: number): (second: boolean) => Float32Array {
  const random = randoms(seed)
  return (second) => {
    const vector = Float32Array.from({ length: 64 }, () => 0.2 * (random() - 0.5))
    vector[0] = 1
    vector[1] = vector[1]! + (second ? 0.24 : -0.24)
    const length = Math.hypot(...vector)
    return vector.map((value) => value / length)
  }
}

const stretches = (who: readonly boolean[], narrowband = true): Voice[] => {
  const next = vectors(1)
  return who.map((second) => voiceOf(next(second), 200, narrowband))
}

const groupOf = (voices: readonly Voice[]): VoiceGroup => ({
  voice: joinedVoice(voices),
  members: voices.map((_, index) => index),
})

const parted = (voices: readonly Voice[]): number[][] =>
  splitGroup(groupOf(voices), voices).map(({ members }) => members)

/** Who speaks in each of 20 stretches. */
const turns = Array.from({ length: 20 }, (_, index) => index % 3 === 0)
const all = turns.map((_, index) => index)

describe('splitGroup', () => {
  it('parts two voices', () => {
    const halves = parted(stretches(turns)).toSorted((a, b) => a.length - b.length)
    expect(halves).toEqual([all.filter((index) => turns[index]), all.filter((index) => !turns[index])])
  })

  it('gives each half its own voice', () => {
    const voices = stretches(turns)
    for (const { voice, members } of splitGroup(groupOf(voices), voices))
      expect(voice.frames).toBe(200 * members.length)
  })

  it('leaves one voice as it is', () => {
    expect(parted(stretches(turns.map(() => true)))).toEqual([all])
  })

  it('leaves together what is too little to say', () => {
    expect(parted(stretches(turns.map((_, index) => index === 3 || index === 8)))).toEqual([all])
    expect(parted(stretches(turns.slice(0, 5)))).toEqual([all.slice(0, 5)])
  })

  it('leaves voices alone that did not come by telephone', () => {
    expect(parted(stretches(turns, false))).toEqual([all])
  })
})

describe('trackSpeakers by telephone', () => {
  it('finds both of two voices whose single stretches pass for one', async () => {
    const next = vectors(2)
    let second = false
    const tracker = trackSpeakers({}, { embed: (_, wanted) => Promise.resolve(wanted.map(() => next(second))) })
    const tone = Int16Array.from({ length: 32_000 }, (_, at) => 8000 * Math.cos(at / 6))
    const labels: (string | undefined)[] = []
    for (const [id, who] of turns.entries()) {
      second = who
      labels[id] = (await tracker.attribute(utterance(id, tone))).words[0]
    }
    for (const { id, words } of await tracker.revise()) labels[id] = words[0]
    expect(new Set(labels)).toEqual(new Set(['A', 'B']))
    const right = labels.filter((label, id) => label === (turns[id] ? 'B' : 'A'))
    expect(right.length).toBeGreaterThanOrEqual(18)
  })
})
