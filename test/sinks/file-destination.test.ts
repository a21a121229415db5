import {
  appendFileSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { jsonlSink } from '../../src/sinks/jsonl.ts'
import { srtSink } from '../../src/sinks/srt.ts'
import { vttSink } from '../../src/sinks/vtt.ts'
import { makeTurn } from '../captions/example-turn.ts'
import { parseSubtitles } from '../captions/parsers.ts'
import { temporaryDirectories, untilFileHolds } from './temporary.ts'

const directory = temporaryDirectories()
const shown = (file: string) => parseSubtitles(readFileSync(file, 'utf8')).map((cue) => cue.text)

/** A sink that has written its first cue, and what is true then. */
async function begun(name = 'out.srt') {
  const here = directory()
  const file = path.join(here, name)
  const sink = srtSink(file, { names: false })
  sink.write(makeTurn(0, 'A:one'))
  await untilFileHolds(file, 'one')
  return { here, file, sink, end: finished(sink) }
}

describe('a file that something else happens to', () => {
  it('fails the sink where it was removed, since its captions are lost', async () => {
    const { file, sink, end } = await begun()
    rmSync(file)
    sink.end(makeTurn(1, 'A:two'))
    await expect(end).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      message: `cannot write to ${file}: it was removed, renamed or replaced while it was being written; leave it in its place until the sink has finished`,
    })
    expect(existsSync(file)).toBe(false)
  })

  it('is never written over where another file has taken its place', async () => {
    const { here, file, sink, end } = await begun()
    rmSync(file)
    writeFileSync(file, 'of somebody else')
    sink.end(makeTurn(0, 'A:One.', { revision: 1 }))
    await expect(end).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
    expect(readFileSync(file, 'utf8')).toBe('of somebody else')
    expect(readdirSync(here)).toEqual(['out.srt'])
  })

  it('is never written over where a link points to another file by now', async () => {
    const here = directory()
    const [first = '', second = '', link = ''] = ['first', 'second', 'link'].map((name) => path.join(here, name))
    writeFileSync(first, '')
    writeFileSync(second, 'of somebody else')
    symlinkSync(first, link)
    const sink = srtSink(link, { names: false })
    sink.write(makeTurn(0, 'A:one'))
    await untilFileHolds(first, 'one')
    rmSync(link)
    symlinkSync(second, link)
    const end = finished(sink)
    sink.end(makeTurn(0, 'A:One.', { revision: 1 }))
    await expect(end).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
    expect(shown(first)).toEqual(['one'])
    expect(readFileSync(second, 'utf8')).toBe('of somebody else')
  })

  it('is completed under its new name where it was renamed', async () => {
    const { here, file, sink, end } = await begun()
    const moved = path.join(here, 'moved.srt')
    renameSync(file, moved)
    sink.end(makeTurn(1, 'A:two'))
    await end
    expect(shown(moved)).toEqual(['one', 'two'])
  })
})

describe.each([
  ['srtSink', (file: string) => srtSink(file, { names: false })],
  ['jsonlSink', (file: string) => jsonlSink(file)],
])('a file of %s that another program', (_name, make) => {
  const changes: [string, RegExp, (file: string) => void][] = [
    ['cuts short', /cut it short/, (file) => truncateSync(file, 3)],
    ['empties, as logrotate does with copytruncate', /cut it short/, (file) => truncateSync(file)],
    ['empties and begins anew', /cut it short/, (file) => writeFileSync(file, 'x')],
    ['appends to', /written to it/, (file) => appendFileSync(file, 'x')],
    ['replaces', /removed, renamed or replaced/, replace],
    ['rotates, making another', /removed, renamed or replaced/, rotate],
  ]

  it.each(changes)('%s fails the sink before it writes more', async (_kind, reason, change) => {
    for (const isAtEnd of [false, true]) {
      const file = path.join(directory(), 'out')
      const sink = make(file)
      const end = finished(sink)
      await new Promise((resolve) => sink.write(makeTurn(0, 'A:one'), resolve))
      await untilFileHolds(file, 'one')
      change(file)
      const left = readFileSync(file, 'utf8')
      if (isAtEnd) sink.end()
      else sink.end(makeTurn(1, 'A:two'))
      await expect(end).rejects.toMatchObject({
        code: 'OUTPUT_UNWRITABLE',
        target: file,
        message: expect.stringMatching(reason) as string,
      })
      if (!sink.closed) await new Promise((resolve) => sink.once('close', resolve))
      expect(readFileSync(file, 'utf8')).toBe(left)
    }
  })
})

