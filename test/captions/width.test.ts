import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitByWidth, textWidth } from '../../src/captions/width.ts'

describe('textWidth', () => {
  it('counts graphemes, wide ones twice, marks and joiners not at all', () => {
    expect(textWidth('')).toBe(0)
    expect(textWidth('Hello')).toBe(5)
    expect(textWidth('Grüße')).toBe(5)
    expect(textWidth('e\u0301')).toBe(1)
    expect(textWidth('日本語')).toBe(6)
    expect(textWidth('한국')).toBe(4)
    expect(textWidth('Ａ')).toBe(2)
    expect(textWidth('👩‍👩‍👧')).toBe(2)
    expect(textWidth('\u200B')).toBe(0)
    expect(textWidth('שלום')).toBe(4)
  })
})

describe('splitByWidth', () => {
  it('cuts between graphemes only', () => {
    expect(splitByWidth('abcdef', 4)).toEqual(['abcd', 'ef'])
    expect(splitByWidth('👩‍👩‍👧👩‍👩‍👧', 3)).toEqual(['👩‍👩‍👧', '👩‍👩‍👧'])
    expect(splitByWidth('日本語', 5)).toEqual(['日本', '語'])
    expect(splitByWidth('', 5)).toEqual([])
  })

  it('takes long text piece by piece, and cuts no character in two', () => {
    const family = '👩‍👩‍👧'
    for (const before of ['', 'x', 'xx', 'xxx']) {
      const text = before + family.repeat(300)
      expect(textWidth(text)).toBe(before.length + 600)
      expect(
        splitByWidth(text, 3)
          .filter((piece) => piece !== family)
          .join(''),
      ).toBe(before && before.length < 2 ? before + family : before)
    }
    expect(splitByWidth(`a${'\u{1E8D0}'.repeat(1000)}b`, 1).every((piece) => !/\p{Surrogate}/u.test(piece))).toBe(true)
  })

  it('loses nothing and keeps to the width wherever one grapheme does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 2, max: 20 }), (text, width) => {
        const pieces = splitByWidth(text, width)
        expect(pieces.join('')).toBe(text)
        for (const piece of pieces) expect(textWidth(piece)).toBeLessThanOrEqual(width)
      }),
    )
  })
})
