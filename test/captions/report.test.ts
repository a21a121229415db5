import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { captionReport, CaptionReporter, formatCaptionReport } from '../../src/captions/report.ts'
import type { Cue, Word } from '../../src/index.ts'

function words(text: string, speaker?: string): Word[] {
  return text.split(' ').map((word) => ({
    text: word,
    start: 0,
    end: 0,
    confidence: 1,
    ...(speaker !== undefined && { speaker }),
    final: true,
  }))
}

/** A cue that keeps to all limits unless told otherwise. */
function cue(given: Partial<Cue> & { start: number }): Cue {
  return {
    index: 1,
    end: given.start + 2000,
    speaker: 'A',
    lines: ['Good morning.'],
    words: words('Good morning.', 'A'),
    ...given,
  }
}

const good = [cue({ start: 0 }), cue({ start: 2083 }), cue({ start: 6000 })]

describe('captionReport()', () => {
  it('finds nothing wrong with cues that keep to the limits', () => {
    expect(captionReport(good, { words: 6 })).toEqual({
      limits: expect.objectContaining({ preset: 'netflix', maxLineWidth: 42, minDuration: 833, minGap: 83 }),
      cues: 3,
      wordsIn: 6,
      wordsOut: 6,
      pctLineWidth: 100,
      pctLines: 100,
      pctTargetSpeed: 100,
      pctMaxSpeed: 100,
      pct21Speed: 100,
      pctDuration: 100,
      shortest: 2000,
      longest: 2000,
      flashCues: 0,
      minGap: 83,
      tightGaps: 0,
      looseGaps: 0,
      overlaps: 0,
      mixedSpeakerCues: 0,
      functionWordEnds: 0,
    })
  })

  it('reports on no cues', () => {
    const report = captionReport([])
    expect(report).toMatchObject({ cues: 0, wordsOut: 0, pctLineWidth: 100, pctDuration: 100, flashCues: 0 })
    for (const absent of ['wordsIn', 'shortest', 'longest', 'minGap']) expect(report).not.toHaveProperty(absent)
  })

  it('counts the label in the width of the first line, where it is shown', () => {
    const wide = 'x'.repeat(40)
    const cues = [0, 3000].map((start) => cue({ start, lines: [wide, wide] }))
    expect(captionReport(cues, { speakers: { A: 'Al' } }).pctLineWidth).toBe(50)
    expect(captionReport(cues, { speakers: { A: 'Al' }, maxLineWidth: 44 }).pctLineWidth).toBe(100)
    expect(captionReport(cues, { labels: 'none' }).pctLineWidth).toBe(100)
    expect(captionReport(cues, { labels: 'none', maxLines: 1 }).pctLines).toBe(0)
    expect(captionReport([cue({ start: 0, lines: ['漢'.repeat(22)] })], { labels: 'none' }).pctLineWidth).toBe(0)
  })

  it('measures reading speed without the label, a line break as a space', () => {
    const speed = (characters: number) => {
      const lines = ['x'.repeat(9), 'x'.repeat(characters - 10)]
      const { pctTargetSpeed, pctMaxSpeed, pct21Speed } = captionReport([cue({ start: 0, end: 1000, lines })])
      return [pctTargetSpeed, pctMaxSpeed, pct21Speed]
    }
    expect(speed(17)).toEqual([100, 100, 100])
    expect(speed(20)).toEqual([0, 100, 100])
    expect(speed(21)).toEqual([0, 0, 100])
    expect(speed(22)).toEqual([0, 0, 0])
  })

  it('holds durations against the least, the most and the least for each word', () => {
    const durations = [832, 833, 7000, 7001].map((duration, i) =>
      cue({ start: i * 10_000, end: i * 10_000 + duration }),
    )
    expect(captionReport(durations)).toMatchObject({ pctDuration: 50, flashCues: 1, shortest: 832, longest: 7001 })
    const many = cue({ start: 0, end: 2000, words: words('one two three four five six seven', 'A') })
    expect(captionReport([many], { preset: 'bbc' }).pctDuration).toBe(0)
    expect(captionReport([many], { preset: 'bbc', minDurationPerWord: 0 }).pctDuration).toBe(100)
  })

  it('tells gaps that are too short, gaps that flicker and overlaps from good gaps', () => {
    const starts = [0, 2000, 4082, 6165, 8249, 10_748, 13_248, 15_200]
    const report = captionReport(starts.map((start) => cue({ start })))
    expect(report).toMatchObject({ tightGaps: 2, looseGaps: 2, overlaps: 1, minGap: 0 })
  })

  it('sees an overlap with a cue before the last one', () => {
    const cues = [cue({ start: 0, end: 9000 }), cue({ start: 9083 }), cue({ start: 10_000, end: 10_500 })]
    const nested = [cue({ start: 0, end: 9000 }), cue({ start: 1000, end: 2000 }), cue({ start: 3000, end: 4000 })]
    expect(captionReport(cues).overlaps).toBe(1)
    expect(captionReport(nested).overlaps).toBe(2)
  })

  it('counts cues that mix speakers, and takes two speakers on two lines for what they are', () => {
    const both = [...words('Good morning.', 'A'), ...words('Hello.', 'B')]
    const { speaker: _, ...dashes } = cue({ start: 0, words: both, lines: ['-Good morning.', '-Hello.'] })
    const mixed = (given: Cue) => captionReport([given]).mixedSpeakerCues
    expect(mixed(cue({ start: 0, words: both }))).toBe(1)
    expect(mixed(cue({ start: 0, words: words('Hello.', 'B') }))).toBe(1)
    expect(mixed(dashes)).toBe(1)
    expect(mixed({ ...dashes, lineSpeakers: ['A', 'B'] })).toBe(0)
    expect(mixed({ ...dashes, lineSpeakers: ['A', 'C'] })).toBe(1)
    expect(mixed(cue({ start: 0, words: [...words('Good', 'A'), ...words('morning.')] }))).toBe(0)
    expect(mixed(cue({ start: 0, words: words('Good morning.', 'UNKNOWN') }))).toBe(0)
    expect(mixed(cue({ start: 0, words: both.map((word) => ({ ...word, final: false })) }))).toBe(0)
  })

  it('counts cues that end on a function word, in the language given', () => {
    const ends = (text: string, language?: string) =>
      captionReport(
        [cue({ start: 0, lines: [text], words: words(text, 'A') })],
        language === undefined ? {} : { language },
      ).functionWordEnds
    expect(ends('this is the')).toBe(1)
    expect(ends('this is The')).toBe(1)
    expect(ends('this is it.')).toBe(0)
    expect(ends('das ist der')).toBe(0)
    expect(ends('das ist der', 'de-AT')).toBe(1)
    expect(ends('das ist der', 'xx')).toBe(0)
  })

  it('takes cues one by one and reports at any time', () => {
    const reporter = new CaptionReporter({ words: 6 })
    expect(reporter.report().cues).toBe(0)
    for (const [i, one] of good.entries()) {
      reporter.add(one)
      expect(reporter.report()).toEqual(captionReport(good.slice(0, i + 1), { words: 6 }))
    }
  })

  it('refuses options that do not exist or are wrong', () => {
    expect(() => captionReport([], { words: -1 })).toThrow(
      'captionReport.words, when given, must be an integer of at least 0',
    )
    expect(() => captionReport([], { maxLineWidth: 1 })).toThrow('captionReport.maxLineWidth, when given')
    expect(() => captionReport([], { lineWidth: 42 } as object)).toThrow('captionReport has no option lineWidth')
  })

  it('keeps every percentage from 0 to 100 and every count within the cues', () => {
    const time = fc.nat(20_000)
    const anyCue = fc
      .record({ start: time, duration: fc.integer({ min: 1, max: 9000 }), text: fc.string({ minLength: 1 }) })
      .map(({ start, duration, text }) => cue({ start, end: start + duration, lines: [text], words: words(text, 'B') }))
    fc.assert(
      fc.property(fc.array(anyCue), (cues) => {
        const report = captionReport(cues)
        const percentages = Object.entries(report).flatMap(([name, value]) => (name.startsWith('pct') ? [value] : []))
        expect(percentages).toHaveLength(6)
        for (const value of percentages) {
          expect(value).toBeLessThanOrEqual(100)
          expect(value).toBeGreaterThanOrEqual(0)
        }
        const { tightGaps, looseGaps, overlaps, flashCues, mixedSpeakerCues } = report
        expect(tightGaps + looseGaps + overlaps).toBeLessThanOrEqual(Math.max(0, cues.length - 1))
        expect(flashCues).toBeLessThanOrEqual(cues.length)
        expect(mixedSpeakerCues).toBe(cues.length)
      }),
    )
  })
})

