import { spawnSync } from 'node:child_process'
import { createReadStream } from 'node:fs'
import path from 'node:path'
import { Readable, Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { srtSink } from '../../src/sinks/srt.ts'
import { vttSink } from '../../src/sinks/vtt.ts'
import { exampleTurn, makeTurn } from '../captions/example-turn.ts'
import { parseSubtitles } from '../captions/parsers.ts'
import { failingAfter, temporaryDirectories, TextCollector } from './temporary.ts'

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
