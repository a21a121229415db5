import { OutputError } from '../../src/errors.ts'
import type { Turn } from '../../src/model.ts'
import { assSink, srtSink, vttSink } from '../../src/sinks/caption-sinks.ts'
import { docxSink } from '../../src/sinks/docx.ts'
import { run } from '../../src/run.ts'
import { fanOut } from '../../src/sinks/fan-out.ts'
import { jsonlSink } from '../../src/sinks/jsonl.ts'
import { fileSource } from '../../src/sources/file.ts'
import { announce, liveSource } from '../../src/stage.ts'
import { layout } from '../../src/transforms/layout.ts'
import { segment } from '../../src/transforms/segment.ts'
import { exampleTurn, makeTurn } from '../captions/example-turn.ts'
import { parseSubtitles, parseVtt } from '../captions/parsers.ts'
import { failingAfter, temporaryDirectories, TextCollector, untilFileHolds } from './temporary.ts'
import { once } from 'node:events'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { PassThrough, Readable, type Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'

const directory = temporaryDirectories()

const EXAMPLE = `1
00:00:00,000 --> 00:00:01,790
Speaker A: Yeah. Different
things the way they are said here

2
00:00:01,873 --> 00:00:04,957
than in contrast to the way they'd be said
in other countries. Yeah.

3
00:00:05,040 --> 00:00:06,653
Speaker B: Your Colombian Spanish
won't work.

4
00:00:06,736 --> 00:00:08,737
Speaker A: Uh, no.

5
00:00:08,820 --> 00:00:10,644
And she said she could— when I—

`

/** The same where it is not known what follows. */
const UNFOLLOWED = EXAMPLE.replace('10,644', '10,386')

describe('srtSink', () => {
  it('makes the same file of turns, segments and cues', async () => {
    const file = path.join(directory(), 'out.srt')
    await pipeline(Readable.from([exampleTurn()]), srtSink(file))
    expect(readFileSync(file, 'utf8')).toBe(EXAMPLE)
    await pipeline(Readable.from([exampleTurn()]), segment(), srtSink(file))
    expect(readFileSync(file, 'utf8')).toBe(EXAMPLE)
    await pipeline(Readable.from([exampleTurn()]), segment(), layout(), srtSink(file))
    expect(readFileSync(file, 'utf8')).toBe(EXAMPLE)
  })

  it('writes the words it had when it failed before anything was loaded to write them', async () => {
    const file = path.join(directory(), 'out.srt')
    const sink = srtSink(file)
    sink.write(exampleTurn())
    await new Promise(setImmediate)
    sink.destroy(new Error('the chain failed'))
    await expect(finished(sink)).rejects.toThrow('the chain failed')
    expect(readFileSync(file, 'utf8')).toBe(UNFOLLOWED)
  })

  it('takes a file: URL, as an object or as text', async () => {
    const file = path.join(directory(), 'with space.srt')
    await pipeline(Readable.from([makeTurn(0, 'A:one')]), srtSink(pathToFileURL(file)))
    expect(readFileSync(file, 'utf8')).toContain('Speaker A: one')
    await pipeline(Readable.from([makeTurn(0, 'A:two')]), srtSink(pathToFileURL(file).href))
    expect(readFileSync(file, 'utf8')).toContain('Speaker A: two')
  })

  it('shows the names it is given, on change of speaker only, or none', async () => {
    const turns = [makeTurn(0, 'A:One.'), makeTurn(1, 'A:Two.'), makeTurn(2, 'B:Three.'), makeTurn(3, 'A:Four.')]
    const named = new TextCollector()
    await pipeline(Readable.from(turns), srtSink(named, { speakers: { A: 'Alice' } }))
    expect(parseSubtitles(named.text).map(({ text }) => text)).toEqual([
      'Alice: One.',
      'Two.',
      'Speaker B: Three.',
      'Alice: Four.',
    ])
    const bare = new TextCollector()
    await pipeline(Readable.from(turns), srtSink(bare, { names: false }))
    expect(parseSubtitles(bare.text).map(({ text }) => text)).toEqual(['One.', 'Two.', 'Three.', 'Four.'])
  })

  it('passes segment and layout options on', async () => {
    const out = new TextCollector()
    const options = { segment: { absorbUnknown: true }, layout: { maxLineWidth: 10, maxLines: 1 }, names: false }
    await pipeline(Readable.from([makeTurn(0, 'A:one two A:three A:four A:five')]), srtSink(out, options))
    expect(parseSubtitles(out.text).map(({ text }) => text)).toEqual(['one two', 'three four', 'five'])
  })

  it('numbers without gaps where a cue has no visible text, and repairs times of ready cues', async () => {
    const ready = (start: number, end: number, line: string) => ({ index: 7, start, end, lines: [line], words: [] })
    const out = new TextCollector()
    await pipeline(
      Readable.from([ready(1000, 2000, 'a'), ready(3000, 4000, ' '), ready(500, 400, 'b'), ready(-5, Number.NaN, 'c')]),
      srtSink(out),
    )
    expect(out.text).toBe(
      '1\n00:00:01,000 --> 00:00:02,000\na\n\n2\n00:00:01,000 --> 00:00:01,001\nb\n\n3\n00:00:01,000 --> 00:00:01,001\nc\n\n',
    )
  })

  it('appends whole cues as soon as a turn is final', async () => {
    const file = path.join(directory(), 'live.srt')
    const sink = srtSink(file)
    sink.write(exampleTurn())
    await untilFileHolds(file, 'when I—\n\n')
    expect(readFileSync(file, 'utf8')).toBe(UNFOLLOWED)
    sink.end(makeTurn(1, 'B:Goodbye.', { start: 20_000 }))
    await finished(sink)
    expect(parseSubtitles(readFileSync(file, 'utf8'))).toHaveLength(6)
  })

  it('writes what is certain with a turn in one piece', async () => {
    const out = new TextCollector()
    await pipeline(Readable.from([exampleTurn(), makeTurn(1, 'B:Bye.', { start: 20_000 })]), srtSink(out))
    // The last cue of each turn waits for what follows.
    expect(out.writes).toBe(3)
  })
})

describe('files of srtSink', () => {
  it('are empty where nothing was said, and replace what was there', async () => {
    const file = path.join(directory(), 'silence.srt')
    writeFileSync(file, 'old')
    await pipeline(Readable.from([]), srtSink(file))
    expect(readFileSync(file, 'utf8')).toBe('')
  })

  it('are not made, and not touched, where the pipeline fails before the first cue', async () => {
    const here = directory()
    const fresh = path.join(here, 'fresh.srt')
    await expect(pipeline(failingAfter([]), srtSink(fresh))).rejects.toThrow('upstream failed')
    expect(readdirSync(here)).toEqual([])
    const existing = path.join(here, 'existing.srt')
    writeFileSync(existing, 'old')
    const partial = makeTurn(0, 'A:partial', { endOfTurn: false })
    await expect(pipeline(failingAfter([partial]), srtSink(existing))).rejects.toThrow('upstream failed')
    expect(readFileSync(existing, 'utf8')).toBe('old')
  })

  it('keep the whole cues that were written before a failure', async () => {
    const file = path.join(directory(), 'kept.srt')
    async function* source(): AsyncGenerator<Turn> {
      yield exampleTurn()
      await untilFileHolds(file, 'when I—')
      throw new Error('upstream failed')
    }
    const sink = srtSink(file)
    await expect(pipeline(source(), sink)).rejects.toThrow('upstream failed')
    if (!sink.closed) await new Promise((resolve) => sink.once('close', resolve))
    expect(readFileSync(file, 'utf8')).toBe(UNFOLLOWED)
  })

  it('are refused with OUTPUT_UNWRITABLE before any work', async () => {
    const here = directory()
    const plain = path.join(here, 'plain')
    writeFileSync(plain, '')
    mkdirSync(path.join(here, 'folder'))
    const wrong = {
      [path.join(here, 'missing', 'out.srt')]: 'the directory does not exist',
      [path.join(here, 'folder')]: 'it is a directory',
      [path.join(plain, 'out.srt')]: 'part of the path is not a directory',
    }
    for (const [file, reason] of Object.entries(wrong)) {
      let asked = 0
      const source = new Readable({
        objectMode: true,
        read() {
          asked += 1
        },
      })
      const error: unknown = await pipeline(source, srtSink(file)).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(OutputError)
      expect(error).toMatchObject({ code: 'OUTPUT_UNWRITABLE', retryable: false })
      expect((error as Error).message).toBe(
        `cannot write to ${file}: ${reason}; choose another target, or make this one writable`,
      )
      expect(asked).toBeLessThanOrEqual(1)
    }
  })

  it('may be devices, which are written and neither truncated nor removed', async () => {
    await pipeline(Readable.from([exampleTurn()]), srtSink('/dev/null'))
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true)
  })
})

