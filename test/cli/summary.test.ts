import { expect, it } from 'vitest'
import { summaryLines, unusedNames } from '../../src/cli/summary.ts'

const summary = {
  seconds: 46.14,
  turns: 2,
  speakers: ['A', 'B'],
  languages: [],
  gaps: [],
  reconnects: 0,
  elapsedSeconds: 5,
}

it('sums up a plain success in one line', () => {
  expect(summaryLines(summary, { names: { A: 'Alice' }, files: [], interrupted: false })).toEqual([
    '46.1 s of audio in 5.0 s: 2 turns, 2 speakers (Alice, Speaker B)',
  ])
})

it('names the languages that were heard', () => {
  const lines = summaryLines({ ...summary, languages: ['de', 'en'] }, { names: {}, files: [], interrupted: false })
  expect(lines[1]).toBe('heard: German (de), English (en)')
})

it('says what was not as it should be, and what was written', () => {
  const gaps = [
    { start: 1000, end: 2500 },
    { start: 60_000, end: 60_001, channel: 'Agent\u001B[2J' },
  ]
  const facts = { names: {}, files: ['a.srt', 'b\u0007.vtt'], interrupted: true }
  expect(summaryLines({ ...summary, speakers: [], gaps, reconnects: 1 }, facts)).toEqual([
    '46.1 s of audio in 5.0 s: 2 turns, 0 speakers',
    'ended by a signal; complete for the first 46.1 s',
    'reconnected 1 time',
    'missing: 1.000 s to 2.500 s',
    'missing: 60.000 s to 60.001 s on Agent[2J',
    'wrote a.srt, b.vtt',
  ])
})

it('says whose name was given and never needed', () => {
  expect(unusedNames({ A: 'Alice', B: 'Bob' }, ['A', 'B', 'C'])).toBeUndefined()
  expect(unusedNames({}, [])).toBeUndefined()
  expect(unusedNames({ A: 'Alice', speaker_0: 'Bob', c: 'Cy' }, ['A'])).toEqual({
    code: 'NAME_UNUSED',
    message: '--names has a name for speaker_0, c, who never spoke; heard were A',
    labels: ['speaker_0', 'c'],
  })
  expect(unusedNames({ A: 'Alice' }, [])?.message).toBe('--names has a name for A, who never spoke; nobody was heard')
})