function replace(file: string): void {
  writeFileSync(`${file}.other`, readFileSync(file))
  renameSync(`${file}.other`, file)
}

function rotate(file: string): void {
  renameSync(file, `${file}.1`)
  writeFileSync(file, '')
}

describe('two sinks on one file', () => {
  it('are refused, whatever name the second has for it', async () => {
    const { here, file, sink, end } = await begun()
    const link = path.join(here, 'link.vtt')
    symlinkSync(file, link)
    const hard = path.join(directory(), 'hard.vtt')
    linkSync(file, hard)
    for (const other of [file, path.join(here, '.', 'out.srt'), link, hard]) {
      await expect(pipeline(Readable.from([makeTurn(0, 'A:other')]), vttSink(other))).rejects.toMatchObject({
        code: 'OUTPUT_UNWRITABLE',
        message: `cannot write to ${path.resolve(other)}: another sink is writing to it; give each sink a file of its own`,
      })
    }
    sink.end(makeTurn(1, 'A:two'))
    await end
    expect(shown(file)).toEqual(['one', 'two'])
  })

  it('may follow each other, also after a failure', async () => {
    const { file, sink, end } = await begun()
    sink.destroy(new Error('stopped'))
    await expect(end).rejects.toThrow('stopped')
    if (!sink.closed) await new Promise((resolve) => sink.once('close', resolve))
    for (const text of ['A:two', 'A:three']) {
      await pipeline(Readable.from([makeTurn(0, text)]), srtSink(file, { names: false }))
    }
    expect(shown(file)).toEqual(['three'])
  })

  it('may share a directory and begin at once', async () => {
    const here = directory()
    const files = Array.from({ length: 8 }, (_, i) => path.join(here, `${i}.jsonl`))
    await Promise.all(files.map((file) => pipeline(Readable.from([makeTurn(0, 'A:one')]), jsonlSink(file))))
    expect(readdirSync(here)).toHaveLength(8)
  })
})

describe('a sink that is destroyed at any moment of its end', () => {
  it('closes, and leaves a whole file or none', async () => {
    const here = directory()
    for (let wait = 0; wait < 60; wait++) {
      const file = path.join(here, `${wait}.vtt`)
      const sink = vttSink(file)
      sink.on('error', () => {})
      sink.write(makeTurn(0, 'A:one'))
      sink.end(makeTurn(1, 'A:two'))
      for (let i = 0; i < wait % 20; i++) await Promise.resolve()
      for (let i = 0; i < wait / 20; i++) await new Promise((resolve) => setImmediate(resolve))
      sink.destroy()
      if (!sink.closed) await new Promise((resolve) => sink.once('close', resolve))
    }
    for (const name of readdirSync(here)) {
      expect(readFileSync(path.join(here, name), 'utf8')).toMatch(/^WEBVTT\n\n1\n[^]*<\/v>\n\n$/)
    }
    expect(readdirSync(here).length).toBeGreaterThan(0)
  })
})

describe('a hard link', () => {
  it('keeps a removed file from being lost', async () => {
    const { here, file, sink, end } = await begun()
    const kept = path.join(here, 'kept.srt')
    linkSync(file, kept)
    rmSync(file)
    sink.end(makeTurn(1, 'A:two'))
    await end
    expect(shown(kept)).toEqual(['one', 'two'])
  })
})
