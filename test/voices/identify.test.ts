import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type HeardVoice, identify, isStranger, namedFrom, oddsOfKnown } from '../../src/voices/identify.ts'
import type { VoiceProfile } from '../../src/voices/profile.ts'
import { voiceOf } from '../../src/voices/voice.ts'
import { madeUpProfile } from './made-up-profiles.ts'

/** A profile whose cosine with that of `which` is `cosine`; it lies apart from all others. */
function like(which: number, cosine: number, seconds = 10): VoiceProfile {
  const vector = Array.from({ length: 8 }, (_, index) =>
    index === which ? cosine : index === 7 ? Math.sqrt(1 - cosine ** 2) : 0,
  )
  return { wideband: voiceOf(vector, seconds * 100, false) }
}

const known = ['Alice', 'Bob', 'Carol'].map((name, which) => ({ name, profile: madeUpProfile(which, 20) }))
const namesOf = (heard: readonly HeardVoice[], before?: ReadonlyMap<string, string>): Record<string, string> =>
  Object.fromEntries([...identify(heard, known, before)].map(([label, { name }]) => [label, name]))

describe('identify()', () => {
  it('gives each known voice its name, and strangers none', () => {
    const heard = [
      { label: 'A', profile: like(1, 0.95) },
      { label: 'B', profile: like(0, 0.95) },
      { label: 'C', profile: like(2, 0.6) },
      { label: 'D', profile: madeUpProfile(5) },
    ]
    expect(namesOf(heard)).toEqual({ A: 'Bob', B: 'Alice' })
  })

  it('gives no name by what is too short, or was heard by another kind of line', () => {
    expect(namesOf([{ label: 'A', profile: like(0, 0.99, 0.9) }])).toEqual({})
    expect(namesOf([{ label: 'A', profile: madeUpProfile(0, 20, 'narrowband') }])).toEqual({})
    expect(identify([{ label: 'A', profile: like(0, 0.95) }], [])).toEqual(new Map())
  })

  it('gives a name to one label at most: to the likelier, unless another had it before', () => {
    const heard = [
      { label: 'A', profile: like(0, 0.92) },
      { label: 'B', profile: like(0, 0.97) },
    ]
    expect(namesOf(heard)).toEqual({ B: 'Alice' })
    expect(namesOf(heard, new Map([['A', 'Alice']]))).toEqual({ A: 'Alice' })
  })

  it('takes a name away only where it is likelier wrong than right', () => {
    const before = new Map([['A', 'Alice']])
    const doubtful = Array.from({ length: 40 }, (_, step) => 0.6 + step / 100).filter((cosine) => {
      const heard = [{ label: 'A', profile: like(0, cosine) }]
      return namesOf(heard)['A'] === undefined && namesOf(heard, before)['A'] === 'Alice'
    })
    expect(doubtful.length).toBeGreaterThan(0)
    expect(namesOf([{ label: 'A', profile: like(0, 0.6) }], before)).toEqual({})
  })

  it('is surer the more was heard of the same likeness, and never quite', () => {
    const odds = [2, 5, 10, 20].map((seconds) => oddsOfKnown(like(0, 0.97, seconds), madeUpProfile(0, 30))!)
    expect(odds).toEqual(odds.toSorted((a, b) => a - b))
    expect(identify([{ label: 'A', profile: madeUpProfile(0, 60) }], known).get('A')?.confidence).toBe(0.99)
  })

  it('asks for more where the book knows little, which does not get better by what is heard', () => {
    for (const seconds of [1.5, 2, 4]) {
      const [little, much] = [like(0, 0.95, seconds), madeUpProfile(0, 30)]
      expect(oddsOfKnown(much, little)).toBeLessThan(oddsOfKnown(little, much)!)
    }
    expect(oddsOfKnown(madeUpProfile(0, 30), like(0, 0.95, 5))).toBe(
      oddsOfKnown(like(0, 0.95, 5), madeUpProfile(0, 30)),
    )
  })

  it('whatever was heard: each name once, as sure as must be, whatever the order', () => {
    const profiles = fc
      .tuple(
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 8, maxLength: 8 }),
        fc.integer({ min: 1, max: 10_000 }),
        fc.boolean(),
      )
      .map(([vector, frames, narrowband]): VoiceProfile => {
        const voice = voiceOf(vector, frames, narrowband)
        return narrowband ? { narrowband: voice } : { wideband: voice }
      })
    const likeKnown = fc
      .tuple(
        fc.integer({ min: 0, max: 2 }),
        fc.double({ min: 0.5, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 60 }),
      )
      .map(([which, cosine, seconds]) => like(which, cosine, seconds))
    fc.assert(
      fc.property(fc.array(fc.oneof(profiles, likeKnown), { maxLength: 6 }), (all) => {
        const heard = all.map((profile, index) => ({ label: String.fromCodePoint(65 + index), profile }))
        const found = identify(heard, known)
        const names = [...found.values()].map(({ name }) => name)
        expect(new Set(names).size).toBe(names.length)
        for (const { confidence } of found.values()) {
          expect(confidence).toBeGreaterThanOrEqual(namedFrom)
          expect(confidence).toBeLessThanOrEqual(0.99)
        }
        expect(namesOf(heard.toReversed())).toEqual(namesOf(heard))
      }),
    )
  })
})

describe('isStranger()', () => {
  it('is whoever is unlike all who are known, and nobody who may be one of them', () => {
    expect(isStranger(madeUpProfile(5), [])).toBe(true)
    expect(isStranger(madeUpProfile(5), known)).toBe(true)
    expect(isStranger(like(1, 0.6), known)).toBe(true)
    expect(isStranger(like(1, 0.95), known)).toBe(false)
    // Not sure enough to have the name, but too like it to be somebody else.
    const doubtful = like(0, 0.88)
    expect(namesOf([{ label: 'A', profile: doubtful }])).toEqual({})
    expect(isStranger(doubtful, known)).toBe(false)
  })

  it('is nobody who may be known by another kind of line', () => {
    const byTelephone = (profile: VoiceProfile): VoiceProfile => ({
      narrowband: { ...profile.wideband!, narrowband: true },
    })
    expect(isStranger(byTelephone(like(2, 0.7)), known)).toBe(false)
    expect(isStranger(byTelephone(like(2, 0.4)), known)).toBe(true)
  })
})
