import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { fanOut } from '../../src/sinks/fan-out.ts'
import { jsonlSink } from '../../src/sinks/jsonl.ts'
import { srtSink, vttSink } from '../../src/sinks/caption-sinks.ts'
import { exampleTurn, makeTurn } from '../captions/example-turn.ts'
import { parseSubtitles } from '../captions/parsers.ts'
import { temporaryDirectories, TextCollector } from './temporary.ts'

const directory = temporaryDirectories()

/** A Writable of objects that takes the next one only when told. */
class Slow extends Writable {
  readonly taken: unknown[] = []
  #done: (() => void) | undefined

  constructor() {
    super({ objectMode: true, highWaterMark: 2 })
  }

  override _write(item: unknown, _encoding: BufferEncoding, done: () => void): void {
    this.taken.push(item)
    this.#done = done
  }

  proceed(): void {
    const done = this.#done
    this.#done = undefined
    done?.()
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

type Write = (item: unknown, ...rest: unknown[]) => void
type Make = new (options: { objectMode: true; write: Write }) => Writable
const require = createRequire(import.meta.url)
/** Streams of npm, which tell of themselves by events alone; none has types. */
const streamx = require('streamx') as { Writable: Make }
const copies = require('readable-stream') as { Writable: Make }
const ndjson = require('ndjson') as { stringify: () => PassThrough }

describe('fanOut', () => {
  it('writes every object to every target and finishes after all of them', async () => {
    const here = directory()
    const files = ['a.srt', 'a.vtt', 'a.jsonl'].map((name) => path.join(here, name))
    const targets = [srtSink(files[0]), vttSink(files[1]), jsonlSink(files[2])]
    await pipeline(Readable.from([exampleTurn()]), fanOut(...targets))
    expect(targets.every((target) => target.writableFinished)).toBe(true)
    const [srt = '', vtt = '', jsonl = ''] = files.map((file) => readFileSync(file, 'utf8'))
    expect(parseSubtitles(srt)).toHaveLength(5)
    expect(parseSubtitles(vtt)).toHaveLength(5)
    // With the summary, and the end of its line.
    expect(jsonl.split('\n')).toHaveLength(3)
  })

  it('goes at the pace of the slowest', async () => {
    const slow = new Slow()
    const fast = new TextCollector()
    let made = 0
    const source = Readable.from(
      (function* () {
        while (made < 200) yield makeTurn(made++, 'A:word', { start: made * 1000 })
      })(),
    )
    const work = pipeline(source, fanOut(srtSink(fast), slow))
    for (let i = 0; i < 100; i++) await turn()
    // What waits in the buffers of the source, the fan and the slow target.
    expect(made).toBeLessThan(60)
    let done = false
    void work.finally(() => {
      done = true
    })
    while (!done) {
      slow.proceed()
      await turn()
    }
    await work
    expect(slow.taken).toHaveLength(200)
    expect(parseSubtitles(fast.text)).toHaveLength(200)
  })

  it('waits for the end of every target', async () => {
    let finish: (() => void) | undefined
    const slow = new Writable({
      objectMode: true,
      write(_item, _encoding, done) {
        done()
      },
      final(done) {
        finish = done
      },
    })
    let done = false
    const work = pipeline(Readable.from([exampleTurn()]), fanOut(slow, srtSink(new TextCollector()))).then(() => {
      done = true
    })
    while (finish === undefined) await turn()
    for (let i = 0; i < 20; i++) await turn()
    expect(done).toBe(false)
    finish()
    await work
  })

  it('destroys all targets with the error of one, and closes after them', async () => {
    const failing = new Writable({
      objectMode: true,
      write(_item, _encoding, done) {
        done(new Error('disk gone'))
      },
    })
    let close: (() => void) | undefined
    const lingering = new Writable({
      objectMode: true,
      write(_item, _encoding, done) {
        done()
      },
      destroy(error, done) {
        close = () => done(error)
      },
    })
    const fan = fanOut(failing, lingering)
    const failed = new Promise((resolve) => lingering.once('error', resolve))
    let closed = false
    fan.on('close', () => {
      closed = true
    })
    const work = finished(fan)
    fan.write(exampleTurn())
    while (close === undefined) await turn()
    for (let i = 0; i < 20; i++) await turn()
    expect(closed).toBe(false)
    close()
    await expect(work).rejects.toThrow('disk gone')
    expect(await failed).toMatchObject({ message: 'disk gone' })
    expect([failing.destroyed, lingering.destroyed]).toEqual([true, true])
  })

  it('fails when a target is closed early', async () => {
    const target = new Slow()
    const fan = fanOut(target, new Slow())
    target.destroy()
    await expect(finished(fan)).rejects.toThrow('a target of fanOut() was closed before everything was written to it')
  })

  it('fails when a target ends itself before all was written to it', async () => {
    const target = new Writable({
      objectMode: true,
      write(_item, _encoding, done) {
        this.end()
        done()
      },
    })
    const fan = fanOut(target, new Slow())
    fan.write(exampleTurn())
    await expect(finished(fan)).rejects.toThrow('a target of fanOut() was closed before everything was written to it')
  })

  it('destroys its targets when the pipeline fails', async () => {
    const targets = [srtSink(new TextCollector()), vttSink(new TextCollector())]
    const fan = fanOut(...targets)
    for (const target of targets) target.on('error', () => {})
    const source = new Readable({ objectMode: true, read() {} })
    const work = pipeline(source, fan)
    source.destroy(new Error('upstream failed'))
    await expect(work).rejects.toThrow('upstream failed')
    if (!fan.closed) await new Promise((resolve) => fan.once('close', resolve))
    expect(targets.map((target) => target.closed)).toEqual([true, true])
  })

  it('fails before any work where a target cannot be written', async () => {
    const other = srtSink(new TextCollector())
    const missing = path.join(directory(), 'missing', 'x.srt')
    await expect(pipeline(Readable.from([exampleTurn()]), fanOut(other, srtSink(missing)))).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
    })
  })

  it.each([
    ['sink', (file: string) => srtSink(file)],
    ['fanOut()', (file: string) => fanOut(srtSink(file), jsonlSink(path.join(path.dirname(file), '..', 'a.jsonl')))],
  ])('a %s that cannot be written waits with its error for somebody who listens', async (_kind, make) => {
    const file = path.join(directory(), 'missing', 'a.srt')
    const problem = { code: 'OUTPUT_UNWRITABLE', message: expect.stringContaining('the directory does not exist') }
    // Nobody listens while something else is awaited; vitest fails on an error that nobody hears.
    const late = make(file)
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
    await expect(pipeline(Readable.from([exampleTurn()]), late)).rejects.toMatchObject(problem)
    const alone = make(file)
    alone.on('error', () => {})
    await expect(finished(alone)).rejects.toMatchObject(problem)
  })

  it('passes events down to the targets, and warnings up', () => {
    const targets = [srtSink(new TextCollector()), jsonlSink(new TextCollector())]
    const fan = fanOut(...targets)
    const source = new PassThrough({ objectMode: true })
    source.pipe(fan)
    const seen: unknown[] = []
    for (const target of targets) target.on('gap', (record) => seen.push(record))
    fan.on('warning', (warning) => seen.push(warning))
    source.emit('gap', { start: 1, end: 2 })
    targets[0]?.emit('warning', { code: 'X', message: 'x' })
    expect(seen).toEqual([
      { start: 1, end: 2 },
      { start: 1, end: 2 },
      { code: 'X', message: 'x' },
    ])
    fan.destroy()
  })

  it('refuses what cannot be written to', () => {
    expect(() => fanOut()).toThrow('fanOut() needs at least one target')
    expect(() => fanOut(new Readable() as never)).toThrow('target 1 of fanOut() is no Writable')
    expect(() => fanOut(new Slow(), null as never)).toThrow('target 2 of fanOut() is no Writable')
    expect(() => fanOut(process.stdout)).toThrow('target 1 of fanOut() takes bytes, not turns')
    const twice = new Slow()
    expect(() => fanOut(twice, twice)).toThrow('target 2 of fanOut() is given twice')
    const file = path.join(directory(), 'out.srt')
    expect(() => fanOut(srtSink(file), jsonlSink(), vttSink(file))).toThrow(
      `target 3 of fanOut() writes to ${file} like another one; give each a file of its own`,
    )
    for (const bad of [() => fanOut()]) expect(bad).toThrow(expect.objectContaining({ code: 'INVALID_PIPELINE' }))
  })

  it.each<[string, (write: Write) => Writable]>([
    ['streamx', (write) => new streamx.Writable({ objectMode: true, write })],
    ['readable-stream', (write) => new copies.Writable({ objectMode: true, write })],
    ['old ones of it', (write) => ndjson.stringify().on('data', (line) => write(line, () => {}))],
  ])(
    'has streams of npm as targets: %s',
    async (_what, make) => {
      let taken = 0
      const target = make((_item, ...rest) => {
        taken += 1
        setImmediate(rest.at(-1) as () => void)
      })
      const turns = Array.from({ length: 100 }, (_, order) => makeTurn(order, 'A:word', { start: order * 1000 }))
      const plain = new TextCollector()
      await pipeline(Readable.from(turns), fanOut(srtSink(plain), target))
      expect(taken).toBe(100)
      expect(parseSubtitles(plain.text)).toHaveLength(100)
    },
    8000,
  )
})
