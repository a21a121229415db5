import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkRttmOptions, RttmRuns, type RttmOptions } from '../../src/captions/rttm.ts'
import type { Segment } from '../../src/model.ts'
import { linesOf, nastySegments, spoken } from './segments.ts'

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

  it('goes on from a copy as from itself', () => {
    const runs = new RttmRuns()
    runs.add(spoken('A', 0, 1000))
    const copy = runs.copy()
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
      { numRuns: 300 },
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

describe('checkRttmOptions', () => {
  it('refuses wrong values', () => {
    checkRttmOptions({ file: 'talk-1.wav', mergeBelow: 0, unattributed: 'name', speakers: { A: 'Alice' } })
    for (const file of ['', 'my talk', 'a\u00A0b', ';;x', 'a\n', ' a']) {
      expect(() => checkRttmOptions({ file })).toThrow(/^file, when given, must be/)
    }
    expect(() => checkRttmOptions({ mergeBelow: -1 }, 'rttm.')).toThrow(/^rttm\.mergeBelow, when given, must be/)
    expect(() => checkRttmOptions({ unattributed: 'keep' as 'skip' })).toThrow(/^unattributed, when given, must be/)
  })
})
