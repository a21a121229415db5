import { once } from 'node:events'
import { existsSync, linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Readable, Transform, Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import type { Turn } from '../../src/model.ts'
import { run } from '../../src/run.ts'
import { srtSink } from '../../src/sinks/caption-sinks.ts'
import { fanOut } from '../../src/sinks/fan-out.ts'
import { jsonlSink } from '../../src/sinks/jsonl.ts'
import { jsonlSource } from '../../src/sources/jsonl.ts'
import { namesIn } from '../../src/sources/jsonl-records.ts'
import { layout } from '../../src/transforms/layout.ts'
import { segment } from '../../src/transforms/segment.ts'
import { makeTurn } from '../captions/example-turn.ts'
import { parseSubtitles } from '../captions/parsers.ts'
import { temporaryDirectories, TextCollector } from '../sinks/temporary.ts'

const directory = temporaryDirectories()

/** A file with records of every kind, as a run writes them that was cut off and lost a stretch at its end. */
async function written({ isNew = true } = {}): Promise<string> {
  const file = path.join(directory(), 'talk.jsonl')
  const source = (async function* () {
    yield { ...makeTurn(0, 'A:open'), endOfTurn: false }
    yield { ...makeTurn(0, 'A:one B:two'), speaker: 'A', language: 'de', transcript: 'one\u2028two' }
    yield { ...makeTurn(1, 'A:three'), unconfirmed: true as const }
    yield { ...makeTurn(0, 'A:one B:two'), speaker: 'B', revision: 1 }
  })()
  await run(source, jsonlSink(file, { speakers: { A: 'Alice' } }))
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  const [first = '', ...rest] = lines.filter((line) => isNew || !line.includes('"summary"'))
  const session = '{"type":"session","sessionId":"s","name":"a host","offset":0}'
  const gap = '{"type":"gap","start":9000,"end":9500}'
  const unknown = '{"type":"of tomorrow","x":1}'
  const heard = '{"type":"unrecognized","start":4000,"end":4900,"reason":"noWords"}'
  const odd = '{"type":"unrecognized","start":4000,"reason":"tomorrow"}'
  writeFileSync(file, `${[session, first, heard, gap, ...rest, odd, unknown, gap].join('\n')}\n`)
  return file
}

describe('jsonlSource', () => {
  it.each([
    ['of today', true],
    ['of earlier versions, which have no summary', false],
  ])('gives back what was written: written again, it is the same file, one %s', async (_what, isNew) => {
    const file = await written({ isNew })
    expect(readFileSync(file, 'utf8').includes('"type":"summary"')).toBe(isNew)
    const [again, beside] = ['again.jsonl', 'beside.srt'].map((name) => path.join(path.dirname(file), name)) as [
      string,
      string,
    ]
    const { turns, speakers, languages, gaps, certainty } = await run(
      jsonlSource(file),
      fanOut(jsonlSink(again), srtSink(beside)),
    )
    expect(readFileSync(again, 'utf8')).toBe(readFileSync(file, 'utf8'))
    expect({ turns, speakers, languages, gaps, certainty }).toMatchObject({
      turns: 2,
      speakers: ['A', 'B'],
      languages: ['de'],
      gaps: [{ start: 9000, end: 9500 }],
      certainty: { words: 3, unrecognizedMs: 900 },
    })
  })

  it.each([
    ['segments', () => segment()],
    ['cues', () => layout()],
  ])('gives back %s', async (_what, make) => {
    const file = await written()
    const [first, second] = [1, 2].map((n) => path.join(path.dirname(file), `${n}.jsonl`)) as [string, string]
    await run(jsonlSource(file), make(), jsonlSink(first, { speakers: { A: 'Anna' } }))
    const { turns, speakers, certainty } = await run(jsonlSource(pathToFileURL(first)), jsonlSink(second))
    expect({ turns, speakers, certainty }).toMatchObject({
      turns: 3,
      speakers: ['A', 'B'],
      certainty: { words: 3, rated: 3 },
    })
    expect(readFileSync(second, 'utf8')).toBe(readFileSync(first, 'utf8'))
    expect(readFileSync(first, 'utf8')).toContain('"name":"Anna"')
  })

  it.each([
    [
      'cues of two speakers',
      [makeTurn(0, 'A:Yes?'), makeTurn(1, 'B:No!', { start: 300 })],
      () => layout({ dashes: true }),
    ],
    [
      'cues above each other',
      [makeTurn(0, 'A:one A:two A:three', { channel: 'L' }), makeTurn(1, 'B:four', { start: 200, channel: 'R' })],
      () => layout({ overlap: 'stack' }),
    ],
    [
      'segments in a language',
      [makeTurn(0, 'Das ist ein etwas längerer Satz, der gebrochen werden muss', { language: 'de' })],
      () => segment(),
    ],
    [
      'segments of a known voice',
      [makeTurn(0, '', { transcript: 'Hello', speaker: 'A', speakerName: 'Anna', end: 900 })],
      () => segment(),
    ],
  ])('gives back %s, for any sink', async (_what, turns, make) => {
    const file = path.join(directory(), 'talk.jsonl')
    await run(Readable.from(turns), make(), jsonlSink(file))
    const items = await Readable.from(jsonlSource(file)).toArray()
    expect(items).toEqual(await Readable.from(Readable.from(turns).pipe(make())).toArray())
  })

  it.each([
    '"lineSpeakers":["A",1]',
    '"lineSpeakers":"AB"',
    '"lane":-1',
    '"lane":0.5',
    '"lane":1e9',
    '"speakerName":7',
  ])('refuses a cue with %s', async (field) => {
    const file = path.join(directory(), 'talk.jsonl')
    writeFileSync(file, `{"type":"cue","index":1,"start":0,"end":9,"lines":["-a","-b"],"words":[],${field}}\n`)
    const read = run(jsonlSource(file), srtSink(new TextCollector()))
    await expect(read).rejects.toThrow(/line 1 .* is no cue as jsonlSink\(\) writes it/)
  })

  it('changes names and format, with the speakers as they were last revised', async () => {
    const out = new TextCollector()
    await run(jsonlSource(await written()), srtSink(out, { speakers: { B: 'Bob' } }))
    const speakers = parseSubtitles(out.text).map(({ text }) => text.split(':')[0])
    expect(speakers).toEqual(['Speaker A', 'Bob', 'Speaker A'])
  })

  it('knows the names in it', async () => {
    expect(await namesIn(await written())).toEqual({ A: 'Alice' })
  })

  it.each<[string, object][]>([
    [
      ['session', { sessionId: 's' }],
      ['gap', { start: 0, end: 5 }],
    ],
    [
      ['session', { sessionId: 's' }],
      ['unrecognized', { start: 0, end: 5000, reason: 'noWords' }],
    ],
  ])('writes a file of the events %j and %j alone as it is', async (...events) => {
    const file = path.join(directory(), 'events.jsonl')
    const sink = jsonlSink(file)
    for (const [event, record] of events) sink.emit(event, record)
    sink.end()
    await once(sink, 'close')
    const again = path.join(path.dirname(file), 'again.jsonl')
    await run(jsonlSource(file), jsonlSink(again))
    expect(readFileSync(again, 'utf8')).toBe(readFileSync(file, 'utf8'))
  })

  const word = '{"text":"a","start":0,"end":1,"final":true}'
  it.each([
    ['{"type":"turn"', 'INPUT_NOT_MEDIA', 'line 2 of'],
    ['[]', 'INPUT_NOT_MEDIA', 'is no record'],
    ['null', 'INPUT_NOT_MEDIA', 'is no record'],
    ['{"type":"turn","order":0}', 'INPUT_NOT_MEDIA', 'is no turn as jsonlSink() writes it'],
    [
      `{"type":"segment","order":0,"revision":0,"start":"0","end":1,"text":"","words":[${word}]}`,
      'INPUT_NOT_MEDIA',
      'no segment',
    ],
    [`{"type":"cue","index":1,"start":0,"end":1,"lines":[7],"words":[]}`, 'INPUT_NOT_MEDIA', 'no cue'],
    [`{"type":"cue","index":1,"start":0,"end":1,"lines":["a"],"words":[null]}`, 'INPUT_NOT_MEDIA', 'no cue'],
  ])('refuses %s', async (line, code, message) => {
    const file = path.join(directory(), 'wrong.jsonl')
    writeFileSync(file, `{"type":"session"}\n${line}\n`)
    const failed = run(jsonlSource(file), srtSink(new TextCollector()))
    await expect(failed).rejects.toMatchObject({ code, message: expect.stringContaining(message) as string })
  })

  it.each(['{"start":0,"end":900,"text":"hi"}\n', '{"type":"word"}\n{"type":"phrase"}\n'])(
    'makes no empty captions of what is no transcript: %j',
    async (text) => {
      const file = path.join(directory(), 'other.jsonl')
      writeFileSync(file, text)
      const failed = run(jsonlSource(file), srtSink(new TextCollector()))
      await expect(failed).rejects.toMatchObject({
        code: 'INPUT_NOT_MEDIA',
        message: expect.stringMatching(/^line 1 of .*other\.jsonl is no record of a transcript/) as string,
      })
    },
  )

  it('is not written over by a sink of the same process while it is read, whatever name that has for it', async () => {
    const file = await written()
    const before = readFileSync(file, 'utf8')
    const [link, hard] = [path.join(directory(), 'link.jsonl'), path.join(directory(), 'hard.jsonl')]
    symlinkSync(file, link)
    linkSync(file, hard)
    for (const target of [file, link, hard]) {
      await expect(run(jsonlSource(file), jsonlSink(target))).rejects.toMatchObject({
        code: 'OUTPUT_UNWRITABLE',
        message: `cannot write to ${target}: it is what a source is reading; write to another file, and rename that`,
      })
      expect(readFileSync(file, 'utf8')).toBe(before)
    }
    // Nothing is kept from who comes afterwards.
    await run([makeTurn(0, 'A:new')], jsonlSink(file))
    expect(readFileSync(file, 'utf8')).toContain('new')
  })

  it('is not written over where it has been read to its end before the sink gets a turn', async () => {
    const file = await written()
    const before = readFileSync(file, 'utf8')
    const held: unknown[] = []
    const holding = new Transform({
      objectMode: true,
      transform: (turn, _encoding, done) => done(null, void held.push(turn)),
      flush(done) {
        for (const turn of held) this.push(turn)
        done()
      },
    })
    await expect(run(jsonlSource(file), holding, jsonlSink(file))).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
    expect(readFileSync(file, 'utf8')).toBe(before)
    await run([makeTurn(0, 'A:new')], jsonlSink(file))
    expect(readFileSync(file, 'utf8')).toContain('new')
  })

  it('gives captions that do not depend on how fast a sink beside them is', async () => {
    const folder = directory()
    const [file, atOnce, slowly] = ['talk.jsonl', '1.srt', '2.srt'].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ]
    const turns = [0, 2000, 9000, 9700, 14_000].map((start, order) =>
      makeTurn(order, `A:some B:word${order}`, { start }),
    )
    await run(turns, jsonlSink(file))
    await run(jsonlSource(file), srtSink(atOnce))
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    /** Takes the next turn once the captions of the one before have been written. */
    const slow = new Writable({
      objectMode: true,
      highWaterMark: 1,
      write: (turn: Turn, _encoding, done) => {
        const look = (): void => {
          vi.advanceTimersByTime(100)
          const isWritten = existsSync(slowly) && readFileSync(slowly, 'utf8').includes(turn.words.at(-1)!.text)
          if (isWritten) done()
          else setImmediate(look)
        }
        look()
      },
    })
    await run(jsonlSource(file), fanOut(srtSink(slowly), slow)).finally(() => vi.useRealTimers())
    expect(readFileSync(slowly, 'utf8')).toBe(readFileSync(atOnce, 'utf8'))
  })

  it('may be one of any number that are piped into one sink', async () => {
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    const file = await written()
    const sink = srtSink(new TextCollector())
    for (let count = 0; count < 20; count++) {
      const source = jsonlSource(file)
      source.pipe(sink, { end: false })
      await once(source, 'end')
    }
    sink.end()
    await once(sink, 'close')
    process.off('warning', note)
    expect(warnings).toEqual([])
  })

  it('says what is wrong with a file', async () => {
    const folder = path.join(directory(), 'a.jsonl')
    mkdirSync(folder)
    const read = (file: string) => run(jsonlSource(file), srtSink(new TextCollector()))
    await expect(read('/does/not/exist.jsonl')).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
    await expect(read(folder)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
    expect(() => jsonlSource('')).toThrow('file, when given, must be a path')
  })
})

it.each(['http://me:secret@example.org/x', 'file://host/x', 'file:///a%2fb'])('refuses the URL %s', (url) => {
  const refused = () => jsonlSource(new URL(url))
  expect(refused).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', option: 'file' }))
  expect(refused).not.toThrow('secret')
})
