import { describe, expect, it } from 'vitest'
import { align, bestMapping, normaliseWord, parseRttm, speakerAccuracy, wordErrorRate } from './scoring.ts'

const words = (text: string): string[] => text.split(' ').filter(Boolean)

describe('wordErrorRate', () => {
  it('counts substitutions, insertions and deletions by the words of the reference', () => {
    expect(wordErrorRate(words('a b c d'), words('a b c d'))).toBe(0)
    expect(wordErrorRate(words('a b c d'), words('a x c d'))).toBe(0.25)
    expect(wordErrorRate(words('a b c d'), words('a b b c d'))).toBe(0.25)
    expect(wordErrorRate(words('a b c d'), words('a d'))).toBe(0.5)
    expect(wordErrorRate(words('a b'), [])).toBe(1)
    expect(wordErrorRate(words('a'), words('x y z'))).toBe(3)
  })

  it('pays no heed to case, punctuation and the spelling of titles', () => {
    expect(wordErrorRate(words("Mr. Smith, I'm OK!"), words('mister smith i’m okay'))).toBe(0)
    expect(normaliseWord('North-East?')).toBe('northeast')
  })

  it('pairs the words that match', () => {
    expect(align(words('the cat sat'), words('a cat sat down'))).toEqual({
      pairs: [
        [1, 1],
        [2, 2],
      ],
      edits: 2,
    })
  })
})

describe('bestMapping', () => {
  it('finds the best whole where greedy choices would not', () => {
    const weights: Record<string, number> = { Ax: 10, Ay: 9, Bx: 9, By: 1 }
    expect(bestMapping(['A', 'B'], ['x', 'y'], (a, b) => weights[a + b]!)).toEqual(
      new Map([
        ['A', 'y'],
        ['B', 'x'],
      ]),
    )
  })
})

describe('speakerAccuracy', () => {
  const spans = [
    { start: 0, end: 1000, speaker: 'katie' },
    { start: 1000, end: 2000, speaker: 'steve' },
  ]
  const word = (start: number, end: number, speaker?: string) => ({
    text: 'x',
    start,
    end,
    ...(speaker && { speaker }),
  })

  it('does not care which letter stands for whom', () => {
    const heard = [word(0, 500, 'B'), word(500, 900, 'B'), word(1100, 1900, 'A')]
    expect(speakerAccuracy(heard, spans)).toEqual({ words: 1, timeWrong: 0, unattributed: 0, letters: 2 })
  })

  it('counts words of another speaker, without a letter, and of surplus letters as wrong', () => {
    const heard = [
      word(0, 400, 'A'),
      word(400, 600),
      word(600, 1000, 'C'),
      word(1000, 1500, 'B'),
      word(1500, 2000, 'A'),
    ]
    const score = speakerAccuracy(heard, spans)
    expect(score).toMatchObject({ words: 0.4, unattributed: 0.2, letters: 3 })
    expect(score.timeWrong).toBeCloseTo(0.55, 9)
  })
})

describe('parseRttm', () => {
  it('reads speaker lines and nothing else', () => {
    expect(parseRttm('; comment\nSPEAKER f 1 0.500 3.25 <NA> <NA> slt <NA> <NA>\n\n')).toEqual([
      { start: 500, end: 3750, speaker: 'slt' },
    ])
  })
})
