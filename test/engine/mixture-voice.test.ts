import { describe, expect, it } from 'vitest'
import { voiceCepstra } from '../../src/engine/mfcc.ts'
import { MixtureVoice } from '../../src/engine/mixture-voice.ts'
import { voiceMixture } from '../../src/engine/voice-mixture.ts'
import { voice } from './signals.ts'

const low = [300, 1200] as const
const high = [900, 2800] as const
const heard = (resonances: readonly [number, number], ms: number, seed: number): MixtureVoice =>
  MixtureVoice.of(voiceMixture(), voiceCepstra(voice(resonances, ms, seed)))

describe('MixtureVoice', () => {
  it('knows a voice again, and tells it from another', () => {
    expect(heard(low, 2000, 1).logOdds(heard(low, 3000, 2))).toBeGreaterThan(0)
    expect(heard(low, 2000, 1).logOdds(heard(high, 3000, 2))).toBeLessThan(0)
  })

  it('does not depend on who is asked', () => {
    const [one, other] = [heard(low, 1000, 1), heard(high, 2500, 2)]
    expect(one.logOdds(other)).toBeCloseTo(other.logOdds(one), 6)
  })

  it('is the same whether stretches are heard at once or joined', () => {
    const frames = voiceCepstra(voice(low, 3000, 1))
    const whole = MixtureVoice.of(voiceMixture(), frames)
    const joined = MixtureVoice.of(voiceMixture(), frames.slice(0, 120)).plus(
      MixtureVoice.of(voiceMixture(), frames.slice(120)),
    )
    const other = heard(high, 2000, 3)
    expect(joined.frames).toBe(whole.frames)
    expect(joined.logOdds(other)).toBeCloseTo(whole.logOdds(other), 6)
  })

  it('stays finite for the same speech twice, and says nothing of no speech', () => {
    const some = heard(low, 1000, 1)
    expect(Number.isFinite(some.logOdds(some))).toBe(true)
    expect(some.logOdds(MixtureVoice.of(voiceMixture(), []))).toBe(0)
  })

  it('weighs two stretches that came by telephone otherwise, and only those', () => {
    const frames = [voice(low, 2000, 1), voice(high, 3000, 2)].map((samples) => voiceCepstra(samples))
    const odds = (...narrow: [boolean, boolean]): number => {
      const [one, other] = frames.map((each, index) => MixtureVoice.of(voiceMixture(), each, narrow[index]))
      return one!.logOdds(other!)
    }
    expect(odds(true, true)).not.toBeCloseTo(odds(false, false), 3)
    expect(odds(true, false)).toBe(odds(false, false))
    const joined = MixtureVoice.of(voiceMixture(), frames[0]!, true).plus(MixtureVoice.of(voiceMixture(), frames[0]!))
    const wide = MixtureVoice.of(voiceMixture(), frames[0]!).plus(MixtureVoice.of(voiceMixture(), frames[0]!))
    const other = MixtureVoice.of(voiceMixture(), frames[1]!, true)
    expect(joined.logOdds(other)).toBe(wide.logOdds(other))
  })
})