describe('options of srtSink', () => {
  it('are checked at construction', () => {
    expect(() => srtSink(7 as never)).toThrow('target, when given, must be a path, a file: URL or a Writable; got 7')
    expect(() => srtSink('')).toThrow('target, when given')
    expect(() => srtSink(new URL('https://example.org/x.srt'))).toThrow('target, when given')
    expect(() => srtSink({ speakers: {} } as never)).toThrow('target, when given')
    expect(() => srtSink('x.srt', { speaker: {} } as object)).toThrow('srtSink() has no option speaker')
    expect(() => srtSink('x.srt', { layout: { speakers: {} } as object })).toThrow('layout has no option speakers')
    expect(() => srtSink('x.srt', { segment: { minRun: 1.5 } })).toThrow('segment.minRun, when given')
    expect(() => srtSink('x.srt', { end: 1 as never })).toThrow('end, when given, must be true or false; got 1')
    expect(() => srtSink('x.srt', { segment: null as never })).toThrow(
      'segment, when given, must be an object; got null',
    )
    for (const makeSink of [srtSink, vttSink, assSink]) {
      expect(() => makeSink('x', null as never)).toThrow(
        /options of \w+Sink\(\), when given, must be an object; got null/,
      )
    }
  })

  it('include a signal', async () => {
    const controller = new AbortController()
    const sink = srtSink(new TextCollector(), { signal: controller.signal })
    controller.abort()
    await expect(finished(sink)).rejects.toMatchObject({ name: 'AbortError' })
  })

  it.each([srtSink, jsonlSink, docxSink])('include a signal that has fired: %o', async (makeSink) => {
    const reason = new Error('why')
    const target = new TextCollector()
    const sink = makeSink(target, { signal: AbortSignal.abort(reason) })
    // From Node 24 on, pipeline() says of any such stream that it cannot be piped into.
    const failed = run(Readable.from([exampleTurn()]), sink)
    await expect(failed).rejects.toMatchObject({ name: 'AbortError', cause: reason })
    if (!target.closed) await once(target, 'close')
    expect(target.writableFinished).toBe(false)
  })

  it('do not help what is no turn', async () => {
    await expect(pipeline(Readable.from([Buffer.alloc(2)]), srtSink(new TextCollector()))).rejects.toMatchObject({
      code: 'INVALID_PIPELINE',
    })
  })
})

