import { TONE_WORD_MS, toneAudio, toneNumber, toneSpeech, toneText } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { LARGEST_WORD, readToneWord, type ToneSign, WORD_SAMPLES, writeToneWord } from '../../src/testing/tone-audio.ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../helpers/runs.ts'

describe('toneAudio', () => {
  const script = toneScript({ seed: 5, duration: 20_000 })
  const whole = toneAudio(script)

  it('speaks each word at its millisecond, and is silent between', () => {
    const pcm = toneAudio([{ word: 9, speaker: 3, start: 101 }], { to: 400 })
    const word = toneSpeech(9, 3)
    expect(pcm.length).toBe(400 * 32)
    expect(pcm.subarray(101 * 32, 341 * 32)).toEqual(Buffer.from(word.buffer))
    expect(pcm.subarray(0, 101 * 32).every((byte) => byte === 0)).toBe(true)
    expect(pcm.subarray(341 * 32).every((byte) => byte === 0)).toBe(true)
  })

  it('lasts a second longer than its last word', () => {
    expect(whole.length).toBe((script.at(-1)!.start + TONE_WORD_MS + 1000) * 32)
    expect(toneAudio([]).length).toBe(1000 * 32)
  })

  it('makes any window as it is in the whole', () => {
    fc.assert(
      fc.property(fc.nat(20_000), fc.nat(3000), (from, length) => {
        const to = Math.min(from + length, whole.length / 32)
        const start = Math.min(from, to)
        expect(toneAudio(script, { from: start, to }).equals(whole.subarray(start * 32, to * 32))).toBe(true)
      }),
    )
  })

  it('refuses words that overlap, come out of order, or are none', () => {
    const close = [
      { word: 1, speaker: 0, start: 0 },
      { word: 2, speaker: 0, start: 259 },
    ]
    expect(() => toneAudio(close)).toThrow(RangeError)
    expect(() => toneAudio(close.toReversed())).toThrow(RangeError)
    expect(() => toneAudio([{ word: 1, speaker: 0, start: 0.5 }], { to: 500 })).toThrow(/^start/)
    expect(() => toneAudio([], { from: 10, to: 9 })).toThrow(/^to/)
    expect(() => toneSpeech(16_777_216, 0)).toThrow(/^word, when given, must be an integer from 0 to 16777215/)
    expect(() => toneSpeech(0, 10)).toThrow(/^speaker/)
  })
})

describe('toneText', () => {
  it('is read by toneNumber, which reads nothing else', () => {
    for (const word of [0, 7, 123, 16_777_215]) expect(toneNumber(toneText(word))).toBe(word)
    for (const text of ['', 'w', 'w01', 'W1', 'w1.', 'w-1', 'xw1']) expect(toneNumber(text)).toBeUndefined()
  })
})

const sign = fc.record({ word: fc.integer({ min: 0, max: LARGEST_WORD }), speaker: fc.integer({ min: 0, max: 9 }) })

describe('a tone word', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(sign, (said) => {
        expect(readToneWord(writeToneWord(said))).toEqual(said)
      }),
      { numRuns: runs(300) },
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
      { numRuns: runs(500) },
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
