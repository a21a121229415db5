import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanText } from '../../src/captions/clean-text.ts'
import { nastyText } from './nasty-text.ts'

describe('cleanText', () => {
  it('turns every kind of line end into a space and collapses spaces', () => {
    expect(cleanText('a\r\nb\u2028c\u2029d\u0085e\vf\fg\u001Ch  \t i')).toBe('a b c d e f g h i')
  })

  it('deletes control characters, NUL and byte-order marks', () => {
    expect(cleanText('\uFEFFa\u0000b\u0007c\u007Fd\u0090e')).toBe('abcde')
  })

  it('composes letters and replaces halves of surrogate pairs', () => {
    expect(cleanText('e\u0301')).toBe('é')
    expect(cleanText('a\uD83Db')).toBe('a\uFFFDb')
    expect(cleanText('😀')).toBe('😀')
  })

  it('keeps no-break spaces, joiners and marks of direction inside text', () => {
    expect(cleanText('bonjour\u00A0!')).toBe('bonjour\u00A0!')
    expect(cleanText('👩‍👧')).toBe('👩‍👧')
    expect(cleanText('\u200Fשלום')).toBe('\u200Fשלום')
  })

  it('makes text without anything visible empty', () => {
    for (const text of ['', ' ', '\u00A0', '\u200B\u200D', '\uFEFF', '\u202E', '\u00AD', '\u3000']) {
      expect(cleanText(text)).toBe('')
    }
  })

  it('gives one trimmed line in UTF-8 that stays as it is when cleaned again', () => {
    fc.assert(
      fc.property(nastyText, (text) => {
        const clean = cleanText(text)
        expect(clean).toBe(clean.trim())
        expect(clean).not.toMatch(/[\p{Cc}\p{Surrogate}\u2028\u2029]/u)
        expect(Buffer.from(clean).toString()).toBe(clean)
        expect(cleanText(clean)).toBe(clean)
      }),
    )
  })
})
