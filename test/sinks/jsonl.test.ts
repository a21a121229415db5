import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Readable, Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import type { Place } from '../../src/checkpoint/checkpoint.ts'
import { CommitRequest } from '../../src/checkpoint/stages.ts'
import { jsonlSink } from '../../src/sinks/jsonl.ts'
import { layout } from '../../src/transforms/layout.ts'
import { segment } from '../../src/transforms/segment.ts'
import { exampleTurn, makeTurn } from '../captions/example-turn.ts'
import { temporaryDirectories, TextCollector } from './temporary.ts'

const directory = temporaryDirectories()

interface JsonRecord {
  type: string
  order?: number
  revision?: number
  name?: string
}

function records(text: string): JsonRecord[] {
  expect(text === '' || text.endsWith('\n')).toBe(true)
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as JsonRecord)
}

describe('jsonlSink', () => {
  it('says of what comes while a checkpoint is made that it is not in it', async () => {
    const file = path.join(directory(), 'talk.jsonl')
    const sink = jsonlSink(file)
    await new Promise((resolve) => sink.write(makeTurn(0, 'A:one'), resolve))
    const committed = new Promise<Place>((resolve) =>
      sink.write(new CommitRequest(1, (places) => resolve(places.get(file)!))),
    )
    // Its bytes go on their way behind those that the checkpoint counts.
    sink.emit('unrecognized', { start: 1000, end: 2000, reason: 'noWords' })
    const place = await committed
    sink.end()
    await finished(sink)
    expect(records(readFileSync(file, 'utf8').slice(0, place.bytes)).map(({ type }) => type)).toEqual(['turn'])
    expect(place.state).toMatchObject({ figures: { unrecognizedMs: 0 }, unrecognizedUntil: 0 })
  })

  it('writes a line for every turn, partial and revised ones, too', async () => {
    const out = new TextCollector()
    const turns = [makeTurn(0, 'A:he', { endOfTurn: false }), exampleTurn(), exampleTurn({ revision: 1 })]
    await pipeline(Readable.from(turns), jsonlSink(out, { speakers: { A: 'Alice' } }))
    expect(records(out.text)).toMatchObject([
      { type: 'turn', order: 0, revision: 0, endOfTurn: false },
      { type: 'turn', order: 0, revision: 0, endOfTurn: true, name: 'Alice' },
      { type: 'turn', order: 0, revision: 1, endOfTurn: true },
      { type: 'summary' },
    ])
  })

  it('writes segments and cues', async () => {
    const segments = new TextCollector()
    await pipeline(Readable.from([exampleTurn()]), segment(), jsonlSink(segments))
    expect(records(segments.text).map(({ type, order }) => [type, order])).toEqual([
      ['segment', 0],
      ['segment', 0],
      ['segment', 0],
      ['summary', undefined],
    ])
    const cues = new TextCollector()
    await pipeline(Readable.from([exampleTurn()]), segment(), layout(), jsonlSink(cues))
    expect(records(cues.text).map(({ type }) => type)).toEqual(['cue', 'cue', 'cue', 'cue', 'cue', 'summary'])
  })

  it('records sessions and gaps of the stages above, in order', async () => {
    const out = new TextCollector()
    const source = new Readable({ objectMode: true, read() {} })
    const sink = jsonlSink(out)
    const work = pipeline(source, segment(), sink)
    source.emit('session', { sessionId: 's-1', engine: 'embedded' })
    expect(out.text).toBe('')
    source.push(makeTurn(0, 'A:one'))
    while (!out.text.includes('"segment"')) await new Promise((resolve) => setImmediate(resolve))
    source.emit('gap', { start: 500, end: 900 })
    while (!out.text.includes('"gap"')) await new Promise((resolve) => setImmediate(resolve))
    source.push(makeTurn(1, 'A:two'))
    source.push(null)
    await work
    expect(records(out.text).map(({ type }) => type)).toEqual(['session', 'segment', 'gap', 'segment', 'summary'])
  })

  it('says at the end how sure one may be of the words, each counted once', async () => {
    const out = new TextCollector()
    const sink = jsonlSink(out)
    sink.emit('unrecognized', { start: 0, end: 900, reason: 'noWords' })
    sink.write(exampleTurn())
    sink.write(exampleTurn({ revision: 1 }))
    await new Promise((resolve) => sink.write(makeTurn(1, 'A:open', { endOfTurn: false }), resolve))
    sink.emit('unrecognized', { start: 1000, end: 9000, reason: 'repetition', repeatedWords: 12 })
    sink.end()
    await finished(sink)
    const all = records(out.text)
    expect(all.map(({ type }) => type)).toEqual(['unrecognized', 'turn', 'turn', 'turn', 'unrecognized', 'summary'])
    const { length: words } = exampleTurn().words
    expect(all.at(-1)).toMatchObject({ certainty: { words, rated: words, unrecognizedMs: 900, repeatedWords: 12 } })
    expect(all.filter(({ type }) => type === 'unrecognized')).toEqual([
      { type: 'unrecognized', start: 0, end: 900, reason: 'noWords' },
      { type: 'unrecognized', start: 1000, end: 9000, reason: 'repetition', repeatedWords: 12 },
    ])
  })

  it('has no such end where it failed', async () => {
    const file = path.join(directory(), 'failed.jsonl')
    const sink = jsonlSink(file)
    await new Promise((resolve) => sink.write(exampleTurn(), resolve))
    sink.destroy()
    await new Promise((resolve) => sink.once('close', resolve))
    expect(records(readFileSync(file, 'utf8')).map(({ type }) => type)).toEqual(['turn'])
  })

  it('records the session of a stream in which nothing was said', async () => {
    const file = path.join(directory(), 'silence.jsonl')
    const sink = jsonlSink(file)
    sink.emit('session', { sessionId: 's-1' })
    sink.end()
    await finished(sink)
    expect(records(readFileSync(file, 'utf8'))).toEqual([{ type: 'session', sessionId: 's-1' }])
    // Too late to be written, and harmless.
    sink.emit('gap', { start: 0, end: 1 })
    expect(records(readFileSync(file, 'utf8'))).toHaveLength(1)
  })

  it('closes when destroyed while records of events wait behind a target that takes nothing', async () => {
    const stuck = new Writable({ highWaterMark: 1, write() {} })
    const sink = jsonlSink(stuck)
    sink.write(makeTurn(0, 'A:one'))
    await new Promise((resolve) => setImmediate(resolve))
    for (let start = 0; start < 3; start++) sink.emit('gap', { start, end: 9 })
    const closed = new Promise((resolve) => sink.once('close', resolve))
    sink.destroy()
    await closed
    expect(stuck.destroyed).toBe(true)
  })

  it('leaves no file where the pipeline fails before the first turn', async () => {
    const file = path.join(directory(), 'none.jsonl')
    const sink = jsonlSink(file)
    sink.emit('session', { sessionId: 's-1' })
    sink.destroy(new Error('failed'))
    await expect(finished(sink)).rejects.toThrow('failed')
    expect(existsSync(file)).toBe(false)
  })

  it('refuses wrong options', () => {
    expect(() => jsonlSink('x', { names: true } as object)).toThrow('jsonlSink() has no option names')
    expect(() => jsonlSink('x', { speakers: [] as never })).toThrow('speakers, when given')
  })
})