describe('vttSink', () => {
  it('writes a valid file with the voice on every cue', async () => {
    const file = path.join(directory(), 'out.vtt')
    await pipeline(Readable.from([exampleTurn()]), vttSink(file, { speakers: { B: 'Bob' } }))
    const { errors, cues } = parseVtt(readFileSync(file, 'utf8'))
    expect(errors).toEqual([])
    expect(cues.map(({ voice, text }) => [voice, text])).toEqual([
      ['Speaker A', 'Yeah. Different things\nthe way they are said here'],
      ['Speaker A', "than in contrast to the way they'd be said\nin other countries. Yeah."],
      ['Bob', "Your Colombian Spanish won't work."],
      ['Speaker A', 'Uh, no.'],
      ['Speaker A', 'And she said she could— when I—'],
    ])
  })

  it('leaves the voices out on request, and where nobody could be named', async () => {
    const bare = new TextCollector()
    await pipeline(Readable.from([exampleTurn()]), vttSink(bare, { names: false }))
    expect(bare.text).not.toContain('<v')
    const nobody = new TextCollector()
    await pipeline(Readable.from([makeTurn(0, 'who')]), vttSink(nobody))
    expect(nobody.text).toBe('WEBVTT\n\n1\n00:00:00.000 --> 00:00:00.833\nwho\n\n')
  })

  it('writes the header once, together with the first cue', async () => {
    const out = new TextCollector()
    await pipeline(Readable.from([makeTurn(0, 'A:one'), makeTurn(1, 'A:two')]), vttSink(out))
    expect(out.writes).toBe(2)
    expect(out.text.match(/WEBVTT/g)).toHaveLength(1)
  })

  it('writes nothing but the header where nothing was said', async () => {
    const file = path.join(directory(), 'silence.vtt')
    await pipeline(Readable.from([makeTurn(0, '', { transcript: '' })]), vttSink(file))
    expect(readFileSync(file, 'utf8')).toBe('WEBVTT\n\n')
    const out = new TextCollector()
    await pipeline(Readable.from([]), vttSink(out))
    expect(out.text).toBe('WEBVTT\n\n')
  })

  it('leaves nothing where the pipeline failed before the first cue', async () => {
    const here = directory()
    // oxlint-disable-next-line require-yield
    const failing = (async function* () {
      await Promise.resolve()
      throw new Error('upstream failed')
    })()
    await expect(pipeline(failing, vttSink(path.join(here, 'x.vtt')))).rejects.toThrow('upstream failed')
    expect(readdirSync(here)).toEqual([])
  })

  it('keeps the header once when it is rewritten', async () => {
    const file = path.join(directory(), 'out.vtt')
    const turns = [makeTurn(0, 'A:one'), makeTurn(1, 'A:two'), makeTurn(0, 'B:One.', { revision: 1 })]
    await pipeline(Readable.from(turns), vttSink(file))
    const { errors, cues } = parseVtt(readFileSync(file, 'utf8'))
    expect(errors).toEqual([])
    expect(cues.map(({ voice, text }) => [voice, text])).toEqual([
      ['Speaker B', 'One.'],
      ['Speaker A', 'two'],
    ])
  })

  it('keeps the header once when revisions come over many sessions', async () => {
    const file = path.join(directory(), 'out.vtt')
    const turns = Array.from({ length: 12 }, (_, order) => {
      const sessionId = `session-${order >> 1}`
      return [0, 1].map((revision) => makeTurn(order, `A:turn-${order}-${revision}`, { sessionId, revision }))
    }).flat()
    await pipeline(Readable.from(turns), vttSink(file))
    const text = readFileSync(file, 'utf8')
    expect(text.match(/WEBVTT/g)).toHaveLength(1)
    const { errors, cues } = parseVtt(text)
    expect(errors).toEqual([])
    expect(cues.map((cue) => cue.text)).toEqual(Array.from({ length: 12 }, (_, order) => `turn-${order}-1`))
  })
})

