import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanLine } from '../../src/captions/clean-text.ts'
import { formatCtmSegment } from '../../src/captions/ctm.ts'
import { scoredWords } from '../../src/captions/scoring-fields.ts'
import { makeSegment } from './example-turn.ts'
import { linesOf, nastySegments } from './segments.ts'

const word = (text: string, start: number, end: number, confidence = 1) => ({
  text,
  start,
  end,
  confidence,
  final: true,
})

describe('formatCtmSegment', () => {
  it('writes a line a word', () => {
    const segment = makeSegment('', 0, { words: [word('Hello,', 1040, 1500, 0.98765), word('you.', 1500, 1500)] })
    expect(formatCtmSegment(segment)).toBe('audio 1 1.040 0.460 Hello, 0.988\naudio 1 1.500 0.000 you. 1.000\n')
    expect(formatCtmSegment({ ...segment, channel: 'Line 2' }, { file: 'talk' })).toContain('talk Line_2 1.040 ')
  })

  it('shares the time of a text with white space in it, and of one without words', () => {
    const segment = makeSegment('', 0, { words: [word('10\u00A0km', 0, 400, 0.5)] })
    expect(formatCtmSegment(segment)).toBe('audio 1 0.000 0.200 10 0.500\naudio 1 0.200 0.200 km 0.500\n')
    expect(formatCtmSegment(makeSegment('', 0, { words: [], text: 'so be it', start: 0, end: 600 }))).toBe(
      'audio 1 0.000 0.200 so\naudio 1 0.200 0.200 be\naudio 1 0.400 0.200 it\n',
    )
  })

  it('leaves nothing that scoring tools read as a choice of words', () => {
    const words = ['{', 'a}', '<ALT_BEGIN>', '<b>', ';;'].map((text, i) => word(text, i, i))
    const written = linesOf(formatCtmSegment(makeSegment('', 0, { words }))).map((line) => line.split(' ')[4])
    expect(written).toEqual(['[', 'a]', '‹ALT_BEGIN>', '<b>', ';'])
  })

  it('leaves out a confidence that is no number, and keeps the others from 0 to 1', () => {
    const words = [Number.NaN, -1, 7].map((confidence) => word('a', 0, 100, confidence))
    const lines = linesOf(formatCtmSegment(makeSegment('', 0, { words })))
    expect(lines.map((line) => line.split(' ')[5])).toEqual([undefined, '0.000', '1.000'])
  })

  it('leaves out a confidence that nobody knows', () => {
    const { confidence: _unknown, ...rest } = word('a', 0, 100)
    expect(formatCtmSegment(makeSegment('', 0, { words: [rest] }))).toBe('audio 1 0.000 0.100 a\n')
  })

  it('has every word, in order, with times that never fall, for any segments', () => {
    fc.assert(
      fc.property(nastySegments, (segments) => {
        for (const segment of segments) {
          const lines = linesOf(formatCtmSegment(segment))
          for (const line of lines) expect(line).toMatch(/^audio \S+ \d+\.\d{3} \d+\.\d{3} \S+( [01]\.\d{3})?$/u)
          const fields = lines.map((line) => line.split(' '))
          const starts = fields.map((field) => Number(field[2]))
          expect(starts).toEqual(starts.toSorted((a, b) => a - b))
          expect(fields.map((field) => field[4])).toEqual(
            segment.words.flatMap(({ text }) => scoredWords(text).map(cleanLine)),
          )
        }
      }),
      { numRuns: 300 },
    )
  })
})
