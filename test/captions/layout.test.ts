import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanText } from '../../src/captions/clean-text.ts'
import { checkLayoutOptions, layoutTurn, type UnnumberedCue } from '../../src/captions/layout.ts'
import { textWidth } from '../../src/captions/width.ts'
import { wordRuns } from '../../src/captions/word-runs.ts'
import type { Segment } from '../../src/model.ts'
import { exampleTurn, makeSegment, makeTurn, makeWords } from './example-turn.ts'
import { nastyText } from './nasty-text.ts'

const lines = (cues: readonly UnnumberedCue[]) => cues.map((cue) => cue.lines)

describe('layoutTurn', () => {
  it('lays out the example turn readably', () => {
    const cues = layoutTurn(wordRuns(exampleTurn()), { names: false })
    expect(cues.map((cue) => [cue.speaker, cue.start, cue.end, ...cue.lines])).toEqual([
      ['A', 0, 1790, 'Yeah. Different things', 'the way they are said here'],
      ['A', 1873, 4957, "than in contrast to the way they'd", 'be said in other countries. Yeah.'],
      ['B', 5040, 6653, "Your Colombian Spanish won't work."],
      ['A', 6736, 8320, 'Uh, no.'],
      ['A', 8820, 9886, 'And she said she could— when I—'],
    ])
  })

  it('keeps one line where it fits, and breaks two after punctuation', () => {
    expect(lines(layoutTurn([makeSegment('This fits in one line.')]))).toEqual([['This fits in one line.']])
    expect(lines(layoutTurn([makeSegment('When the rain came down hard, everybody ran for cover')]))).toEqual([
      ['When the rain came down hard,', 'everybody ran for cover'],
    ])
  })

  it('breaks two lines before a preposition rather than after it, and keeps them of about one length', () => {
    const broken = (text: string) => lines(layoutTurn([makeSegment(text, 0, { speaker: 'B' })]))
    expect(broken('I want to walk along the water and look at the birds')).toEqual([
      ['I want to walk', 'along the water and look at the birds'],
    ])
    expect(broken('and we should leave early for the town wakes up')).toEqual([
      ['and we should leave early', 'for the town wakes up'],
    ])
  })

  it('cuts where a sentence ends rather than at the limit', () => {
    const text =
      'The meeting was moved to Thursday because of the strike. Everybody has been told about it by mail except for the people in Rome'
    expect(lines(layoutTurn([makeSegment(text)])).map((cue) => cue.join(' '))[0]).toBe(
      'The meeting was moved to Thursday because of the strike.',
    )
  })

  it('always cuts where the speaker or the channel changes', () => {
    const cues = layoutTurn(wordRuns(makeTurn(0, 'A:Yes. B:No. A:Yes.')))
    expect(cues.map((cue) => [cue.speaker, cue.lines])).toEqual([
      ['A', ['Yes.']],
      ['B', ['No.']],
      ['A', ['Yes.']],
    ])
  })

  it('takes the channel for the speaker where there is no other', () => {
    const [cue] = layoutTurn([makeSegment('Hello', 0, { channel: 'Agent' })])
    expect(cue?.speaker).toBe('Agent')
  })

  it('cuts at a long pause', () => {
    const words = [...makeWords('one two'), ...makeWords('three', 2000)]
    expect(lines(layoutTurn([makeSegment('', 0, { words })]))).toEqual([['one two'], ['three']])
    const close = [...makeWords('one two'), ...makeWords('three', 1900)]
    expect(layoutTurn([makeSegment('', 0, { words: close })])).toHaveLength(1)
  })

  it('shows no cue for more than seven seconds', () => {
    const words = makeWords('so it goes on and on and on').map((word, i) => ({
      ...word,
      start: i * 1400,
      end: i * 1400 + 1000,
    }))
    const cues = layoutTurn([makeSegment('', 0, { words })])
    expect(cues.length).toBeGreaterThan(1)
    for (const cue of cues) expect(cue.end - cue.start).toBeLessThanOrEqual(7000)
  })

  it('keeps room for the name where it is shown', () => {
    const text = 'Exactly forty-two characters are in this.'
    const segment = makeSegment(text, 0, { speaker: 'A' })
    expect(lines(layoutTurn([segment], { names: false }))).toEqual([[text]])
    expect(layoutTurn([segment], { speakers: { A: 'Alice' } })[0]?.lines).toHaveLength(2)
    const before = { end: 0, speaker: 'A' }
    expect(lines(layoutTurn([segment], { speakers: { A: 'Alice' } }, before))).toEqual([[text]])
  })

  it('splits a word that is wider than a line', () => {
    const word = 'x'.repeat(100)
    const cues = layoutTurn([makeSegment(`a ${word} b`)])
    expect(lines(cues).flat().join('').replaceAll(' ', '')).toBe(`a${word}b`)
    expect(cues.flatMap((cue) => cue.words.map(({ text }) => text))).toEqual(['a', word, 'b'])
    for (const line of lines(cues).flat()) expect(line.length).toBeLessThanOrEqual(42)
  })

  it('lays out text without words over its time', () => {
    const text = 'A transcript that came without words but is longer than what two lines of a caption can hold at once.'
    const cues = layoutTurn([makeSegment('', 0, { text, start: 1000, end: 9000 })])
    expect(lines(cues).flat().join(' ')).toBe(text)
    expect(cues[0]?.start).toBe(1000)
    expect(cues.at(-1)?.end).toBeGreaterThanOrEqual(9000)
    expect(cues.every((cue) => cue.words.length === 0)).toBe(true)
  })

  it('gives no cue for text without anything visible', () => {
    expect(layoutTurn([makeSegment('', 0, { text: '\u200B', end: 100 })])).toEqual([])
    expect(layoutTurn([])).toEqual([])
  })

  it('handles languages whose words are single characters', () => {
    const words = makeWords('こ れ は テ ス ト で す')
    expect(lines(layoutTurn([makeSegment('', 0, { words })]))).toEqual([['こ れ は テ ス ト で す']])
  })
})

