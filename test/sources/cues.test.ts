import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Cue } from '../../src/model.ts'
import { run } from '../../src/run.ts'
import { assSink, srtSink, vttSink } from '../../src/sinks/caption-sinks.ts'
import { jsonlSink } from '../../src/sinks/jsonl.ts'
import { cueSource } from '../../src/sources/cues.ts'
import { jsonlSource } from '../../src/sources/jsonl.ts'
import { makeTurn } from '../captions/example-turn.ts'
import { temporaryDirectories, TextCollector } from '../sinks/temporary.ts'

const directory = temporaryDirectories()

/** Captions of two speakers as our own sinks write them. */
async function written(name: string, make: (file: string) => NodeJS.WritableStream): Promise<string> {
  const file = path.join(directory(), name)
  const turns = [
    makeTurn(0, 'A:One, A:two.', { start: 0 }),
    makeTurn(1, 'B:Three.', { start: 2000 }),
    makeTurn(2, 'B:Four.', { start: 40_000 }),
  ]
  await run(Readable.from(turns), make(file))
  return file
}

describe('cueSource', () => {
  it.each([
    ['srt', (file: string) => srtSink(file, { speakers: { B: 'Bob' } }), (file: string) => srtSink(file)],
    ['vtt', (file: string) => vttSink(file, { speakers: { B: 'Bob' } }), (file: string) => vttSink(file)],
    [
      'vtt',
      (file: string) => vttSink(file, { layout: { labels: 'name' } }),
      (file: string) => vttSink(file, { layout: { labels: 'name' } }),
    ],
  ])('reads %s of ours, which written again is the same', async (ending, make, again) => {
    const file = await written(`one.${ending}`, make)
    const second = `${file}.again`
    const summary = await run(cueSource(pathToFileURL(file)), again(second))
    expect(readFileSync(second, 'utf8')).toBe(readFileSync(file, 'utf8'))
    expect(summary).toMatchObject({ turns: 2, audioMs: 40_833 })
    expect(summary.speakers[0]).toBe('A')
  })

  it('changes names and formats, and goes through JSONL', async () => {
    const file = await written('one.srt', (target) => srtSink(target))
    const [cues, out] = [`${file}.jsonl`, new TextCollector()]
    await run(cueSource(file), jsonlSink(cues))
    expect(readFileSync(cues, 'utf8')).toContain('"words":[]')
    await run(jsonlSource(cues), vttSink(out, { speakers: { A: 'Alice' } }))
    expect(out.text).toContain('<v Alice>One, two.</v>')
    const ass = new TextCollector()
    await run(cueSource(file), assSink(ass))
    expect(ass.text).toContain('Speaker2,Speaker B,0,0,0,,Three.')
  })

  it.each([
    ['with a byte-order mark', Buffer.from('\uFEFF1\n00:00:01,000 --> 00:00:02,000\nÄh\n')],
    ['in UTF-16', Buffer.from('\uFEFF1\n00:00:01,000 --> 00:00:02,000\nÄh\n', 'utf16le')],
  ])('reads a file %s', async (_what, bytes) => {
    const file = path.join(directory(), 'a.srt')
    writeFileSync(file, bytes)
    const out = new TextCollector()
    await run(cueSource(file), srtSink(out))
    expect(out.text).toBe('1\n00:00:01,000 --> 00:00:02,000\nÄh\n\n')
  })

  it('says what is wrong with a file', async () => {
    const here = directory()
    const [folder, latin, none] = ['a.srt', 'b.srt', 'c.srt'].map((name) => path.join(here, name)) as [
      string,
      string,
      string,
    ]
    mkdirSync(folder)
    writeFileSync(latin, Buffer.from('1\n00:00:01,000 --> 00:00:02,000\n\xC4h\n', 'latin1'))
    writeFileSync(none, 'not a caption')
    const read = (file: string) => run(cueSource(file), srtSink(new TextCollector()))
    await expect(read('/does/not/exist.srt')).rejects.toMatchObject({ code: 'INPUT_NOT_FOUND' })
    await expect(read(folder)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' })
    const inUtf8 = {
      code: 'INPUT_NOT_MEDIA',
      message: expect.stringContaining('is not UTF-8; save it as UTF-8') as string,
    }
    await expect(read(latin)).rejects.toMatchObject(inUtf8)
    await expect(read(none)).rejects.toMatchObject({ code: 'INPUT_NOT_MEDIA' })
    expect(() => cueSource('')).toThrow('file, when given, must be a path')
    expect(() => cueSource('a', { prefixes: 1 as never })).toThrow('prefixes, when given, must be true or false; got 1')
    expect(() => cueSource('a', { wrong: 1 } as object)).toThrow('cueSource() has no option wrong')
  })

  it.each([
    ['cueSource', cueSource],
    ['jsonlSource', jsonlSource],
  ])('%s lets go at once of a standard input that is silent', async (_name, source) => {
    const silent = new Readable({ read: () => {} })
    const real = Object.getOwnPropertyDescriptor(process, 'stdin')!
    Object.defineProperty(process, 'stdin', { value: silent, configurable: true })
    try {
      const abort = new AbortController()
      const stage = source('-', { signal: abort.signal })
      stage.on('error', () => {}).resume()
      await new Promise(setImmediate)
      const closed = new Promise((resolve) => stage.once('close', resolve))
      abort.abort()
      await closed
      expect(silent.destroyed).toBe(true)
    } finally {
      Object.defineProperty(process, 'stdin', real)
    }
  })

  it.each(['<v ', '<font ', '<v.a', '<v. ', '{\\an', '<1:'])(
    'takes no longer for %j that is never closed',
    async (tag) => {
      const file = path.join(directory(), 'hostile.srt')
      writeFileSync(file, `1\n00:00:01,000 --> 00:00:02,000\n${tag.repeat(300_000)}end\n`)
      const source = cueSource(file)
      const [cue] = (await source.toArray()) as Cue[]
      expect(cue?.lines.join('')).toMatch(/end$/)
    },
  )
})

it.each(['http://me:secret@example.org/x', 'file://host/x', 'file:///a%2fb'])('refuses the URL %s', (url) => {
  const refused = () => cueSource(new URL(url))
  expect(refused).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', option: 'file' }))
  expect(refused).not.toThrow('secret')
})