describe('captions of a whole file', () => {
  const turns = [0, 2000, 9000, 9700, 14_000].map((start, order) => makeTurn(order, `A:some B:word${order}`, { start }))

  /** What is written where each turn is waited for until the one before has been written. */
  async function heardSlowly(
    isLive: boolean | undefined,
    sinkOf: (file: string) => Writable,
    heardTurns = turns,
  ): Promise<string> {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const file = path.join(directory(), 'out.srt')
    const heard = Object.assign(new PassThrough({ objectMode: true }), { [liveSource]: isLive })
    announce(heard)
    const work = pipeline(heard, sinkOf(file))
    for (const turn of heardTurns) {
      heard.write(turn)
      while (!existsSync(file) || !readFileSync(file, 'utf8').includes(turn.words.at(-1)!.text)) {
        await new Promise((resolve) => setImmediate(resolve))
        vi.advanceTimersByTime(100)
      }
    }
    vi.useRealTimers()
    heard.end()
    await work
    return readFileSync(file, 'utf8')
  }

  afterEach(() => vi.useRealTimers())

  it('are the same however fast it is heard', async () => {
    const atOnce = path.join(directory(), 'out.srt')
    await pipeline(Readable.from(turns), srtSink(atOnce))
    const expected = readFileSync(atOnce, 'utf8')
    expect(await heardSlowly(true, srtSink)).not.toBe(expected)
    expect(await heardSlowly(undefined, srtSink)).not.toBe(expected)
    expect(await heardSlowly(false, srtSink)).toBe(expected)
    expect(await heardSlowly(false, (file) => fanOut(srtSink(file), vttSink(new TextCollector())))).toBe(expected)
  })

  it('are so, too, where it is heard in more sessions than are kept', async () => {
    const many = turns.map((turn, i) => ({ ...turn, sessionId: `s${Math.floor(i / 2)}` }))
    const atOnce = path.join(directory(), 'out.srt')
    await pipeline(Readable.from(many), srtSink(atOnce))
    expect(await heardSlowly(false, srtSink, many)).toBe(readFileSync(atOnce, 'utf8'))
  })

  it('warn of nothing where the file cannot be written anew for that', async () => {
    const warnings: unknown[] = []
    const text = await heardSlowly(false, (file) => {
      // The new file has no place then.
      mkdirSync(path.join(path.dirname(file), '.out.srt.diarize-stream.tmp'))
      return srtSink(file).on('warning', (warning) => warnings.push(warning)) as Writable
    })
    expect(parseSubtitles(text).map(({ text: shown }) => shown.replace(/^Speaker .: /, ''))).toContain('word4')
    expect(warnings).toEqual([])
  })

  it('are told from others by what fileSource() says of itself', async () => {
    const sources = ['demo/dialogue.mp4', '-'].map((file) => fileSource(file))
    expect(sources.map((source) => (source as { [liveSource]?: boolean })[liveSource])).toEqual([false, undefined])
    const closed = sources.map((source) => once(source, 'close'))
    for (const source of sources) source.destroy()
    await Promise.all(closed)
  })
})
