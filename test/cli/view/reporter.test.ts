import { CertaintyCount } from '../../../src/certainty.ts'
import { eventLine, JsonEvents, summaryLines, unusedNames } from '../../../src/cli/view/reporter.ts'
import { SessionError } from '../../../src/errors.ts'
import { makeTurn } from '../../captions/example-turn.ts'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'

const summary = {
  audioMs: 46_140,
  turns: 2,
  speakers: ['A', 'B'],
  languages: [],
  certainty: new CertaintyCount().figures,
  gaps: [],
  reconnects: 0,
  elapsedMs: 5000,
}

it('sums up a plain success in one line', () => {
  expect(summaryLines(summary, { names: { A: 'Alice' }, files: [], replaced: [], interrupted: false })).toEqual([
    '46.1 s of audio in 5.0 s: 2 turns, 2 speakers (Alice, Speaker B)',
  ])
})

it('calls speakers as a voice book does, unless they were given other names', () => {
  const named = { ...summary, speakers: ['A', 'B', 'C'], speakerNames: { A: 'Alice', B: 'Bob' } }
  expect(summaryLines(named, { names: { A: 'Ms Lee' }, files: [], replaced: [], interrupted: false })).toEqual([
    '46.1 s of audio in 5.0 s: 2 turns, 3 speakers (Ms Lee, Bob, Speaker C)',
  ])
})

it('names the languages that were heard', () => {
  const lines = summaryLines(
    { ...summary, languages: ['de', 'en'] },
    { names: {}, files: [], replaced: [], interrupted: false },
  )
  expect(lines[1]).toBe('heard: German (de), English (en)')
})

it('says what was not as it should be, and what was written', () => {
  const gaps = [
    { start: 1000, end: 2500 },
    { start: 60_000, end: 60_001, channel: 'Agent\u001B[2J' },
    { start: 61_000, end: 61_000, missing: 2500 },
  ]
  const facts = { names: {}, files: ['a.srt', 'b\u0007.vtt'], replaced: ['a.srt'], interrupted: true }
  expect(summaryLines({ ...summary, speakers: [], gaps, reconnects: 1 }, facts)).toEqual([
    '46.1 s of audio in 5.0 s: 2 turns, 0 speakers',
    'ended by a signal; complete for the first 46.1 s',
    'reconnected 1 time',
    'missing: 1.000 s to 2.500 s',
    'missing: 60.000 s to 60.001 s on Agent[2J',
    'missing: 61.000 s to 61.000 s, 2.500 s in all',
    'wrote a.srt (replaced), b.vtt',
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

it('writes events as lines of JSON, errors with their code, and nothing that commands a terminal', () => {
  const error = new SessionError('CONNECTION_LOST', 'lost', { retryable: true })
  const line = eventLine('reconnecting', { attempt: 1, error, odd: '\u001B[2J\u009B2J\u2028\n' })
  expect(line).not.toMatch(/[^\P{Cc}\n]|\u2028/u)
  expect(line.indexOf('\n')).toBe(line.length - 1)
  expect(JSON.parse(line)).toEqual({
    type: 'reconnecting',
    attempt: 1,
    error: { code: 'CONNECTION_LOST', message: 'lost', retryable: true },
    odd: '\u001B[2J\u009B2J\u2028\n',
  })
})

it('rounds what would be more exact than it is', () => {
  const line = eventLine('progress', { audioMs: 1000, speed: 0.7479431563201197, pctLines: 99.987_654 })
  expect(JSON.parse(line)).toEqual({ type: 'progress', audioMs: 1000, speed: 0.75, pctLines: 99.99 })
})

it('writes turns and events in the order in which they come', async () => {
  const target = new PassThrough()
  const events = new JsonEvents(target, { A: 'Alice' })
  events.event('session', { sessionId: 's' })
  events.turn({ ...makeTurn(0, 'A:on'), endOfTurn: false })
  const one = makeTurn(0, 'A:one')
  const words = one.words.map((word) => ({ ...word, confidence: 0.938_274_145_126_342_8 }))
  await new Promise((resolve) => events.write({ ...one, speaker: 'A', words }, resolve))
  events.event('summary')
  target.end()
  const records = (await text(target))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(records.map(({ type, endOfTurn }) => [type, endOfTurn])).toEqual([
    ['session', undefined],
    ['turn', false],
    ['turn', true],
    ['summary', undefined],
  ])
  expect(records[2]).toMatchObject({ name: 'Alice', transcript: 'one', words: [{ text: 'one', confidence: 0.94 }] })
})

it('fails when its reader goes away, also between turns', async () => {
  const target = new PassThrough()
  const events = new JsonEvents(target, {})
  const failed = new Promise((resolve) => events.once('error', resolve))
  const gone = new Error('write EPIPE')
  target.destroy(gone)
  expect(await failed).toBe(gone)
  events.event('progress')
})
