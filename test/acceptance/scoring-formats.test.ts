import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RttmOptions } from '../../src/captions/formats/options.ts'
import { formatCtmSegment, formatStmSegment, RttmRuns, scoredWords } from '../../src/captions/formats/scoring.ts'
import type { Segment } from '../../src/model.ts'
import { makeSegment, makeWords } from '../captions/example-turn.ts'
import { NASTY, nastyText } from '../captions/nasty-text.ts'
import { spoken } from '../captions/segments.ts'

/** Our files in the hands of SCTK, the toolkit of NIST that reads these formats. */
const missing = spawnSync('sctk', ['path']).status !== 0
if (missing) console.warn('skipped: files for scoring read by SCTK, since it is not installed (apt-get install sctk)')

describe.skipIf(missing)('SCTK', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'scoring-formats-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  /** Writes `text` to a file called `name`, and returns its path. */
  function file(name: string, text: string): string {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }

  function sctk(...args: string[]): string {
    const { status, stdout, stderr } = spawnSync('sctk', args, { encoding: 'utf8' })
    expect(`${status} ${stderr}`).toBe('0 ')
    return stdout
  }

  const ctm = (segments: readonly Segment[]) => segments.map((segment) => formatCtmSegment(segment)).join('')
  const stm = (segments: readonly Segment[]) => segments.map((segment) => formatStmSegment(segment)).join('')
  const rttm = (segments: readonly Segment[], options?: RttmOptions) => {
    const runs = new RttmRuns(options)
    return segments.map((segment) => runs.add(segment)).join('') + runs.end()
  }

  /** What sclite finds of the words of `heard` in those of `said`. */
  function wordScores(said: readonly Segment[], heard: readonly Segment[]) {
    const [reference, hypothesis] = [file('said.stm', stm(said)), file('heard.ctm', ctm(heard))]
    const files = ['-r', reference, 'stm', '-h', hypothesis, 'ctm']
    const report = sctk('sclite', '-e', 'utf-8', ...files, '-o', 'rsum', 'stdout')
    const [, , words, correct, substituted, deleted, inserted] =
      /\| Sum +\| +(\d+) +(\d+) +\| +(\d+) +(\d+) +(\d+) +(\d+) /.exec(report) ?? []
    return [words, correct, substituted, deleted, inserted].map(Number)
  }

  /** Time with the wrong speaker, in percent, as md-eval finds it. */
  function diarizationError(reference: string, heard: string): number {
    const report = sctk('md-eval', '-r', file('said.rttm', reference), '-s', file('heard.rttm', heard))
    return Number(/OVERALL SPEAKER DIARIZATION ERROR = ([\d.]+) percent/.exec(report)?.[1])
  }

  const dialogue = [
    makeSegment("good morning it's a well-known lake", 0, { speaker: 'A' }),
    makeSegment('yes', 5000, { speaker: 'B' }),
    makeSegment('so they say', 8000),
  ]

  it('finds CTM, STM and RTTM valid', () => {
    const named = { unattributed: 'name' } as const
    expect(sctk('ctmValidator', '-i', file('plain.ctm', ctm(dialogue)))).toContain('Validated')
    sctk('stmValidator', '-i', file('plain.stm', stm(dialogue)))
    expect(sctk('rttmValidator', '-p', '-f', '-i', file('plain.rttm', rttm(dialogue, named)))).not.toContain('ERROR')
  })

  it('counts the words that differ', () => {
    expect(wordScores(dialogue, dialogue)).toEqual([10, 10, 0, 0, 0])
    const misheard = [
      makeSegment('good mourning its a well-known lake', 0),
      makeSegment('yes', 5000),
      makeSegment('so say', 8000),
    ]
    expect(wordScores(dialogue, misheard)).toEqual([10, 7, 2, 1, 0])
  })

  it('finds all words of any text, in both formats alike', () => {
    const texts = [...NASTY, ...NASTY.map((text) => `before ${text} after`), ...fc.sample(nastyText, 300)]
    const segments = texts.map((text, i) => {
      const start = i * 2000
      const words = [
        ...makeWords('so', start),
        { text, start: start + 250, end: start + 450, confidence: 1, final: true },
      ]
      return makeSegment('', start, {
        words,
        text: words.map((word) => word.text).join(' '),
        speaker: i % 2 ? 'A' : 'B',
      })
    })
    const count = segments.flatMap((segment) => scoredWords(segment.text)).length
    expect(wordScores(segments, segments)).toEqual([count, count, 0, 0, 0])
  })

  it('measures the time with the wrong speaker', () => {
    const reference = rttm([spoken('A', 0, 40_000), spoken('B', 41_000, 80_000), spoken('A', 81_000, 102_000)])
    expect(diarizationError(reference, reference)).toBe(0)
    // Other labels are the same speakers; a quarter of a hundred seconds is given to the wrong one.
    const heard = [spoken('C', 0, 40_000), spoken('D', 41_000, 55_000), spoken('C', 55_000, 80_000)]
    expect(diarizationError(reference, rttm([...heard, spoken('C', 81_000, 102_000)]))).toBe(25)
  })
})
