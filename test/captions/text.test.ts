import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanLine, cleanName, cleanText, plainLine } from '../../src/captions/text.ts'
import { nastyText, openMarks } from './nasty-text.ts'
import { runs } from '../helpers/runs.ts'

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

  it('deletes what Unicode says is no character', () => {
    expect(cleanText('a\uFFFE\uFFFFb\uFDD0\u{1FFFF}c')).toBe('abc')
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

describe('cleanLine', () => {
  it('keeps marks that turn the direction only where they end in the line, nested', () => {
    for (const kept of [
      '\u202Eabc\u202C d',
      'a \u2067b \u202Ac\u202C\u2069',
      '\u200Fa\u061C',
      '\u2068a\u2069 \u202Bb\u202C',
    ]) {
      expect(cleanLine(kept)).toBe(kept)
    }
    expect(cleanLine('a\u202Eb')).toBe('ab')
    expect(cleanLine('a\u202Cb\u2069')).toBe('ab')
    expect(cleanLine('\u202Ea\u2066b\u202Cc')).toBe('abc')
    expect(cleanLine('\u2066a\u202Bb\u2069c\u202Cd')).toBe('a\u202Bbc\u202Cd')
    expect(cleanLine('e\u202E\u0301\u206A')).toBe('é')
  })

  it('leaves nothing open, and is the same when it is cleaned again', () => {
    fc.assert(
      fc.property(nastyText, (text) => {
        const line = cleanLine(text)
        expect(openMarks(line)).toEqual([])
        expect(cleanLine(line)).toBe(line)
      }),
      { numRuns: runs(1000) },
    )
  })
})

describe('cleanName', () => {
  it('leaves out all marks of direction', () => {
    expect(cleanName('\u200FAl\u061Ci\u202Ece\u2069')).toBe('Alice')
  })
})

describe('plain lines', () => {
  it('are of characters that need no cleaning, whatever stands beside them', () => {
    const characters = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter((one) =>
      plainLine.test(one),
    )
    expect(characters.length).toBeGreaterThan(30_000)
    const visible = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Surrogate}\p{Mn}]/u
    for (const one of characters) {
      if (!visible.test(one) || one.normalize('NFC') !== one) throw new Error(`U+${one.charCodeAt(0).toString(16)}`)
    }
    const text = [...characters, ...characters.toReversed()].join('')
    expect(text.normalize('NFC')).toBe(text)
  })
})
