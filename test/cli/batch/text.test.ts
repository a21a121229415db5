import { describe, expect, it } from 'vitest'
import type { CaptionResult } from '../../../src/batch/caption-one.ts'
import type { CaptionJob } from '../../../src/batch/plan.ts'
import { overviewLine, resultLine, tableLines, tallyOf, underWayLine } from '../../../src/cli/batch/text.ts'
import { CertaintyCount } from '../../../src/certainty.ts'
import { InputError } from '../../../src/errors.ts'
import type { RunSummary } from '../../../src/pipeline/progress.ts'

const job = (index: number, input = `${index}.mp4`, bytes = 100): CaptionJob => {
  return { index, input, bytes, outputs: [], isDone: false }
}
const summary = (gaps: RunSummary['gaps'] = []): RunSummary => {
  const { figures: certainty } = new CertaintyCount()
  const heard = { audioMs: 65_000, turns: 12, speakers: ['A', 'B'], languages: [], certainty }
  return { ...heard, gaps, reconnects: 0, elapsedMs: 5000 }
}
const done = (index: number, gaps: RunSummary['gaps'] = []): CaptionResult => {
  return { status: 'done', job: job(index), files: [], summary: summary(gaps) }
}
const failed = (index: number, message: string): CaptionResult => {
  return { status: 'failed', job: job(index), files: [], partFiles: [], error: new InputError('NO_AUDIO', message) }
}

describe('lines on many inputs', () => {
  it('say what has become of each', () => {
    expect(resultLine(done(1))).toBe('done 1.mp4: 1:05 in 0:05, 12 turns, 2 speakers')
    expect(resultLine(done(1, [{ start: 0, end: 1500 }]))).toContain(', 1.5 s not heard')
    expect(resultLine(failed(2, 'it is damaged. FFmpeg said:\nmuch'))).toBe('failed 2.mp4: it is damaged')
    expect(resultLine({ status: 'skipped', job: job(3), files: [] })).toBeUndefined()
    const stopped: CaptionResult = {
      status: 'stopped',
      job: job(4),
      files: [],
      partFiles: ['4.srt.part'],
      summary: summary(),
    }
    expect(resultLine(stopped)).toBe('stopped 4.mp4: 1:05 in 0:05, 12 turns, 2 speakers; 4.srt.part')
    expect(resultLine({ ...failed(5, 'evil\u001B[2J'), job: job(5, 'a\u001B[2J.mp4') })).not.toContain('\u001B')
  })

  it('are a table at the end, with a line for the whole', () => {
    const results = [failed(2, 'bad'), done(0), done(1, [{ start: 0, end: 1 }])]
    const tally = tallyOf(results, 9, 4, 70_000)
    expect(tally).toMatchObject({ done: 2, withGaps: 1, failed: 1, skipped: 4, stopped: 0, notBegun: 2 })
    expect(tableLines(results, tally)).toEqual([
      '        audio  took  turns  speakers',
      'done     1:05  0:05     12         2  0.mp4',
      'gaps     1:05  0:05     12         2  1.mp4',
      'failed                                2.mp4',
      '9 inputs: 2 done, 1 of them with gaps, 4 there already, 1 failed, 2 not begun; 2:10 of audio in 1:10',
    ])
  })

  it('leave out of a long table what went well', () => {
    const many = [...Array.from({ length: 300 }, (_, at) => done(at)), failed(300, 'bad')]
    const lines = tableLines(many, tallyOf(many, 301, 0, 1000))
    expect(lines).toHaveLength(3)
    expect(lines[1]).toContain('300.mp4')
    const worse = Array.from({ length: 300 }, (_, at) => failed(at, 'bad'))
    const shown = tableLines(worse, tallyOf(worse, 300, 0, 1000))
    expect(shown).toHaveLength(203)
    expect(shown.at(-2)).toBe('… and 100 more')
  })

  it('tell by the sizes of files how long the whole will take', () => {
    const progress = { audioMs: 700, doneMs: 500, totalMs: 1000, turns: 0, speakers: [], speed: 1, elapsedMs: 500 }
    const underWay = [{ job: job(1), progress }]
    const line = overviewLine({ tally: tallyOf([done(0)], 4, 1, 30_000), doneBytes: 100, workBytes: 300, underWay }, 80)
    expect(line).toBe(`${'█'.repeat(12)}${'░'.repeat(12)}   50 %  2 of 4  30 s left`)
    expect(underWayLine(underWay[0]!, 60)).toMatch(/^1\.mp4 {2}█+░+ {2}50 % {2}0:00 of 0:01 {2}1 s left/)
    for (const width of [17, 30, 60]) expect(underWayLine(underWay[0]!, width).length).toBeLessThanOrEqual(width)
  })
})
