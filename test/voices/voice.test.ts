import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  cosine,
  joinedVoice,
  logOdds,
  oddsOfOneVoice,
  oddsOfWholes,
  voiceOf,
  withoutVoice,
} from '../../src/voices/voice.ts'

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

const length = fc.integer({ min: 30, max: 20_000 })

describe('oddsOfOneVoice', () => {
  it('takes the cosines of its voices for what they are', () => {
    // Measured on readers that nothing was fitted to: two windows of 1.6 s, and two halves of a minute.
    expect(oddsOfOneVoice(0.78, 160, 160, false, 1)).toBeGreaterThan(2)
    expect(oddsOfOneVoice(0.5, 160, 160, false, 1)).toBeLessThan(-2)
    expect(oddsOfOneVoice(0.95, 1500, 1500, false, 1)).toBeGreaterThan(2)
    expect(oddsOfOneVoice(0.71, 2000, 2000, false, 1)).toBeLessThan(-2)
    expect(oddsOfOneVoice(0.97, 2000, 2000, true, 1)).toBeGreaterThan(2)
    expect(oddsOfOneVoice(0.82, 2000, 2000, true, 1)).toBeLessThan(-2)
  })

  it('asks for more likeness by telephone', () => {
    expect(oddsOfOneVoice(0.7, 160, 160, true, 1)).toBeLessThan(oddsOfOneVoice(0.7, 160, 160, false, 1))
  })

  it('asks for more likeness where one voice scatters little', () => {
    expect(oddsOfOneVoice(0.87, 800, 800, true, 0.7)).toBeLessThan(oddsOfOneVoice(0.87, 800, 800, true, 1))
  })

  it('is finite, the same both ways, and above the cosines of two voices never falls with likeness', () => {
    fc.assert(
      fc.property(
        length,
        length,
        fc.boolean(),
        fc.double({ min: 0.5, max: 0.99, noNaN: true }),
        (a, b, tel, cosine) => {
          const odds = oddsOfOneVoice(cosine, a, b, tel, 1)
          expect(odds).toBeTypeOf('number')
          expect(Number.isFinite(odds)).toBe(true)
          expect(odds).toBe(oddsOfOneVoice(cosine, b, a, tel, 1))
          expect(oddsOfOneVoice(cosine + 0.01, a, b, tel, 1)).toBeGreaterThanOrEqual(odds - 1e-9)
        },
      ),
    )
  })
})

describe('oddsOfWholes', () => {
  it('takes the cosines of two halves of a conversation for what they are', () => {
    // Measured by telephone: random halves of what a reader says, the least alike of them, and two readers.
    expect(oddsOfWholes(0.977, 2150, 2150)).toBeGreaterThan(2)
    expect(oddsOfWholes(0.961, 2150, 2150)).toBeGreaterThan(0)
    expect(oddsOfWholes(0.84, 2900, 2700)).toBeLessThan(-10)
  })

  it('is stricter than for stretches, and no stricter the longer a voice is heard', () => {
    expect(oddsOfWholes(0.92, 1750, 1750)).toBeLessThan(oddsOfOneVoice(0.92, 1750, 1750, true, 1))
    expect(oddsOfWholes(0.95, 60_000, 60_000)).toBe(oddsOfWholes(0.95, 3000, 3000))
  })
})
