import { asField, rttmChecks, type RttmOptions, scoringChecks } from '../../../src/captions/formats/options.ts'
import {
  asSeconds,
  formatCtmSegment,
  formatStmSegment,
  recordingFields,
  RttmRuns,
  scoredWords,
  speakerField,
} from '../../../src/captions/formats/scoring.ts'
import { wholeTimes } from '../../../src/captions/formats/timestamps.ts'
import { cleanLine } from '../../../src/captions/text.ts'
import type { Segment } from '../../../src/model.ts'
import { checkOptions } from '../../../src/options.ts'
import { makeSegment } from '../example-turn.ts'
import { linesOf, nastySegments, spoken } from '../segments.ts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../../helpers/runs.ts'

describe('asField', () => {
  it('has no white space of any kind, and no comment', () => {
    expect(asField(' Dr.\tAlice\u00A0\u3000Smith\u2028')).toBe('Dr._Alice_Smith')
    expect(asField('a;;;b')).toBe('a;b')
    expect(asField('\u200B\n')).toBe('')
  })
})

describe('recordingFields', () => {
  it('names the channel, or calls it 1', () => {
    expect(recordingFields(spoken('A', 0, 1), {})).toBe('audio 1')
    expect(recordingFields(spoken('A', 0, 1, { channel: 'Line 2' }), { file: 'talk' })).toBe('talk Line_2')
    expect(recordingFields(spoken('A', 0, 1, { channel: '\u0000' }), {})).toBe('audio 1')
  })
})

describe('speakerField', () => {
  it('is the display name, where there is a speaker', () => {
    expect(speakerField(spoken('A', 0, 1), { speakers: { A: 'Al Bo' } })).toBe('Al_Bo')
    expect(speakerField(spoken('B', 0, 1), {})).toBe('Speaker_B')
    expect(speakerField(spoken('UNKNOWN', 0, 1), {})).toBeUndefined()
    expect(speakerField(spoken(undefined, 0, 1), {})).toBeUndefined()
  })
})

describe('asSeconds', () => {
  it('is exact', () => {
    expect([0, 7, 999, 1000, 59_999, 108_000_001].map(asSeconds)).toEqual([
      '0.000',
      '0.007',
      '0.999',
      '1.000',
      '59.999',
      '108000.001',
    ])
  })
})

describe('wholeTimes', () => {
  it('repairs times that no file can hold', () => {
    expect(wholeTimes({ start: 1.4, end: 2.6 })).toEqual({ start: 1, end: 3 })
    expect(wholeTimes({ start: -5, end: -9 })).toEqual({ start: 0, end: 0 })
    expect(wholeTimes({ start: 50, end: Number.NaN }, 70)).toEqual({ start: 70, end: 70 })
    expect(wholeTimes({ start: Infinity, end: 1e300 })).toEqual({ start: 0, end: 0 })
  })
})

describe('scoredWords', () => {
  it('are parted by any white space, and have nothing that scoring tools read as their own', () => {
    expect(scoredWords(' one\u00A0two\u3000three\n{four} \u200B ;; five;')).toEqual([
      'one',
      'two',
      'three',
      '[four]',
      ';',
      'five;',
    ])
  })
})

describe('scoringChecks', () => {
  it('refuse wrong values', () => {
    const check = (options: object) => checkOptions('stmSink()', options, scoringChecks)
    check({})
    check({ file: 'talk-1.wav', speakers: { A: 'Alice' } })
    expect(() => check({ file: 'a;;b' })).toThrow(/^file, when given, must be/)
    expect(() => check({ speakers: { A: '' } })).toThrow(/^speakers\.A, when given, must be/)
  })
})

function rttm(segments: readonly Segment[], options?: RttmOptions): string {
  const runs = new RttmRuns(options)
  return segments.map((segment) => runs.add(segment)).join('') + runs.end()
}

/** `name start end` of each line, in milliseconds. */
function runsOf(text: string): string[] {
  return linesOf(text).map((line) => {
    const [, , , start = '', duration = '', , , name] = line.split(' ')
    const from = Math.round(Number(start) * 1000)
    return `${name} ${from} ${from + Math.round(Number(duration) * 1000)}`
  })
}

