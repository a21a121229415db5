import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanText } from '../../../src/captions/text.ts'
import { CueLayout, layoutCues, type UnnumberedCue } from '../../../src/captions/layout/layout.ts'
import { cueLabel } from '../../../src/captions/layout/labels.ts'
import { layoutSettings, type CueLayoutOptions } from '../../../src/captions/layout/options.ts'
import { textWidth } from '../../../src/captions/width.ts'
import { wordRuns } from '../../../src/captions/segments.ts'
import type { Segment } from '../../../src/model.ts'
import { exampleTurn, makeSegment, makeTurn, makeWords } from '../example-turn.ts'
import { nastyText } from '../nasty-text.ts'
import { runs } from '../../helpers/runs.ts'

const lines = (cues: readonly UnnumberedCue[]) => cues.map((cue) => cue.lines)

const layOne = (
  segments: readonly Segment[],
  options: CueLayoutOptions = {},
  previous?: { end: number; speaker?: string },
) => layoutCues([segments], options, { previous })

describe('layoutCues', () => {
  // Most of these made it go on for ever.
  it.each([
    [{ preset: 'nope' }, 'layoutCues.preset'],
    [{ maxLineWidth: Number.NaN }, 'layoutCues.maxLineWidth'],
    [{ minDuration: Number.NaN }, 'layoutCues.minDuration'],
    [{ zzz: 1 }, 'zzz'],
    [null, undefined],
  ])('refuses %j', (options, option) => {
    const refused = () => layOne(wordRuns(exampleTurn()), options as CueLayoutOptions)
    expect(refused).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', ...(option !== undefined && { option }) }),
    )
  })

  it.each([{ next: Number.NaN }, { next: null }, { previous: { end: Number.NaN } }])(
    'refuses the context %j',
    (context) => {
      const refused = () => layoutCues([wordRuns(exampleTurn())], {}, context as Parameters<typeof layoutCues>[2])
      expect(refused).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    },
  )

  it('ends, as where nobody knows what follows, where that has no time', () => {
    const ended = (next?: number) => {
      const layout = new CueLayout(layoutSettings())
      return [...layout.add(wordRuns(exampleTurn())), ...layout.close(next)]
    }
    expect(ended(Number.NaN)).toEqual(ended())
  })

  it('lays out the example turn readably', () => {
    const cues = layOne(wordRuns(exampleTurn()), { labels: 'none' })
    expect(cues.map((cue) => [cue.speaker, cue.start, cue.end, ...cue.lines])).toMatchInlineSnapshot(`
      [
        [
          "A",
          0,
          1790,
          "Yeah. Different things",
          "the way they are said here",
        ],
        [
          "A",
          1873,
          4957,
          "than in contrast to the way they'd be said",
          "in other countries. Yeah.",
        ],
        [
          "B",
          5040,
          6653,
          "Your Colombian Spanish won't work.",
        ],
        [
          "A",
          6736,
          8737,
          "Uh, no.",
        ],
        [
          "A",
          8820,
          10386,
          "And she said she could— when I—",
        ],
      ]
    `)
  })

  it('keeps one line where it fits, and breaks two after punctuation', () => {
    expect(lines(layOne([makeSegment('This fits in one line.')]))).toEqual([['This fits in one line.']])
    expect(lines(layOne([makeSegment('When the rain came down hard, everybody ran for cover')]))).toEqual([
      ['When the rain came down hard,', 'everybody ran for cover'],
    ])
  })

  it('breaks two lines before a preposition rather than after it, and keeps them of about one length', () => {
    const broken = (text: string) => lines(layOne([makeSegment(text, 0, { speaker: 'B' })]))
    expect(broken('I want to walk along the water and look at the birds')).toEqual([
      ['I want to walk', 'along the water and look at the birds'],
    ])
    expect(broken('and we should leave early for the town wakes up')).toEqual([
      ['and we should leave', 'early for the town wakes up'],
    ])
  })

  it('cuts where a sentence ends rather than at the limit', () => {
    const text =
      'The meeting was moved to Thursday because of the strike. Everybody has been told about it by mail except for the people in Rome'
    expect(lines(layOne([makeSegment(text)])).map((cue) => cue.join(' '))[0]).toBe(
      'The meeting was moved to Thursday because of the strike.',
    )
  })

  it('always cuts where the speaker or the channel changes', () => {
    const cues = layOne(wordRuns(makeTurn(0, 'A:Yes. B:No. A:Yes.')))
    expect(cues.map((cue) => [cue.speaker, cue.lines])).toEqual([
      ['A', ['Yes.']],
      ['B', ['No.']],
      ['A', ['Yes.']],
    ])
  })

  it('takes the channel for the speaker where there is no other', () => {
    const [cue] = layOne([makeSegment('Hello', 0, { channel: 'Agent' })])
    expect(cue?.speaker).toBe('Agent')
  })

  it('cuts at a long pause', () => {
    const words = [...makeWords('one two'), ...makeWords('three', 2000)]
    expect(lines(layOne([makeSegment('', 0, { words })]))).toEqual([['one two'], ['three']])
    const close = [...makeWords('one two'), ...makeWords('three', 1900)]
    expect(layOne([makeSegment('', 0, { words: close })])).toHaveLength(1)
  })

  it('shows no cue for more than seven seconds', () => {
    const words = makeWords('so it goes on and on and on').map((word, i) => ({
      ...word,
      start: i * 1400,
      end: i * 1400 + 1000,
    }))
    const cues = layOne([makeSegment('', 0, { words })])
    expect(cues.length).toBeGreaterThan(1)
    for (const cue of cues) expect(cue.end - cue.start).toBeLessThanOrEqual(7000)
  })

  it('keeps room for the name where it is shown', () => {
    const text = 'Exactly forty-two characters are in this.'
    const segment = makeSegment(text, 0, { speaker: 'A' })
    expect(lines(layOne([segment], { labels: 'none' }))).toEqual([[text]])
    expect(layOne([segment], { speakers: { A: 'Alice' } })[0]?.lines).toHaveLength(2)
    const before = { end: 0, speaker: 'A' }
    expect(lines(layOne([segment], { speakers: { A: 'Alice' } }, before))).toEqual([[text]])
  })

  it('splits a word that is wider than a line', () => {
    const word = 'x'.repeat(100)
    const cues = layOne([makeSegment(`a ${word} b`)])
    expect(lines(cues).flat().join('').replaceAll(' ', '')).toBe(`a${word}b`)
    expect(cues.flatMap((cue) => cue.words.map(({ text }) => text))).toEqual(['a', word, 'b'])
    for (const line of lines(cues).flat()) expect(line.length).toBeLessThanOrEqual(42)
  })

  it('lays out text without words over its time', () => {
    const text = 'A transcript that came without words but is longer than what two lines of a caption can hold at once.'
    const cues = layOne([makeSegment('', 0, { text, start: 1000, end: 9000 })])
    expect(lines(cues).flat().join(' ')).toBe(text)
    expect(cues[0]?.start).toBe(1000)
    expect(cues.at(-1)?.end).toBeGreaterThanOrEqual(9000)
    expect(cues.every((cue) => cue.words.length === 0)).toBe(true)
  })

  it('gives no cue for text without anything visible', () => {
    expect(layOne([makeSegment('', 0, { text: '\u200B', end: 100 })])).toEqual([])
    expect(layOne([])).toEqual([])
  })

  it('puts no spaces between words of languages that have none', () => {
    const words = makeWords('こ れ は テ ス ト で す')
    expect(lines(layOne([makeSegment('', 0, { words })]))).toEqual([['これはテストです']])
  })
})

