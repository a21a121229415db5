import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { objectDestination } from '../../src/destinations/object-destination.ts'
import { csvComposer } from '../../src/captions/composer/composers.ts'
import { wordRuns } from '../../src/captions/segments.ts'
import type { Warning } from '../../src/errors.ts'
import type { Turn } from '../../src/model.ts'
import { run } from '../../src/run.ts'
import { srtSink, vttSink } from '../../src/sinks/caption-sinks.ts'
import { openTarget } from '../../src/sinks/destination.ts'
import { jsonlSink } from '../../src/sinks/jsonl.ts'
import { type RotatedPart, rotatingSink, type RotatingSinkOptions } from '../../src/sinks/rotating.ts'
import { TextSink } from '../../src/sinks/text-sink.ts'
import { makeTurn, makeWords } from '../captions/example-turn.ts'
import { parseSubtitles, parseVtt } from '../captions/parsers.ts'
import { MemoryStore } from '../destinations/memory-store.ts'
import { temporaryDirectories } from './temporary.ts'

const directory = temporaryDirectories()
const SECOND = 1000
const HOUR = 3_600_000

/** A turn of two words that say when it begins, in seconds. */
const at = (order: number, seconds: number, more: Partial<Turn> = {}): Turn =>
  makeTurn(order, '', { words: makeWords(`A:at A:${seconds}`, seconds * SECOND), ...more })

async function write(
  pattern: string,
  turns: Iterable<Turn> | AsyncIterable<Turn>,
  options: RotatingSinkOptions,
  open: (file: string) => NodeJS.WritableStream = (file) => srtSink(file),
) {
  const folder = directory()
  const sink = rotatingSink(path.join(folder, pattern), open, options)
  const warnings: Warning[] = []
  const told: RotatedPart[] = []
  sink.on('warning', (warning) => warnings.push(warning))
  sink.on('part', (part) => told.push(part))
  const source = Readable.from(turns)
  const outcome = await pipeline(source, sink).then(
    () => undefined,
    (error: Error) => error,
  )
  expect(sink.parts).toEqual(told)
  const files = Object.fromEntries(
    readdirSync(folder)
      .toSorted()
      .map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]),
  )
  return { files, warnings, outcome, parts: sink.parts }
}

const words = (text: string): string[] => text.match(/\bat \d+/g) ?? []