describe('times of cues', () => {
  it('hold a short last cue for the least duration, and no longer than its words else', () => {
    expect(layoutTurn([makeSegment('Yes.', 1000)])[0]).toMatchObject({ start: 1000, end: 1833 })
    expect(layoutTurn([makeSegment('one two three four five six', 1000)])[0]).toMatchObject({ start: 1000, end: 2450 })
  })

  it('leave 83 ms before a cue that follows closely, and let a cue stay 500 ms before a distant one', () => {
    const close = layoutTurn([makeSegment('one two three four', 0), makeSegment('five', 1200)])
    expect(close.map((cue) => [cue.start, cue.end])).toEqual([
      [0, 1117],
      [1200, 2033],
    ])
    const distant = layoutTurn([makeSegment('one two three four', 0), makeSegment('five', 5000)])
    expect(distant[0]).toMatchObject({ start: 0, end: 1450 })
  })

  it('never begin before the end of the cue before', () => {
    const [cue] = layoutTurn([makeSegment('Yes.', 1000)], {}, { end: 1500 })
    expect(cue).toMatchObject({ start: 1500, end: 1833 })
    const [late] = layoutTurn([makeSegment('Yes.', 1000)], {}, { end: 9000 })
    expect(late).toMatchObject({ start: 9000, end: 9300 })
  })

  it('keep words of no length, and repair times that cannot be', () => {
    const words = makeWords('my own times are wrong').map((word, i) => ({
      ...word,
      start: [-5, 100.4, 50, Number.NaN, 400][i] ?? 0,
      end: [-1, 100.4, 20, 300, 399][i] ?? 0,
    }))
    const [cue] = layoutTurn([makeSegment('', 0, { words })])
    expect(cue).toMatchObject({ start: 0, end: 833, lines: ['my own times are wrong'], words })
  })
})

describe('layoutTurn on anything', () => {
  const ms = fc.oneof(fc.nat(60_000), fc.integer(), fc.double())
  const word = fc.record({
    text: fc.oneof(nastyText, fc.constantFrom('word', 'sentence.', 'and', 'the')),
    start: ms,
    end: ms,
    confidence: fc.constant(1),
    final: fc.constant(true),
  })
  const segment = fc.record({
    speaker: fc.constantFrom('A', 'B', 'Agent with a very long name indeed, of many columns'),
    start: fc.nat(60_000),
    end: fc.nat(60_000),
    text: nastyText,
    words: fc.array(word),
    turn: fc.constant({ order: 0, revision: 0 }),
  })
  const options = fc.record({ names: fc.boolean(), maxLineWidth: fc.integer({ min: 8, max: 60 }) })

  it('loses no word, mixes no speakers, and overlaps nowhere', () => {
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 6 }), options, fc.nat(70_000), (segments: Segment[], given, end) => {
        const cues = layoutTurn(segments, given, { end })
        const visible = segments.flatMap((one) => one.words.filter(({ text }) => cleanText(text) !== ''))
        expect(cues.flatMap((cue) => cue.words)).toEqual(visible)
        const speakerOf = new Map(segments.flatMap((one) => one.words.map((item) => [item, one.speaker])))
        let floor = end
        for (const cue of cues) {
          for (const item of cue.words) expect(speakerOf.get(item)).toBe(cue.speaker)
          expect(Number.isInteger(cue.start) && Number.isInteger(cue.end)).toBe(true)
          expect(cue.start).toBeGreaterThanOrEqual(floor)
          expect(cue.end).toBeGreaterThan(cue.start)
          expect(cue.end - cue.start).toBeLessThanOrEqual(7000)
          floor = cue.end
          expect(cue.lines.length).toBeLessThanOrEqual(2)
          for (const line of cue.lines) {
            expect(line).not.toBe('')
            expect(textWidth(line)).toBeLessThanOrEqual(given.maxLineWidth)
          }
        }
        const given_ = segments.map((one) =>
          (one.words.length > 0 ? one.words : [one]).map(({ text }) => cleanText(text)),
        )
        expect(bare(lines(cues).flat().join(''))).toBe(bare(given_.flat().join('')))
      }),
    )
  })

  function bare(text: string): string {
    return text.normalize('NFC').replaceAll(' ', '')
  }
})

describe('checkLayoutOptions', () => {
  it('refuses wrong values and unknown names', () => {
    checkLayoutOptions({ maxLineWidth: 32, maxLines: 1, minDuration: 1, maxDuration: 500, pause: 700, names: false })
    expect(() => checkLayoutOptions({ maxLineWidth: 7 })).toThrow('maxLineWidth, when given, must be an integer')
    expect(() => checkLayoutOptions({ maxLines: 3 }, 'layout.')).toThrow('layout.maxLines')
    expect(() => checkLayoutOptions({ maxChars: 3 } as object)).toThrow('has no option maxChars')
  })
})