describe('times of cues', () => {
  it('hold the last cue for the least duration, or as long as it needs to be read', () => {
    expect(layOne([makeSegment('Yes.', 1000)])[0]).toMatchObject({ start: 1000, end: 1833 })
    expect(layOne([makeSegment('one two three four five six', 1000)])[0]).toMatchObject({ start: 1000, end: 2589 })
  })

  it('leave 83 ms before a cue that follows closely, and let a cue stay 500 ms before a distant one', () => {
    const close = layOne([
      makeSegment('one two three four', 0, { speaker: 'A' }),
      makeSegment('five', 1200, { speaker: 'B' }),
    ])
    expect(close.map((cue) => [cue.start, cue.end])).toEqual([
      [0, 1117],
      [1200, 2033],
    ])
    const distant = layOne([makeSegment('one two three four', 0), makeSegment('five', 5000)])
    expect(distant[0]).toMatchObject({ start: 0, end: 1450 })
  })

  it('never begin before the end of the cue before', () => {
    const [cue] = layOne([makeSegment('Yes.', 1000)], {}, { end: 1500 })
    expect(cue).toMatchObject({ start: 1583, end: 1883 })
    const [late] = layOne([makeSegment('Yes.', 1000)], {}, { end: 9000 })
    expect(late).toMatchObject({ start: 9083, end: 9383 })
  })

  it('keep words of no length, and repair times that cannot be', () => {
    const words = makeWords('my own times are wrong').map((word, i) => ({
      ...word,
      start: [-5, 100.4, 50, Number.NaN, 400][i] ?? 0,
      end: [-1, 100.4, 20, 300, 399][i] ?? 0,
    }))
    const [cue] = layOne([makeSegment('', 0, { words })])
    expect(cue).toMatchObject({ start: 0, end: 900, lines: ['my own times are wrong'], words })
  })
})

