import { describe, expect, it } from 'vitest'
import { VectorVoice } from '../../src/engine/vector-voice.ts'

const voice = (x: number, y: number, frames = 100): VectorVoice => VectorVoice.of([x, y], frames, 0.5)

describe('VectorVoice', () => {
  it('is even at the threshold of its model, and rises with the cosine', () => {
    expect(voice(1, 0).logOdds(voice(0.5, Math.sqrt(0.75)))).toBeCloseTo(0)
    expect(voice(1, 0).logOdds(voice(1, 0))).toBeGreaterThan(5)
    expect(voice(1, 0).logOdds(voice(0, 1))).toBeLessThan(-5)
  })

  it('weighs what it is joined of by the speech behind it', () => {
    const joined = voice(1, 0, 300).plus(voice(0, 1, 100))
    expect(joined.frames).toBe(400)
    expect(joined.logOdds(voice(1, 0))).toBeGreaterThan(joined.logOdds(voice(0, 1)))
  })

  it('says nothing of a vector that the model could not make', () => {
    expect(voice(0, 0).logOdds(voice(1, 0))).toBe(0)
  })
})
