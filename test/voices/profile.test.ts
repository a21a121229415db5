import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  framesOf,
  joinedProfile,
  oddsOfOnePerson,
  profileOf,
  type VoiceProfile,
  withoutSpeech,
  withVoice,
} from '../../src/voices/profile.ts'
import { type Voice, voiceOf } from '../../src/voices/voice.ts'

/** A voice whose vector stands at `angle` in a plane. */
const at = (angle: number, frames: number, narrowband = false): Voice =>
  voiceOf([Math.cos(angle), Math.sin(angle)], frames, narrowband)
const anyVoice = fc
  .record({
    angle: fc.double({ min: 0, max: 2, noNaN: true }),
    frames: fc.integer({ min: 1, max: 20_000 }),
    narrow: fc.boolean(),
  })
  .map(({ angle, frames, narrow }) => at(angle, frames, narrow))
const anyProfile = fc.array(anyVoice, { minLength: 1, maxLength: 8 }).map((all) => all.reduce(withVoice, {}))

describe('a voice profile', () => {
  it('is of the speech of each band, and never of more than a minute of it', () => {
    fc.assert(
      fc.property(fc.array(anyVoice, { minLength: 1, maxLength: 8 }), (voices) => {
        const profile = voices.reduce<VoiceProfile>(withVoice, {})
        for (const band of ['wideband', 'narrowband'] as const) {
          const of = voices.filter(({ narrowband }) => narrowband === (band === 'narrowband'))
          expect(profile[band] === undefined).toBe(of.length === 0)
          const frames = of.reduce((sum, one) => sum + one.frames, 0)
          expect(profile[band]?.frames ?? 0).toBe(Math.min(frames, 6000))
          expect(profile[band]?.length ?? 0).toBeLessThanOrEqual(6000.1)
        }
        expect(framesOf(profile)).toBe((profile.wideband?.frames ?? 0) + (profile.narrowband?.frames ?? 0))
      }),
    )
  })

  it('fades: a minute of a changed voice weighs as much as all that was before', () => {
    let profile = withVoice({}, at(0, 100_000))
    profile = withVoice(profile, at(1, 6000))
    const { sum } = profile.wideband!
    expect(Math.atan2(sum[1]!, sum[0]!)).toBeCloseTo(0.5, 5)
  })

  it('of speech that is all at hand fades nowhere, and can be without some of it', () => {
    fc.assert(
      fc.property(fc.array(anyVoice, { minLength: 1, maxLength: 8 }), fc.nat(), (voices, at) => {
        const part = voices[at % voices.length]!
        const rest = voices.filter((voice) => voice !== part)
        const [left, wanted] = [withoutSpeech(profileOf(voices), part), profileOf(rest)]
        expect(framesOf(left)).toBe(rest.reduce((sum, { frames }) => sum + frames, 0))
        for (const band of ['wideband', 'narrowband'] as const) {
          expect(left[band]?.frames).toBe(wanted[band]?.frames)
          for (const [index, value] of (wanted[band]?.sum ?? []).entries())
            expect(Math.abs(left[band]!.sum[index]! - value)).toBeLessThan(0.1)
        }
      }),
    )
  })

  it('changes nothing it is given', () => {
    const [one, voice] = [withVoice({}, at(0, 100)), at(1, 5000)]
    const before = [structuredClone(one), structuredClone(voice)]
    withVoice(one, voice)
    joinedProfile(one, withVoice({}, voice))
    expect([one, voice]).toEqual(before)
  })

  it('joins another, band by band', () => {
    const one = [at(0, 100), at(0.1, 50, true)].reduce<VoiceProfile>(withVoice, {})
    const joined = joinedProfile(one, withVoice({}, at(0, 300)))
    expect(joined.wideband?.frames).toBe(400)
    expect(joined.narrowband).toEqual(one.narrowband)
  })
})

describe('oddsOfOnePerson', () => {
  it('are the same from both sides, and always a number', () => {
    fc.assert(
      fc.property(anyProfile, anyProfile, (one, other) => {
        const odds = oddsOfOnePerson(one, other)
        expect(Number.isFinite(odds)).toBe(true)
        expect(odds).toBeCloseTo(oddsOfOnePerson(other, one), 4)
      }),
    )
  })

  it('speak for one person where voices are alike, against where they are not, and the louder the longer they are', () => {
    const odds = (angle: number, frames: number): number =>
      oddsOfOnePerson(withVoice({}, at(0, frames)), withVoice({}, at(angle, frames)))
    expect(odds(0, 300)).toBeGreaterThan(0)
    expect(odds(0, 1000)).toBeGreaterThan(odds(0, 100))
    expect(odds(1.2, 300)).toBeLessThan(0)
    expect(odds(1.2, 1000)).toBeLessThan(odds(1.2, 100))
  })

  it('go by the band that both were heard in', () => {
    const one = [at(0, 1000), at(1, 1000, true)].reduce<VoiceProfile>(withVoice, {})
    expect(oddsOfOnePerson(one, withVoice({}, at(1, 500, true)))).toBeGreaterThan(0)
    expect(oddsOfOnePerson(one, withVoice({}, at(1, 500)))).toBeLessThan(0)
    // Also where what was heard is so short that the bands have as much in common.
    expect(oddsOfOnePerson(withVoice({}, at(1, 100, true)), one)).toBeGreaterThan(0)
  })

  it('allow for a session whose vectors scatter more', () => {
    const odds = (scatter: number): number =>
      oddsOfOnePerson(withVoice({}, at(0, 300)), withVoice({}, at(0.7, 300)), scatter)
    expect(odds(1.3)).toBeGreaterThan(odds(1))
  })

  it('say nothing of what no model made anything of', () => {
    const nothing = withVoice({}, voiceOf([0, 0], 300, false))
    expect(oddsOfOnePerson(nothing, withVoice({}, at(0, 300)))).toBe(0)
    expect(oddsOfOnePerson({}, withVoice({}, at(0, 300)))).toBe(0)
  })
})