describe('RttmRuns', () => {
  it('writes ten fields a line', () => {
    expect(rttm([spoken('A', 1040, 62_345), spoken('Agent/B', 70_000, 70_007, { channel: 'Line 1' })])).toBe(
      'SPEAKER audio 1 1.040 61.305 <NA> <NA> Speaker_A <NA> <NA>\n' +
        'SPEAKER audio Line_1 70.000 0.007 <NA> <NA> Agent/B <NA> <NA>\n',
    )
    expect(rttm([spoken('A', 0, 1000)], { file: 'talk', speakers: { A: 'Dr. Alice\u00A0Smith' } })).toBe(
      'SPEAKER talk 1 0.000 1.000 <NA> <NA> Dr._Alice_Smith <NA> <NA>\n',
    )
  })

  it('merges runs of one speaker nearer than mergeBelow', () => {
    const segments = [spoken('A', 0, 1000), spoken('A', 1249, 2000), spoken('A', 2250, 3000)]
    expect(runsOf(rttm(segments))).toEqual(['Speaker_A 0 2000', 'Speaker_A 2250 3000'])
    expect(runsOf(rttm(segments, { mergeBelow: 251 }))).toEqual(['Speaker_A 0 3000'])
    expect(runsOf(rttm(segments, { mergeBelow: 0 }))).toHaveLength(3)
    expect(runsOf(rttm([spoken('A', 0, 1000), spoken('A', 500, 900)], { mergeBelow: 0 }))).toHaveLength(2)
  })

  it('merges across another speaker, but not across channels', () => {
    expect(runsOf(rttm([spoken('A', 0, 1000), spoken('B', 1000, 1100), spoken('A', 1100, 2000)]))).toEqual([
      'Speaker_A 0 2000',
      'Speaker_B 1000 1100',
    ])
    const channels = [spoken('A', 0, 1000, { channel: 'x' }), spoken('A', 1000, 2000, { channel: 'y' })]
    expect(runsOf(rttm(channels))).toHaveLength(2)
  })

  it('writes a run with the first segment that begins too late for it', () => {
    const runs = new RttmRuns()
    expect(runs.add(spoken('A', 0, 1000))).toBe('')
    expect(runs.add(spoken('B', 1100, 2000))).toBe('')
    expect(runsOf(runs.add(spoken('B', 2100, 3000)))).toEqual(['Speaker_A 0 1000'])
    expect(runsOf(runs.add(spoken(undefined, 3250, 4000)))).toEqual(['Speaker_B 1100 3000'])
    expect(runs.end()).toBe('')
  })

  it('keeps the order of starts behind a long run, and for a segment that comes late', () => {
    const late = [spoken('A', 1000, 9000), spoken('B', 2000, 3000), spoken('C', 500, 700), spoken('A', 9100, 9500)]
    expect(runsOf(rttm(late))).toEqual(['Speaker_C 500 700', 'Speaker_A 1000 9500', 'Speaker_B 2000 3000'])
  })

  it('leaves out unattributed runs and runs of no length, unless told otherwise', () => {
    const segments = [spoken(undefined, 0, 1000), spoken('UNKNOWN', 1000, 1200), spoken('A', 3000, 3000)]
    expect(rttm(segments)).toBe('')
    expect(runsOf(rttm(segments, { unattributed: 'name' }))).toEqual(['unknown 0 1200'])
  })

  it('holds no more than a bounded number of runs behind one without end', () => {
    const runs = new RttmRuns()
    runs.add(spoken('A', 0, 1e12))
    let text = ''
    for (let i = 1; i <= 1100; i++) text += runs.add(spoken(i % 2 ? 'B' : 'C', i * 1000, i * 1000 + 500))
    expect(runsOf(text)[0]).toBe('Speaker_A 0 1000000000000')
    expect(linesOf(text + runs.end())).toHaveLength(1101)
  })

  it('goes on from its state as from itself', () => {
    const runs = new RttmRuns()
    runs.add(spoken('A', 0, 1000))
    const copy = new RttmRuns({}, runs.state)
    const rest = (one: RttmRuns) => one.add(spoken('A', 1100, 2000)) + one.end()
    expect(rest(copy)).toBe(rest(runs))
  })

  it('makes lines that parse back and cover the same speech, for any segments', () => {
    const line = /^SPEAKER talk \S+ \d+\.\d{3} \d+\.\d{3} <NA> <NA> \S+ <NA> <NA>$/u
    fc.assert(
      fc.property(nastySegments, fc.integer({ min: 0, max: 1000 }), (segments, mergeBelow) => {
        const options = { file: 'talk', mergeBelow, unattributed: 'name' as const }
        const lines = linesOf(rttm(segments, options))
        for (const one of lines) expect(one).toMatch(line)
        const runs = runsOf(lines.map((one) => `${one}\n`).join(''))
        for (const { start, end } of segments) {
          if (end <= start) continue
          const isCovered = runs.some((run) => {
            const [, from, to] = run.split(' ').map(Number)
            return (from ?? 0) <= start && (to ?? 0) >= end
          })
          expect(isCovered).toBe(true)
        }
      }),
      { numRuns: runs(300) },
    )
  })

  it('leaves no two runs of a speaker nearer than mergeBelow where segments come in order', () => {
    const inOrder = fc.array(
      fc.record({
        speaker: fc.constantFrom('A', 'B'),
        step: fc.nat({ max: 700 }),
        length: fc.integer({ min: 1, max: 900 }),
      }),
    )
    fc.assert(
      fc.property(inOrder, (steps) => {
        let start = 0
        const segments = steps.map(({ speaker, step, length }) => spoken(speaker, (start += step), start + length))
        const runs = runsOf(rttm(segments)).map((run) => run.split(' '))
        const starts = runs.map((run) => Number(run[1]))
        expect(starts).toEqual(starts.toSorted((a, b) => a - b))
        for (const [i, [name, , end]] of runs.entries()) {
          const next = runs.slice(i + 1).find((run) => run[0] === name)?.[1] ?? Infinity
          expect(Number(next) - Number(end)).toBeGreaterThanOrEqual(250)
        }
      }),
    )
  })
})