describe('rotatingSink()', () => {
  it('begins a part with each full hour of the clock, every one a file that is valid by itself', async () => {
    const turns = [0, 30 * 60 - 1, 30 * 60, (3 * HOUR) / SECOND].map((seconds, order) => at(order, seconds))
    const startedAt = new Date('2026-11-29T13:30:00Z')
    const { files, parts } = await write('{date}T{time}.vtt', turns, { every: 'hour', startedAt }, (file) =>
      vttSink(file),
    )
    expect(Object.keys(files)).toEqual([
      '2026-11-29T13-30-00.vtt',
      '2026-11-29T14-00-00.vtt',
      '2026-11-29T16-00-00.vtt',
    ])
    expect(Object.values(files).map(words)).toEqual([['at 0', 'at 1799'], ['at 1800'], ['at 10800']])
    for (const text of Object.values(files)) expect(parseVtt(text).errors).toEqual([])
    expect(parts.map(({ number, start }) => [number, start])).toEqual([
      [1, 0],
      [2, HOUR / 2],
      [3, 2.5 * HOUR],
    ])
  })

  it('names parts by the clock as it is when they begin, where that was set meanwhile', async () => {
    const right = Date.parse('2026-11-29T13:30:00Z')
    const clock = vi.spyOn(Date, 'now').mockReturnValue(0)
    const sink = rotatingSink(path.join(directory(), '{date}T{time}.srt'), (file) => srtSink(file), { every: 'hour' })
    sink.emit('session', { sessionId: '1', startedAt: new Date(0).toISOString() } as never)
    sink.write(at(0, 5))
    await new Promise((resolve) => sink.write(at(1, 6), resolve))
    // The time comes from the network, to a computer that began in 1970.
    clock.mockReturnValue(right)
    sink.write(at(2, (2 * HOUR) / SECOND))
    await new Promise<void>((resolve) => sink.end(resolve))
    clock.mockRestore()
    expect(sink.parts.map(({ path: file }) => path.basename(file).slice(0, 13))).toEqual([
      '1970-01-01T00',
      '2026-11-29T15',
    ])
  })

  it('has one part for an hour also where the start of the stream is known to be a little earlier by then', async () => {
    const sink = rotatingSink(path.join(directory(), '{date}T{time}.srt'), (file) => srtSink(file), {
      every: 'hour',
      times: 'restart',
    })
    const began = (streamStartedAt: string) =>
      sink.emit('session', { sessionId: '1', startedAt: streamStartedAt, streamStartedAt } as never)
    began('2026-11-29T13:30:00.000Z')
    await new Promise((resolve) => sink.write(at(0, 5), resolve))
    began('2026-11-29T13:29:58.000Z')
    for (const [order, second] of [1800, 1801, 1803, 5401, 5402].entries()) sink.write(at(order + 1, second))
    await new Promise<void>((resolve) => sink.end(resolve))
    expect(sink.parts.map(({ path: file, start }) => [path.basename(file), start])).toEqual([
      ['2026-11-29T13-30-00.srt', 0],
      ['2026-11-29T14-00-00.srt', 1800 * SECOND],
      ['2026-11-29T15-00-00.srt', 5402 * SECOND],
    ])
  })

  it('restarts times with the part where it is asked to, those of words and gaps as well', async () => {
    const options = { every: 60 * SECOND, times: 'restart' } as const
    const turns = [at(0, 5), at(1, 59), at(2, 125)]
    const { files } = await write('{number}.srt', turns, options)
    expect(Object.keys(files)).toEqual(['0001.srt', '0002.srt'])
    expect(parseSubtitles(files['0002.srt']!)).toMatchObject([{ start: 5000 }])

    const lines: string[] = []
    const sink = rotatingSink(path.join(directory(), '{number}.jsonl'), (file) => jsonlSink(file), options)
    const before = { sessionId: '1', startedAt: new Date(0).toISOString() }
    sink.emit('session', before as never)
    sink.emit('gap', { start: 1000, end: 2000 })
    sink.write(at(0, 5))
    sink.write(at(1, 65))
    await new Promise((resolve) => sink.write(at(2, 66), resolve))
    sink.emit('gap', { start: 70_000, end: 71_000 })
    sink.emit('unrecognized', { start: 72_000, end: 73_000, reason: 'noWords' })
    await new Promise<void>((resolve) => sink.end(resolve))
    for (const part of sink.parts) lines.push(...readFileSync(part.path, 'utf8').trim().split('\n'))
    const records = lines.map(
      (line) => JSON.parse(line) as { type: string; start?: number; words?: { start: number }[] },
    )
    // Each part names the session.
    expect(records.map(({ type, start }) => [type, start])).toEqual([
      ['session', undefined],
      ['gap', 1000],
      ['turn', 5000],
      ['summary', undefined],
      ['session', undefined],
      ['turn', 5000],
      ['turn', 6000],
      ['gap', 10_000],
      ['unrecognized', 12_000],
      ['summary', undefined],
    ])
    // What it says of words is about its part.
    expect([records[3], records[9]]).toMatchObject([
      { certainty: { words: 2, unrecognizedMs: 0 } },
      { certainty: { words: 4, unrecognizedMs: 1000 } },
    ])
    expect(records[5]!.words!.map(({ start }) => start)).toEqual([5000, 5250])
  })

  it('gives a revision of a turn in a part that is closed the times of that part', async () => {
    const turns = [at(0, 5), at(1, 65), at(2, 70), at(3, 130), at(2, 70, { revision: 1 }), at(0, 5, { revision: 1 })]
    const options = { every: 60 * SECOND, times: 'restart' } as const
    const { files } = await write('{number}.jsonl', turns, options, (file) => jsonlSink(file))
    const lines = Object.values(files).flatMap((text) => text.trim().split('\n'))
    const records = lines.map((line) => JSON.parse(line) as Partial<Turn>).filter(({ order }) => order !== undefined)
    const times = records.map((one) => [one.order, one.start, one.end, one.words?.map(({ start }) => start)])
    expect(times).toEqual([
      [0, 5000, 5450, [5000, 5250]],
      [1, 5000, 5450, [5000, 5250]],
      [2, 10_000, 10_450, [10_000, 10_250]],
      [3, 10_000, 10_450, [10_000, 10_250]],
      [2, 10_000, 10_450, [10_000, 10_250]],
      [0, 5000, 5450, [5000, 5250]],
    ])
  })

  it('begins the next part when one has its size, and never writes over a file that is there', async () => {
    const folder = directory()
    writeFileSync(path.join(folder, 'talk-0001.jsonl'), 'mine\n')
    const one = JSON.stringify(at(0, 0)).length
    const sink = rotatingSink(path.join(folder, 'talk-{number}.jsonl'), (file) => jsonlSink(file), {
      maxBytes: 2 * one,
    })
    await pipeline(Readable.from(Array.from({ length: 9 }, (_, order) => at(order, order))), sink)
    expect(readFileSync(path.join(folder, 'talk-0001.jsonl'), 'utf8')).toBe('mine\n')
    const parts = sink.parts.map((part) => readFileSync(part.path, 'utf8').trim().split('\n'))
    expect(sink.parts.map((part) => path.basename(part.path)).slice(0, 2)).toEqual([
      'talk-0002.jsonl',
      'talk-0003.jsonl',
    ])
    expect(parts.length).toBeGreaterThan(2)
    const all = parts.map((lines) => lines.map((line) => JSON.parse(line) as { type: string; order?: number }))
    expect(all.flatMap((part) => part.slice(0, -1).map(({ order }) => order))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect(all.map((part) => part.at(-1))).toMatchObject(
      all.map((part) => ({ type: 'summary', certainty: { words: 2 * (part.length - 1) } })),
    )

    const startedAt = new Date('2026-11-29T13:30:00Z')
    const dated = { every: 'day', startedAt } as const
    for (const name of ['2026-11-29.srt', '2026-11-29-2.srt']) {
      const again = rotatingSink(path.join(folder, '{date}.srt'), (file) => srtSink(file), dated)
      await pipeline(Readable.from([at(0, 0)]), again)
      expect(again.parts.map((part) => path.basename(part.path))).toEqual([name])
    }
  })

  it.each([
    ['stores of objects', (store: MemoryStore) => jsonlSink(objectDestination(store))],
    ['streams', () => jsonlSink(new Writable({ write: (_chunk, _encoding, done) => done() }))],
  ])('knows the size of parts that are written to %s', async (_kind, open) => {
    const turns = Array.from({ length: 6 }, (_, order) => at(order, order))
    const maxBytes = 2 * JSON.stringify(turns[0]).length
    const { outcome, parts } = await write('{number}.jsonl', turns, { maxBytes }, () => open(new MemoryStore()))
    expect([outcome, parts.map(({ start }) => start)]).toEqual([undefined, [0, 2000, 4000]])
  })

  it('applies revisions in the open part, and says what came too late; JSONL has them as records', async () => {
    const revised = (order: number, seconds: number): Turn => {
      const turn = at(order, seconds, { revision: 1 })
      return { ...turn, speaker: 'B', words: turn.words.map((word) => ({ ...word, speaker: 'B' })) }
    }
    const turns = [at(0, 0), at(1, 61), revised(0, 0), at(2, 62), revised(1, 61)]
    const { files, warnings } = await write('{number}.srt', turns, { every: 60 * SECOND })
    expect(files['0001.srt']).toContain('Speaker A: at 0')
    expect(files['0002.srt']).toMatch(/Speaker B: at 61[^]*Speaker A: at 62/)
    expect(warnings).toMatchObject([{ code: 'REVISION_NOT_APPLIED', count: 1 }])

    const lossless = await write('{number}.jsonl', turns, { every: 60 * SECOND }, (file) => jsonlSink(file))
    const keys = lossless.files['0002.jsonl']!.trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Turn)
      .slice(0, -1)
    expect(keys.map(({ order, revision }) => [order, revision])).toEqual([
      [1, 0],
      [0, 1],
      [2, 0],
      [1, 1],
    ])
    expect(lossless.warnings).toEqual([])
  })

  it('takes segments, and makes one file where nothing is said', async () => {
    const segments = [at(0, 0), at(1, 61)].flatMap((turn) => wordRuns(turn))
    const { files } = await write('{number}.srt', segments as never, { every: 60 * SECOND })
    expect(Object.values(files).map(words)).toEqual([['at 0'], ['at 61']])
    expect((await write('{number}.vtt', [], { every: 'day' }, (file) => vttSink(file))).files).toEqual({
      '0001.vtt': 'WEBVTT\n\n',
    })
  })

  it('leaves what was written where the chain fails, with the words that waited', async () => {
    const folder = directory()
    const sink = rotatingSink(path.join(folder, '{number}.srt'), (file) => srtSink(file), { every: 60 * SECOND })
    async function* broken() {
      yield at(0, 0)
      yield at(1, 61)
      while (sink.parts.length < 2) await new Promise((resolve) => setImmediate(resolve))
      throw new Error('upstream failed')
    }
    await expect(run(broken(), sink)).rejects.toThrow('upstream failed')
    expect(sink.closed).toBe(true)
    expect(sink.parts.map((part) => words(readFileSync(part.path, 'utf8')))).toEqual([['at 0'], ['at 61']])
  })

  it('fails with the error of a part, and for one that is closed', async () => {
    const full = new Error('the disk is full')
    const failing = () => new Writable({ objectMode: true, write: (_chunk, _encoding, done) => done(full) })
    expect((await write('{number}.srt', [at(0, 0), at(1, 61)], { every: 60 * SECOND }, failing)).outcome).toBe(full)
    const leaving = () => {
      const sink = new Writable({ objectMode: true, write: (_chunk, _encoding, done) => done() })
      return sink.destroy()
    }
    const { outcome } = await write('{number}.srt', [at(0, 0), at(1, 1)], { every: 60 * SECOND }, leaving)
    expect(outcome).toMatchObject({ code: 'INVALID_PIPELINE' })
  })

  it('fails with what is wrong with a file that cannot be opened, also while what makes its text is loaded', async () => {
    const missing = path.join(directory(), 'missing', '{number}.csv')
    const open = (file: string): Writable => {
      const composer = async () => {
        while (!sink.destroyed) await nextTurn()
        return csvComposer({})
      }
      const sink = new TextSink('csvSink()', openTarget(file, true), {}, { composer })
      return sink
    }
    await expect(run(Readable.from([at(0, 0)]), rotatingSink(missing, open, { every: 'hour' }))).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      target: missing.replace('{number}', '0001'),
    })
  })

  it('says what is wrong where no sink is given for a part', async () => {
    const { outcome } = await write('{number}.srt', [at(0, 1)], { every: 60 * SECOND }, () => undefined as never)
    expect(outcome).toMatchObject({
      code: 'INVALID_PIPELINE',
      message: expect.stringContaining('it gave none') as string,
    })
  })

  it('refuses wrong options', () => {
    const sink = (pattern: string, options: object) => () => rotatingSink(pattern, (file) => srtSink(file), options)
    expect(sink('a.srt', { every: 'hour' })).toThrow(/^pattern, when given, must be a path with \{number\}/)
    expect(sink('{number}.srt', {})).toThrow('rotatingSink() needs every or maxBytes; neither was given')
    expect(sink('{number}.srt', { every: 10 })).toThrow(/^every, when given, must be an integer of at least 1000 ms/)
    expect(sink('{number}.srt', { every: 'week' })).toThrow(/^every, when given, must be/)
    expect(sink('{number}.srt', { maxBytes: 0 })).toThrow(/^maxBytes, when given, must be/)
    expect(sink('{number}.srt', { every: 'day', startedAt: new Date(NaN) })).toThrow(/^startedAt, when given, must be/)
  })
})
