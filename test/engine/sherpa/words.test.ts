import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { wordsFromTokens } from '../../../src/engine/sherpa/words.ts'

const result = (pairs: readonly (readonly [token: string, seconds: number])[], probabilities?: number[]) => ({
  tokens: pairs.map(([token]) => token),
  timestamps: pairs.map(([, seconds]) => seconds),
  ...(probabilities && { ys_probs: probabilities.map(Math.log) }),
})

describe('wordsFromTokens', () => {
  it('joins pieces to words that end where the next begins, or as soon as their letters allow', () => {
    const pieces = result([
      ['▁HEL', 0.52],
      ['LO', 0.72],
      [' WORLD', 1.2],
      [' A', 1.3],
    ])
    expect(wordsFromTokens(pieces, 5000, true)).toEqual([
      { text: 'hello', start: 520, end: 850, confidence: 0.5 },
      { text: 'world', start: 1200, end: 1300, confidence: 0.5 },
      { text: 'a', start: 1300, end: 1380, confidence: 0.5 },
    ])
    expect(wordsFromTokens(pieces, 1320, false).at(-1)).toMatchObject({ text: 'A', start: 1300, end: 1320 })
  })

  it('takes the mean probability of the pieces as confidence', () => {
    const [word] = wordsFromTokens(
      result(
        [
          ['▁a', 0],
          ['b', 0.1],
        ],
        [0.9, 0.4],
      ),
      1000,
      false,
    )
    expect(word!.confidence).toBeCloseTo(0.6)
  })

  it('leaves out signs of the model, and lets an ideograph be a word', () => {
    const words = wordsFromTokens(
      result([
        ['<unk>', 0],
        ['▁', 0.1],
        ['中', 0.2],
        ['文', 0.4],
        ['▁<unk>', 0.5],
      ]),
      1000,
      false,
    )
    expect(words.map(({ text }) => text)).toEqual(['中', '文', '<unk>'])
  })

  it('begins a word with a piece that has no sign before it, where it is the first', () => {
    expect(wordsFromTokens(result([['ing', 0.3]]), 1000, false)).toMatchObject([{ text: 'ing', start: 300, end: 495 }])
  })

  it('gives words in order within the utterance, whatever comes', () => {
    const token = fc.oneof(fc.constantFrom('▁a', 'b', ' c', '▁', '<blk>', '字'), fc.string())
    const seconds = fc.double({ min: -1, max: 9, noNaN: true })
    const probability = fc.oneof(fc.double(), fc.double({ min: -20, max: 0 }))
    fc.assert(
      fc.property(fc.array(fc.tuple(token, seconds, probability)), fc.nat(6000), (items, utteranceMs) => {
        const words = wordsFromTokens(
          {
            tokens: items.map(([text]) => text),
            timestamps: items.map(([, time]) => time),
            ys_probs: items.map(([, , value]) => value),
          },
          utteranceMs,
          true,
        )
        let from = 0
        for (const word of words) {
          expect(word.text).not.toBe('')
          expect(word.start).toBeGreaterThanOrEqual(from)
          expect(word.end).toBeGreaterThanOrEqual(word.start)
          expect(word.end).toBeLessThanOrEqual(utteranceMs)
          expect(word.confidence).toBeGreaterThanOrEqual(0)
          expect(word.confidence).toBeLessThanOrEqual(1)
          from = word.end
        }
      }),
    )
  })
})