describe('rttmChecks', () => {
  it('refuse wrong values', () => {
    const check = (options: object) => checkOptions('rttmSink()', options, rttmChecks)
    check({ file: 'talk-1.wav', mergeBelow: 0, unattributed: 'name', speakers: { A: 'Alice' } })
    for (const file of ['', 'my talk', 'a\u00A0b', ';;x', 'a\n', ' a']) {
      expect(() => check({ file })).toThrow(/^file, when given, must be/)
    }
    expect(() => check({ mergeBelow: -1 })).toThrow(/^mergeBelow, when given, must be/)
    expect(() => check({ unattributed: 'keep' })).toThrow(/^unattributed, when given, must be/)
  })
})

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
      { numRuns: runs(300) },
    )
  })
})

describe('formatStmSegment', () => {
  it('keeps words apart where their script does not', () => {
    const words = ['大家', '好。'].map((text) => ({ text, start: 0, end: 100, final: true }))
    expect(formatStmSegment(makeSegment('', 0, { text: '大家好。', words }))).toMatch(/ 大家 好。\n$/)
    expect(formatStmSegment(makeSegment('', 0, { text: '再见。', words }))).toMatch(/ 再见。\n$/)
  })

  it('drops the end of a direction of writing with its beginning', () => {
    expect(formatStmSegment(makeSegment('b \u2067 word\u2069'))).toMatch(/ b word\n$/)
  })

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
            // Marks of direction whose counterpart went with a word of nothing else go, too.
            const visible = (word: string, i: number): string =>
              (i === 0 ? word.replace(/^‹/, '<') : word).replaceAll(/[\u202A-\u202E\u2066-\u2069]/g, '')
            expect(text.split(/\s/u).map(visible)).toEqual(words.map(visible))
          }
        }
      }),
      { numRuns: runs(300) },
    )
  })
})
