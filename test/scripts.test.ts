import { describe, expect, it } from 'vitest'
import { endOf, joinedTexts, spaceBetween } from '../src/scripts.ts'

describe('joinedTexts', () => {
  it('puts a space between words where their script puts one', () => {
    expect(joinedTexts(['Hello', 'there.'])).toBe('Hello there.')
    expect(joinedTexts(['今日', 'は', '3', '月', 'の', 'GPT', 'です', '。'])).toBe('今日は3月の GPT です。')
    expect(joinedTexts(['', 'one', '', 'two', ''])).toBe('one two')
  })
})

describe('spaceBetween', () => {
  it('says of the end of a long text what it says of all of it', () => {
    for (const text of ['a word', '它们都很好', 'ที่นี่', 'in 1984', '👍🏽'.repeat(9)]) {
      for (const next of ['word', '好', 'ครับ', '3', '。']) {
        expect(spaceBetween(endOf(text), next)).toBe(spaceBetween(text, next))
      }
    }
  })
})
