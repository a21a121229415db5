import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LARGEST_WORD, readToneWord, WORD_SAMPLES, writeToneWord, type ToneSign } from '../../src/testing/tone-code.ts'

const sign = fc.record({ word: fc.integer({ min: 0, max: LARGEST_WORD }), speaker: fc.integer({ min: 0, max: 9 }) })

describe('a tone word', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(sign, (said) => {
        expect(readToneWord(writeToneWord(said))).toEqual(said)
      }),
      { numRuns: 300 },
    )
    expect(readToneWord(writeToneWord({ word: LARGEST_WORD, speaker: 9 }))).toEqual({ word: LARGEST_WORD, speaker: 9 })
  })

  it('survives noise, other levels and a coarse scale', () => {
    const said: ToneSign = { word: 123_456, speaker: 7 }
    const whole = writeToneWord(said)
    const changed = (change: (sample: number, at: number) => number) => readToneWord(whole.map(change))
    expect(changed((sample) => Math.round(sample / 8))).toEqual(said)
    expect(changed((sample) => sample * 4)).toEqual(said)
    expect(changed((sample, at) => sample + ((at * 7919) % 2001) - 1000)).toEqual(said)
    expect(changed((sample) => Math.round(sample / 512) * 512)).toEqual(said)
  })

  it('is not read from a part of it, nor from parts of two', () => {
    fc.assert(
      fc.property(sign, sign, fc.integer({ min: 1, max: WORD_SAMPLES - 1 }), (first, second, cut) => {
        fc.pre(first.word !== second.word)
        const start = writeToneWord(first)
        const end = writeToneWord(second)
        const spliced = Int16Array.from([...start.subarray(0, cut), ...end.subarray(cut)])
        const heard = readToneWord(spliced)
        // Cut within the last symbols, where both words happen to agree, a splice is the whole of one of them.
        expect([undefined, first, second]).toContainEqual(heard)
        const half = Int16Array.from([...start.subarray(cut), ...new Int16Array(cut)])
        expect(readToneWord(half)).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })

  it('is not heard in silence, noise or other tones', () => {
    expect(readToneWord(new Int16Array(WORD_SAMPLES))).toBeUndefined()
    expect(readToneWord(new Int16Array(10))).toBeUndefined()
    expect(readToneWord(Int16Array.from({ length: WORD_SAMPLES }, (_, at) => (at * 7919) % 20_011))).toBeUndefined()
    const hum = Int16Array.from({ length: WORD_SAMPLES }, (_, at) => 8000 * Math.cos(at / 5))
    expect(readToneWord(hum)).toBeUndefined()
  })

  it('is not heard where the checksum disagrees', () => {
    const word = writeToneWord({ word: 0x12_3456, speaker: 1 })
    const other = writeToneWord({ word: 0x12_3457, speaker: 1 })
    // The seventh symbol of 240 samples is the last digit of the word.
    const forged = Int16Array.from(word)
    forged.set(other.subarray(6 * 240, 7 * 240), 6 * 240)
    expect(readToneWord(forged)).toBeUndefined()
  })
})
