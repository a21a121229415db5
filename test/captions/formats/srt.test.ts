import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanText, visibleLines } from '../../../src/captions/text.ts'
import { formatSrtCue, sanitizeSrtText } from '../../../src/captions/formats/srt.ts'
import type { Cue } from '../../../src/model.ts'
import { nastyText } from '../nasty-text.ts'
import { runs } from '../../helpers/runs.ts'

const cue = (index: number, ...lines: string[]): Cue => ({
  index,
  start: index * 2000,
  end: index * 2000 + 1500,
  lines,
  words: [],
})

describe('formatSrtCue', () => {
  it('writes number, times, text and one blank line', () => {
    expect(formatSrtCue(cue(1, 'Hello there,', 'world.'))).toBe(
      '1\n00:00:02,000 --> 00:00:03,500\nHello there,\nworld.\n\n',
    )
  })

  it('puts the name before the first line, as plain text', () => {
    expect(formatSrtCue(cue(1, 'Hi.', 'You.'), 'Alice: ')).toContain('\nAlice: Hi.\nYou.\n\n')
    expect(formatSrtCue(cue(1, 'Hi.'), '<Al>\n{\\i1}: ')).toContain('\n‹Al› { \\i1}: Hi.\n')
    expect(formatSrtCue(cue(1, 'Hi.'), ' ')).toContain('\nHi.\n')
  })

  it('drops empty lines, and the whole cue where no text is left', () => {
    expect(formatSrtCue(cue(1, '', 'a', ' \u2028 ', 'b'))).toContain(',500\na\nb\n\n')
    expect(formatSrtCue(cue(1), 'Alice: ')).toBe('')
    expect(formatSrtCue(cue(1, '', '\u0000', '\u200B'), 'Alice: ')).toBe('')
  })
})

describe('sanitizeSrtText', () => {
  it('leaves what every reader shows as it is', () => {
    for (const text of [
      '5 > 4 & 3 < 4',
      'R&D -> fine',
      '&amp;',
      'a <3 b',
      '42',
      'C: {curly}',
      "it's \\ that",
      'x <- y',
    ]) {
      expect(sanitizeSrtText([text])).toBe(text)
    }
  })

  it('defuses arrows, tags and override codes', () => {
    expect(sanitizeSrtText(['a --> b ----> c'])).toBe('a -> b -> c')
    expect(sanitizeSrtText(['<i>so</i> <v Bob>x'])).toBe('‹i›so‹/i› ‹v Bob›x')
    expect(sanitizeSrtText(['<3 you', '-> me'])).toBe('‹3 you\n-> me')
    expect(sanitizeSrtText(['3 < 4 -> fine <'])).toBe('3 ‹ 4 -> fine <')
    expect(sanitizeSrtText(['a {', 'b} {'])).toBe('a {\u00A0\nb} {')
    expect(sanitizeSrtText(['NOTE a', 'NOTE b'])).toBe('NOTE a\n\u00A0NOTE b')
    expect(sanitizeSrtText(['{\\an8}top {y:i}'])).toBe('{ \\an8}top { y:i}')
    expect(sanitizeSrtText(['one\\Ntwo\\hthree'])).toBe('one\\ Ntwo\\ hthree')
  })
})

describe('any SRT block', () => {
  it('keeps every letter and digit, in order', () => {
    const said = (text: string) => text.match(/[\p{L}\p{N}]/gu) ?? []
    fc.assert(
      fc.property(fc.array(nastyText, { maxLength: 3 }), (lines) => {
        expect(said(sanitizeSrtText(lines))).toEqual(said(visibleLines(lines).join(' ')))
      }),
      { numRuns: runs(1000) },
    )
  })

  it('holds no control character, no empty line and no line that looks like a timing', () => {
    fc.assert(
      fc.property(fc.array(nastyText), fc.option(nastyText, { nil: undefined }), (lines, name) => {
        const block = formatSrtCue(cue(1, ...lines), name)
        expect(block === '').toBe(lines.every((line) => cleanText(line) === ''))
        if (block === '') return
        const [number, timing, ...text] = block.split('\n')
        expect(number).toBe('1')
        expect(timing).toBe('00:00:02,000 --> 00:00:03,500')
        expect(text.splice(-2)).toEqual(['', ''])
        expect(text.length).toBeGreaterThan(0)
        for (const line of text) {
          expect(line.trim()).not.toBe('')
          expect(line).not.toMatch(/-->|[\p{Cc}\p{Surrogate}\u2028\u2029]/u)
        }
      }),
    )
  })
})
