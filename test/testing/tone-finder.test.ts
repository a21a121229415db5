import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toneAudio, toneScript, toneSpeech } from '../../src/testing/index.ts'
import { ToneFinder, type FoundWord } from '../../src/testing/tone-finder.ts'
import { samplesOf } from './tone-helpers.ts'

function find(samples: Int16Array, chunks: readonly number[] = []): FoundWord[] {
  const finder = new ToneFinder()
  const found: FoundWord[] = []
  let at = 0
  for (const size of [...chunks, samples.length]) {
    found.push(...finder.push(samples.subarray(at, at + size)))
    at += size
  }
  expect(finder.position).toBe(samples.length)
  return found
}

describe('ToneFinder', () => {
  it('finds every whole word at its very sample, from any start, in any pieces', () => {
    const start = fc.integer({ min: 0, max: 16_000 * 8 })
    const chunks = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 60 })
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 10 }), start, chunks, (seed, speakers, from, sizes) => {
        const script = toneScript({ seed, speakers, duration: 12_000, wordGap: [20, 300], firstWord: seed >>> 12 })
        const heard = samplesOf(toneAudio(script)).subarray(from)
        const whole = script.filter((word) => word.start * 16 >= from)
        expect(find(heard, sizes)).toEqual(
          whole.map(({ word, speaker, start: ms }) => ({ word, speaker, onset: ms * 16 - from })),
        )
      }),
      { numRuns: 200 },
    )
  })

  it('finds a word right after half a word that was cut off', () => {
    const one = toneSpeech(1, 1)
    const two = toneSpeech(2, 2)
    for (const cut of [1, 100, 1000, 2000, 3839]) {
      const samples = Int16Array.from([...one.subarray(cut), ...new Int16Array(20), ...two, ...new Int16Array(20)])
      expect(find(samples)).toEqual([{ word: 2, speaker: 2, onset: 3840 - cut + 20 }])
    }
  })

  it('finds nothing in a word with a hole, nor in one with a piece too many', () => {
    const word = toneSpeech(77, 7)
    const tail = new Int16Array(8000)
    for (const at of [1, 333, 1600, 3200]) {
      expect(find(Int16Array.from([...word.subarray(0, at), ...word.subarray(at + 160), ...tail]))).toEqual([])
      expect(
        find(Int16Array.from([...word.subarray(0, at), ...word.subarray(Math.max(at - 160, 0)), ...tail])),
      ).toEqual([])
      expect(find(Int16Array.from([...word.subarray(0, at), ...tail, ...word.subarray(at), ...tail]))).toEqual([])
    }
  })

  it('tells from where on a word may still be found', () => {
    const finder = new ToneFinder()
    finder.push(new Int16Array(500))
    expect(finder.settled).toBe(500)
    finder.push(toneSpeech(1, 1).subarray(0, 1000))
    expect([finder.settled, finder.position]).toEqual([500, 1500])
  })

  it('hears nothing in random noise, and takes little time over it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -32_768, max: 32_767 }), { minLength: 5000, maxLength: 20_000 }),
        (noise) => {
          expect(find(Int16Array.from(noise))).toEqual([])
        },
      ),
      { numRuns: 20 },
    )
    const clicks = Int16Array.from({ length: 160_000 }, (_, at) => (at % 17 === 0 ? 20_000 : 0))
    expect(find(clicks)).toEqual([])
  })
})
