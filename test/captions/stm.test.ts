import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scoredWords } from '../../src/captions/scoring-fields.ts'
import { formatStmSegment } from '../../src/captions/stm.ts'
import { makeSegment } from './example-turn.ts'
import { linesOf, nastySegments } from './segments.ts'

describe('formatStmSegment', () => {
  it('writes a line a segment', () => {
    const segment = makeSegment('Hello, Bob.', 61_040, { speaker: 'A' })
    expect(formatStmSegment(segment)).toBe('audio 1 Speaker_A 61.040 61.490 Hello, Bob.\n')
    const named = { ...segment, channel: 'Line 2' }
    expect(formatStmSegment(named, { file: 'talk', speakers: { A: 'Al' } })).toMatch(/^talk Line_2 Al 61\.040 /)
    expect(formatStmSegment(makeSegment('Yes.'))).toContain('audio 1 unknown 0.000')
  })

  it('leaves nothing that scoring tools read as a label, a comment or a choice of words', () => {
    const text = '<laugh> {a / b}\u2028;; c'
    expect(formatStmSegment(makeSegment('', 0, { text }))).toContain(' ‹laugh> [a / b] ; c\n')
    expect(formatStmSegment(makeSegment('', 0, { text: '\u200B\n' }))).toBe('')
  })

  it('parses back with all words, for any segments', () => {
    fc.assert(
      fc.property(nastySegments, (segments) => {
        for (const segment of segments) {
          const lines = linesOf(formatStmSegment(segment))
          const words = scoredWords(segment.text)
          expect(lines).toHaveLength(words.length === 0 ? 0 : 1)
          for (const line of lines) {
            const [, start, end, text = ''] =
              /^audio \S+ \S+ (\d+\.\d{3}) (\d+\.\d{3}) ([^<;].*|;(?!;).*)$/u.exec(line) ?? []
            expect(Number(end)).toBeGreaterThanOrEqual(Number(start))
            expect(text.split(/\s/u).map((word, i) => (i === 0 ? word.replace(/^‹/, '<') : word))).toEqual(
              words.map((word, i) => (i === 0 ? word.replace(/^‹/, '<') : word)),
            )
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})