describe('formatCaptionReport()', () => {
  it('puts the report into aligned lines', () => {
    expect(formatCaptionReport(captionReport(good, { words: 6 }))).toMatchInlineSnapshot(`
      "captions    3 cues, 6 of 6 words, held against netflix
      lines       100.0 % fit 42 columns, 100.0 % have at most 2
      speed       100.0 % at most 17 characters/s, 100.0 % at most 20, 100.0 % at most 21
      duration    100.0 % from 833 to 7000 ms, shortest 2000 ms, longest 2000 ms, 0 flashes
      gaps        least 83 ms, 0 below 83 ms, 0 between 83 and 500 ms, 0 overlaps
      speakers    0 cues mix speakers
      last words  0 cues end on a word that wants another"
    `)
  })

  it('leaves out what there is not', () => {
    const text = formatCaptionReport(captionReport([], { preset: 'bbc' }))
    expect(text).not.toContain('undefined')
    expect(text).toContain('0 words')
    expect(text).toContain('1000 and 300 ms a word')
  })

  it('never rounds a missed target up to 100 %', () => {
    const cues = Array.from({ length: 3000 }, (_, i) => cue({ start: i * 3000, end: i * 3000 + (i === 0 ? 10 : 2000) }))
    expect(formatCaptionReport(captionReport(cues))).toContain('99.9 % from 833')
  })
})

it('refuses what are no options', () => {
  expect(() => captionReport([], null as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
})
