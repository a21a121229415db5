import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { eventLine, JsonEvents } from '../../src/cli/json-events.ts'
import { SessionError } from '../../src/errors.ts'
import { makeTurn } from '../captions/example-turn.ts'

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

it('writes turns and events in the order in which they come', async () => {
  const target = new PassThrough()
  const events = new JsonEvents(target, { A: 'Alice' })
  events.event('session', { sessionId: 's' })
  events.partial({ ...makeTurn(0, 'A:on'), endOfTurn: false })
  await new Promise((resolve) => events.write({ ...makeTurn(0, 'A:one'), speaker: 'A' }, resolve))
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
  expect(records[2]).toMatchObject({ name: 'Alice', transcript: 'one' })
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
