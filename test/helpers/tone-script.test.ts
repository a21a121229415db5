import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TONE_WORD_MS } from '../../src/testing/index.ts'
import { seededRandom } from './random.ts'
import { toneScript } from './tone-script.ts'

describe('toneScript', () => {
  it('keeps to its ranges, counts its words and ends in time', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 10 }), (seed, speakers) => {
        const words = toneScript({
          seed,
          speakers,
          duration: 60_000,
          firstWord: 100,
          wordGap: [50, 80],
          turnGap: [900, 950],
        })
        expect(words.map(({ word }) => word)).toEqual(words.map((_, index) => 100 + index))
        expect(words.every(({ speaker }) => speaker >= 0 && speaker < speakers)).toBe(true)
        expect(words.at(-1)!.start + TONE_WORD_MS).toBeLessThanOrEqual(60_000)
        words.slice(1).forEach(({ start, speaker }, index) => {
          const before = words[index]!
          const gap = start - before.start - TONE_WORD_MS
          expect((gap >= 50 && gap <= 80 && speaker === before.speaker) || (gap >= 900 && gap <= 950)).toBe(true)
        })
      }),
    )
  })

  it('depends on its seed alone', () => {
    const draw = (seed: number) => toneScript({ seed, duration: 30_000 })
    expect(draw(1)).toEqual(draw(1))
    expect(draw(1)).not.toEqual(draw(2))
    expect(toneScript({ seed: 1, duration: 100 })).toEqual([])
  })
})

describe('seededRandom', () => {
  it('draws evenly from [0, 1)', () => {
    const random = seededRandom(42)
    const counts = Array.from({ length: 10 }, () => 0)
    for (let drawn = 0; drawn < 10_000; drawn++) counts[Math.floor(random() * 10)]!++
    expect(counts.length).toBe(10)
    expect(counts.every((count) => count > 850 && count < 1150)).toBe(true)
  })
})
