import { describe, expect, it } from 'vitest'
import {
  longestMissed,
  missedStretches,
  unrecognizedStretches,
  withRecovered,
} from '../../../src/engine/words/missed-speech.ts'

/** Levels of speech of each 10 ms, with speech in the `spans` (ms). */
const speech = (ms: number, ...spans: [from: number, to: number][]): number[] =>
  Array.from({ length: ms / 10 }, (_, frame) =>
    spans.some(([from, to]) => frame * 10 >= from && frame * 10 < to) ? 0.7 : 0,
  )
const word = (text: string, start: number, end: number) => ({ text, start, end })

describe('missedStretches', () => {
  const words = [word('one', 300, 600), word('two', 700, 1000), word('five', 5000, 5400)]

  it('finds speech without words between, before and behind words, with 200 ms around it', () => {
    expect(missedStretches(words, speech(8000, [200, 1000], [1500, 4000], [5000, 7000]))).toEqual([
      { start: 1300, end: 4200 },
      { start: 5400, end: 7200 },
    ])
    expect(missedStretches(words.slice(2), speech(6000, [2000, 3000], [5000, 5400]))).toEqual([
      { start: 1800, end: 3200 },
    ])
  })

  it('reaches into no word', () => {
    expect(missedStretches(words, speech(5400, [200, 5400]))).toEqual([{ start: 1000, end: 5000 }])
  })

  it('leaves alone what is too short for a word, silence, and an utterance without any', () => {
    expect(missedStretches(words, speech(5400, [200, 1600], [5000, 5400]))).toEqual([])
    expect(missedStretches(words, speech(9000, [200, 1000], [5000, 5400]))).toEqual([])
    expect(missedStretches([], speech(9000, [0, 9000]))).toEqual([])
  })
})

it('longestMissed counts speech, not silence', () => {
  const words = [word('one', 300, 600)]
  expect(longestMissed(words, speech(3000, [300, 600]))).toBe(0)
  expect(longestMissed(words, speech(3000, [300, 1000], [2000, 2500]))).toBe(900)
  expect(longestMissed([], speech(3000, [300, 1000]))).toBe(700)
})

describe('unrecognizedStretches', () => {
  const words = [word('one', 300, 600), word('five', 5000, 5400)]

  it('finds sure speech without words, also where there is no word at all', () => {
    expect(unrecognizedStretches(words, speech(8000, [200, 600], [1500, 4000], [5000, 7000]))).toEqual([
      { start: 1500, end: 4000 },
      { start: 5400, end: 7000 },
    ])
    expect(unrecognizedStretches([], speech(9000, [100, 3000], [3500, 8000]))).toEqual([{ start: 100, end: 8000 }])
  })

  it('leaves alone what is shorter than words, and what may be no speech', () => {
    expect(unrecognizedStretches(words, speech(8000, [200, 600], [1500, 2100], [5000, 5500]))).toEqual([])
    const unsure = speech(8000, [0, 8000]).map(() => 0.3)
    expect(unrecognizedStretches([], unsure)).toEqual([])
    expect(unrecognizedStretches([], [])).toEqual([])
  })
})

describe('withRecovered', () => {
  const words = [word('the', 0, 400), word('end', 3000, 3400)]
  const texts = (found: { text: string }[]): string => found.map(({ text }) => text).join(' ')

  it('puts words at their places between the others, and within the stretch', () => {
    const found = [word('beginning', 100, 900), word('of', 900, 1200), word('its', 1200, 2700)]
    expect(withRecovered(words, { start: 600, end: 2800 }, found)).toEqual([
      words[0],
      word('beginning', 700, 1500),
      word('of', 1500, 1800),
      word('its', 1800, 2800),
      words[1],
    ])
  })

  it('does not say twice what was heard twice at its ends', () => {
    const found = [word('The', 0, 200), word('very', 300, 600), word('end.', 700, 900)]
    expect(texts(withRecovered(words, { start: 400, end: 3000 }, found))).toBe('the very end')
    expect(texts(withRecovered(words, { start: 400, end: 3000 }, [word('the', 0, 200)]))).toBe('the end')
  })

  it('takes nothing away where nothing was found', () => {
    expect(withRecovered(words, { start: 400, end: 3000 }, [])).toEqual(words)
  })
})
