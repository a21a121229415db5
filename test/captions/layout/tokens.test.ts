import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { midWords, wordTokens } from '../../../src/captions/layout/tokens.ts'
import { nastyText } from '../nasty-text.ts'
import { runs } from '../../helpers/runs.ts'

const word = (text: string, start = 0, end = 900) => ({ text, start, end, confidence: 1, final: true })
const texts = (text: string, language = 'en', maxWidth = 42) =>
  wordTokens(word(text), maxWidth, 0, language).map((token) => token.text)

describe('wordTokens', () => {
  it('cuts text without spaces between its words, marks staying with what they close or open', () => {
    expect(texts('我们明天去北京。', 'zh')).toEqual(['我们', '明天', '去', '北京。'])
    expect(texts('「東京」に行きます', 'ja')[0]).toBe('「東京」')
    expect(texts('ฉันไปโรงเรียน', 'th')).toEqual(['ฉัน', 'ไป', 'โรงเรียน'])
    expect(texts('한국어', 'ko')).toEqual(['한국어'])
  })

  it('shares the time of a word among its tokens, which the first one holds', () => {
    const tokens = wordTokens(word('ab cd ef'), 42, 0, 'en')
    expect(tokens.map(({ start, end, words }) => [start, end, words.length])).toEqual([
      [0, 300, 1],
      [300, 600, 0],
      [600, 900, 0],
    ])
  })

  it('cuts what is wider than a line, marked as the rest of a word', () => {
    const tokens = wordTokens(word('x'.repeat(10)), 4, 0, 'en')
    expect(tokens.map(({ text, isRest, space }) => [text, isRest, space])).toEqual([
      ['xxxx', false, 1],
      ['xxxx', true, 0],
      ['xx', true, 0],
    ])
  })

  it('cuts long text in whole characters', () => {
    const text = `a${'𠮷'.repeat(1000)}`
    const cut = texts(text, 'zh')
    expect(cut.join('')).toBe(text)
    expect(cut.some((piece) => /\p{Surrogate}/u.test(piece))).toBe(false)
  })

  it('survives a language tag that is none', () => {
    expect(texts('我们明天', 'not a tag')).toEqual(['我们', '明天'])
  })

  it('repairs times, and once is enough', () => {
    const ms = fc.oneof(fc.nat(5000), fc.integer(), fc.double())
    fc.assert(
      fc.property(nastyText, ms, ms, fc.nat(3000), (text, start, end, earliest) => {
        const tokens = wordTokens(word(text, start, end), 20, earliest, 'en')
        expect(tokens.flatMap(({ words }) => words)).toHaveLength(1)
        let floor = earliest
        for (const token of tokens) {
          expect(Number.isInteger(token.start) && Number.isInteger(token.end)).toBe(true)
          expect(token.start).toBeGreaterThanOrEqual(floor)
          expect(token.end).toBeGreaterThanOrEqual(token.start)
          floor = token.start
        }
        const repaired = word(text, tokens[0]?.start, tokens.at(-1)?.end)
        const again = wordTokens(repaired, 20, earliest, 'en')
        expect(again.map((token) => [token.start, token.end])).toEqual(tokens.map((token) => [token.start, token.end]))
      }),
      { numRuns: runs(1000) },
    )
  })
})

describe('midWords', () => {
  it('finds which characters given as words are inside a word', () => {
    const words = 'hi 我 们 明 天 去'.split(' ').map((text) => word(text))
    expect([...(midWords(words, 'zh') ?? [])]).toEqual([2, 4])
    expect(midWords([word('one'), word('two')], 'en')).toBeUndefined()
  })
})