describe('layoutCues on anything', () => {
  const ms = fc.oneof({ weight: 5, arbitrary: fc.nat(60_000) }, fc.integer(), fc.double())
  const plain = fc.constantFrom(
    'word',
    'sentence.',
    'and',
    'the',
    'Smith',
    '42',
    'minutes',
    'well,',
    '字幕',
    'これは',
    '。',
  )
  const word = fc.record({
    text: fc.oneof({ weight: 3, arbitrary: plain }, nastyText),
    start: ms,
    end: ms,
    confidence: fc.constant(1),
    final: fc.constant(true),
  })
  const spoken = fc
    .array(
      fc.record({ text: fc.oneof({ weight: 9, arbitrary: plain }, nastyText), gap: fc.nat(900), length: fc.nat(600) }),
    )
    .map((items) => {
      let at = 0
      return items.map(({ text, gap, length }) => {
        const start = at + gap
        at = start + length
        return { text, start, end: at, confidence: 1, final: true }
      })
    })
  const segment = fc.record(
    {
      speaker: fc.constantFrom('A', 'B', 'Agent with a very long name indeed, of many columns'),
      channel: fc.constantFrom('left', 'right'),
      language: fc.constantFrom('en', 'de-AT', 'ja', 'xx'),
      start: fc.nat(60_000),
      end: fc.nat(60_000),
      text: nastyText,
      words: fc.oneof(fc.array(word), spoken),
      turn: fc.constant({ order: 0, revision: 0 }),
    },
    { requiredKeys: ['start', 'end', 'text', 'words', 'turn'] },
  ) as fc.Arbitrary<Segment>
  const turns = fc.array(fc.array(segment, { maxLength: 4 }), { maxLength: 4 })
  const options = fc.record(
    {
      preset: fc.constantFrom('netflix', 'bbc', 'web-short', '608', 'live'),
      maxLineWidth: fc.integer({ min: 8, max: 60 }),
      maxLines: fc.constantFrom(1, 2),
      lookAhead: fc.integer({ min: 2, max: 30 }),
      minGap: fc.nat(200),
      maxDuration: fc.integer({ min: 500, max: 9000 }),
      labelAfter: fc.constantFrom(0, 100, 10_000),
      labels: fc.constantFrom('name', 'capitals', 'chevrons', 'none'),
      dashes: fc.boolean(),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<CueLayoutOptions>
  const next = fc.constantFrom(undefined, Infinity, 0, 70_000)
  const speakerOf = (one: Segment) => one.speaker ?? one.channel

  it('loses no word, mixes no speakers, overlaps nowhere, and keeps to the width', () => {
    fc.assert(
      fc.property(turns, options, next, fc.option(fc.nat(70_000), { nil: undefined }), (given, asked, after, end) => {
        const settings = layoutSettings(asked)
        const previous = end === undefined ? undefined : { end }
        const cues = layoutCues(given, asked, { previous, next: after })
        const segments = given.flat()
        expect(cues.flatMap((cue) => cue.words)).toEqual(segments.flatMap((one) => one.words))
        const speakers = new Map(segments.flatMap((one) => one.words.map((item) => [item, speakerOf(one)])))
        let shown: { end: number; speaker?: string } | undefined = previous
        let floor = end ?? 0
        for (const cue of cues) {
          const among = cue.lineSpeakers ?? [cue.speaker]
          for (const item of cue.words) expect(among).toContain(speakers.get(item))
          expect(Number.isSafeInteger(cue.start) && Number.isSafeInteger(cue.end)).toBe(true)
          expect(cue.start).toBeGreaterThanOrEqual(floor)
          expect(cue.end).toBeGreaterThan(cue.start)
          expect(cue.end - cue.start).toBeLessThanOrEqual(settings.maxDuration)
          floor = cue.end + settings.minGap
          const isPair = cue.lineSpeakers !== undefined
          expect(isPair && !(asked.dashes === true && cue.lines.length === 2 && cue.speaker === undefined)).toBe(false)
          expect(isPair && !cue.lines.every((line) => line.startsWith('-'))).toBe(false)
          expect(cue.lines.length).toBeLessThanOrEqual(settings.maxLines)
          const label = textWidth(cueLabel(cue, shown, settings))
          for (const [i, line] of cue.lines.entries()) {
            expect(line).not.toBe('')
            const isBreakable = i === 0 && /[^-] ./u.test(line)
            expect((isBreakable ? label : 0) + textWidth(line)).toBeLessThanOrEqual(settings.maxLineWidth)
          }
          if (cue.lines.length > 0) shown = cue
        }
        const texts = segments.map((one) =>
          (one.words.length > 0 ? one.words : [one]).map(({ text }) => cleanText(text)),
        )
        const shownText = cues.flatMap(({ lines, lineSpeakers }) =>
          lineSpeakers ? lines.map((line) => line.slice(1)) : lines,
        )
        expect(bare(shownText.join(''))).toBe(bare(texts.flat().join('')))
      }),
      { numRuns: runs(1500) },
    )
  })

  it('gives the same, however the turns come', () => {
    fc.assert(
      fc.property(turns, options, next, (given, asked, after) => {
        const layout = new CueLayout(layoutSettings(asked))
        const cues: UnnumberedCue[] = []
        for (const turn of given) {
          const out = layout.add(turn)
          const before = structuredClone(out)
          cues.push(...layout.add([]))
          expect(out).toEqual(before)
          cues.push(...out)
        }
        expect([...cues, ...layout.close(after)]).toEqual(layoutCues(given, asked, { next: after }))
      }),
      { numRuns: runs(500) },
    )
  })

  function bare(text: string): string {
    // A mark that stood behind a space may now belong to what stood before the space.
    return text.replaceAll(/[ \u00A0]/g, '').normalize('NFC')
  }
})
