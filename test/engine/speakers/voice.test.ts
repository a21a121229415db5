import { describe, expect, it } from 'vitest'
import { cosine, joinedVoice, logOdds, voiceOf, withoutVoice } from '../../../src/engine/speakers/voice.ts'

describe('voices', () => {
  const [one, other] = [voiceOf([1, 0], 100, false), voiceOf([0, 1], 300, true)]

  it('are joined by the speech behind each, and taken apart again', () => {
    const both = joinedVoice([one, other])
    expect(both).toEqual({
      frames: 400,
      sum: Float32Array.of(100, 300),
      length: Math.hypot(100, 300),
      narrowband: true,
    })
    expect(withoutVoice(both, other)).toMatchObject({ frames: 100, sum: one.sum })
    expect(one.frames).toBe(100)
  })

  it('are alike by the angle between them', () => {
    expect(cosine(one, one)).toBe(1)
    expect(cosine(one, other)).toBe(0)
    expect(logOdds(one, one, 1)).toBeGreaterThan(0)
    expect(logOdds(one, other, 1)).toBeLessThan(0)
  })

  it('say nothing where the model made nothing of them', () => {
    expect(cosine(one, voiceOf([0, 0], 100, false))).toBeUndefined()
    expect(logOdds(one, voiceOf([0, 0], 100, false), 1)).toBe(0)
  })
})
