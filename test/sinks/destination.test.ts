import { srtSink, vttSink } from '../../src/sinks/caption-sinks.ts'
import { jsonlSink } from '../../src/sinks/jsonl.ts'
import { exampleTurn, makeTurn } from '../captions/example-turn.ts'
import { parseSubtitles, parseVtt } from '../captions/parsers.ts'
import { failingAfter, temporaryDirectories, TextCollector, untilFileHolds } from './temporary.ts'
import { spawn, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  createReadStream,
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
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import path from 'node:path'
import { Readable, Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'

interface StreamxOptions {
  highWaterMark?: number
  write: (chunk: string, done: (error?: Error) => void) => void
}
/** Streams of another make, which tar-stream and archiver have; they have no types. */
const streamx = createRequire(import.meta.url)('streamx') as { Writable: new (options: StreamxOptions) => object }

const root = path.resolve(import.meta.dirname, '../..')

/** Runs a script that has `vttSink`, `Readable`, `pipeline`, and `turn()`, which makes one that begins at `order` seconds. */
function runScript(body: string) {
  const script = `
    import { Readable } from 'node:stream'
    import { pipeline } from 'node:stream/promises'
    import { vttSink } from 'diarize-stream'
    const first = ${JSON.stringify(makeTurn(0, 'A:word'))}
    const moved = (timed, ms) => ({ ...timed, start: timed.start + ms, end: timed.end + ms })
    const turn = (order) => ({
      ...moved(first, order * 1000),
      order,
      words: first.words.map((word) => moved(word, order * 1000)),
    })
    ${body}
  `
  return spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function text(stream: Readable): Promise<string> {
  return (await stream.setEncoding('utf8').toArray()).join('')
}

describe('standard output as a target', () => {
  it('gets everything through a pipe and is not ended', async () => {
    const child = runScript(`
      const turns = Array.from({ length: 3000 }, (_, order) => turn(order))
      await pipeline(Readable.from(turns), vttSink())
      await pipeline(Readable.from([]), vttSink(process.stdout))
      process.stdout.write('NOTE still open\\n')
    `)
    const closed = new Promise((resolve) => child.once('close', resolve))
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
    expect(err).toBe('')
    expect(await closed).toBe(0)
    const [file, rest] = out.split(/(?<=\n)(?=WEBVTT)/).slice(0, 2)
    expect(rest).toBe('WEBVTT\n\nNOTE still open\n')
    const { errors, cues } = parseVtt(file ?? '')
    expect(errors).toEqual([])
    expect(cues).toHaveLength(3000)
  })

  it('fails the pipeline with OUTPUT_UNWRITABLE when its reader goes away', async () => {
    const child = runScript(`
      async function* turns() {
        for (let order = 0; ; order++) {
          yield turn(order)
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      try {
        await pipeline(turns(), vttSink())
      } catch (error) {
        console.error(error.code + ' ' + error.message)
      }
    `)
    const closed = new Promise((resolve) => child.once('close', resolve))
    child.stdout.once('data', () => child.stdout.destroy())
    const err = await text(child.stderr)
    expect(await closed).toBe(0)
    expect(err).toBe(
      'OUTPUT_UNWRITABLE cannot write to standard output: its reader has gone; keep its reader open until the sink has finished\n',
    )
  })
})

describe('other targets', () => {
  it.skipIf(!existsSync('/dev/full'))('fail with OUTPUT_UNWRITABLE when nothing more fits', async () => {
    await expect(pipeline(Readable.from([makeTurn(0, 'A:word')]), srtSink('/dev/full'))).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      message: expect.stringContaining('no space is left on the device') as string,
    })
  })

  it('may be sockets', async () => {
    const received: Buffer[] = []
    const server = createServer((socket) => socket.on('data', (data) => received.push(data)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { connect } = await import('node:net')
    const socket = connect((server.address() as { port: number }).port, '127.0.0.1')
    await pipeline(Readable.from([makeTurn(0, 'A:word')]), srtSink(socket))
    while (received.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(Buffer.concat(received).toString()).toContain('Speaker A: word')
    socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
})

const directory = temporaryDirectories()

describe('streams given to srtSink', () => {
  it('are ended unless told otherwise', async () => {
    const ended = new TextCollector()
    await pipeline(Readable.from([exampleTurn()]), srtSink(ended))
    expect(ended.writableFinished).toBe(true)
    const open = new TextCollector()
    await pipeline(Readable.from([exampleTurn()]), srtSink(open, { end: false }))
    expect(parseSubtitles(open.text)).toHaveLength(5)
    expect(open.writableEnded).toBe(false)
    expect(['error', 'close', 'drain'].map((event) => open.listenerCount(event))).toEqual([0, 0, 0])
  })

  it('set the pace', async () => {
    const waiting: (() => void)[] = []
    const slow = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        waiting.push(done)
      },
    })
    let made = 0
    const source = Readable.from(
      (function* () {
        while (made < 500) yield makeTurn(made++, 'A:word', { start: made * 1000 })
      })(),
    )
    const work = pipeline(source, srtSink(slow))
    while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve))
    for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(made).toBeLessThan(100)
    let done = false
    void work.finally(() => {
      done = true
    })
    while (!done) {
      waiting.shift()?.()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await work
    expect(made).toBe(500)
  })

  it('may be those of streamx, which call nothing back and tell by events alone', async () => {
    const turns = Array.from({ length: 50 }, (_, order) => makeTurn(order, 'A:word', { start: order * 1000 }))
    const plain = new TextCollector()
    await pipeline(Readable.from(turns), srtSink(plain))
    const written = async (end: boolean): Promise<string> => {
      let taken = ''
      const write = (chunk: string, done: () => void): void => {
        taken += chunk
        setImmediate(done)
      }
      const target = new streamx.Writable({ highWaterMark: 1, write })
      await pipeline(Readable.from(turns), srtSink(target as unknown as Writable, { end }))
      while (!end && taken.length < plain.text.length) await new Promise((resolve) => setImmediate(resolve))
      return taken
    }
    expect([await written(true), await written(false)]).toEqual([plain.text, plain.text])
    const failing = new streamx.Writable({ write: (_chunk, done) => done(new Error('boom')) })
    await expect(pipeline(Readable.from(turns), srtSink(failing as unknown as Writable))).rejects.toThrow('boom')
  })

  it('fail the sink when they fail, even before the first write, and are destroyed with it', async () => {
    const failing = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
      },
    })
    await expect(pipeline(Readable.from([exampleTurn()]), srtSink(failing))).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      message:
        'cannot write to the given Writable: its reader has gone; keep its reader open until the sink has finished',
    })
    const early = new Writable()
    const sink = srtSink(early)
    early.destroy(new Error('early'))
    await expect(finished(sink)).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
    const closed = new TextCollector()
    const waiting = srtSink(closed)
    closed.destroy()
    await expect(finished(waiting)).rejects.toThrow('it was closed before the captions were complete')
    const given = new TextCollector()
    given.on('error', () => {})
    await expect(pipeline(failingAfter([]), srtSink(given))).rejects.toThrow('upstream failed')
    expect(given.destroyed).toBe(true)
    const kept = new TextCollector()
    await expect(pipeline(failingAfter([]), srtSink(kept, { end: false }))).rejects.toThrow('upstream failed')
    expect(kept.destroyed).toBe(false)
  })

  it('that never take anything do not keep a sink from being destroyed', async () => {
    const stuck = new Writable({ highWaterMark: 1, write() {} })
    const sink = srtSink(stuck)
    sink.write(exampleTurn())
    await new Promise((resolve) => setImmediate(resolve))
    const closed = new Promise((resolve) => sink.once('close', resolve))
    sink.destroy()
    await closed
    expect(stuck.destroyed).toBe(true)
  })

  it('that never finish do not keep a sink from being destroyed, at whatever moment of its end', async () => {
    for (let wait = 0; wait < 40; wait++) {
      const stuck = new Writable({ highWaterMark: 1, write() {}, final() {} })
      const sink = vttSink(stuck, { end: wait % 4 < 2 })
      if (wait % 2 === 0) sink.write(makeTurn(0, 'A:one'))
      sink.end()
      for (let i = 0; i < wait >> 1; i++) await Promise.resolve()
      const closed = new Promise((resolve) => sink.once('close', resolve))
      sink.destroy()
      await closed
      expect(stuck.listenerCount('drain')).toBe(0)
    }
  })

  it('may be named pipes, which take everything and stay', async () => {
    const pipe = path.join(directory(), 'pipe')
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
    const reader = createReadStream(pipe, 'utf8').toArray()
    const sink = srtSink(pipe, { names: false })
    await pipeline(Readable.from([makeTurn(0, 'A:one'), makeTurn(1, 'A:two')]), sink)
    expect(parseSubtitles((await reader).join('')).map(({ text }) => text)).toEqual(['one', 'two'])
  })
})

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
