import path from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { run } from '../src/run.ts'
import { fileSource } from '../src/sources/file.ts'
import { decode } from '../src/transforms/decode.ts'
import { frame } from '../src/transforms/frame.ts'
import { resample } from '../src/transforms/resample.ts'
import { noChildLeft } from './helpers/processes.ts'

const clip = path.resolve(import.meta.dirname, '../demo/dialogue.mp4')

afterEach(() => noChildLeft())

/** Takes everything, and calls `onFirst` with the first of it. */
function collector(onFirst: () => void = () => {}) {
  const items: unknown[] = []
  const stream = new Writable({
    objectMode: true,
    highWaterMark: 1,
    write(item: unknown, _encoding, done) {
      items.push(item)
      if (items.length === 1) onFirst()
      setImmediate(done)
    },
  })
  return Object.assign(stream, { items })
}

describe('run with stop', () => {
  it('ends a file early, without an error, and with FFmpeg gone', async () => {
    const stop = new AbortController()
    const source = fileSource(clip)
    const warnings: unknown[] = []
    source.on('warning', (warning) => warnings.push(warning))
    const sink = collector(() => stop.abort())
    await run(source, resample(), frame(), sink, { stop: stop.signal })
    await noChildLeft()
    expect(source.closed).toBe(true)
    expect(sink.writableFinished).toBe(true)
    expect(warnings).toEqual([])
    expect(sink.items.length).toBeGreaterThan(0)
    // The clip has 925 frames of 50 ms.
    expect(sink.items.length).toBeLessThan(200)
  })

  it('ends early also while the sink holds everything back', async () => {
    const stop = new AbortController()
    let release = (): void => {}
    let begun = (): void => {}
    const first = new Promise<void>((resolve) => (begun = resolve))
    const write = (_item: unknown, _encoding: BufferEncoding, done: () => void): void => {
      release = done
      begun()
    }
    const done = run(
      fileSource(clip),
      resample(),
      frame(),
      new Writable({ objectMode: true, highWaterMark: 1, write }),
      { stop: stop.signal },
    )
    await first
    stop.abort()
    await noChildLeft()
    const timer = setInterval(() => release(), 1)
    const summary = await done.finally(() => clearInterval(timer))
    expect(summary.gaps).toEqual([])
  })

  it('ends bytes that FFmpeg decodes', async () => {
    const stop = new AbortController()
    const sink = collector(() => stop.abort())
    await run(Readable.from(endlessSilence()), decode(), resample(), frame(), sink, { stop: stop.signal })
    expect(sink.items.length).toBeGreaterThan(0)
  })

  it.each([
    ['a generator', (): AsyncIterable<unknown> => endless()],
    ['a Readable of one', () => Readable.from(endless())],
    ['a stream that somebody else writes to', () => fed()],
    ['a Readable that never gives more', () => quiet()],
  ])('ends %s, and closes it', async (_name, open) => {
    const stop = new AbortController()
    const sink = collector(() => stop.abort())
    const source = open()
    await run(source, sink, { stop: stop.signal })
    expect(sink.items[0]).toBe(0)
    expect(sink.writableFinished).toBe(true)
    expect(source instanceof Readable ? source.closed : true).toBe(true)
  })

  it('says that there was no audio where none had come', async () => {
    const stopped = AbortSignal.abort()
    const done = run(fileSource(clip), resample(), frame(), collector(), { stop: stopped })
    await expect(done).rejects.toMatchObject({ code: 'NO_AUDIO' })
  })

  it('changes nothing once the source has ended, and refuses what is no signal', async () => {
    const stop = new AbortController()
    const sink = collector()
    await run([0, 1], sink, { stop: stop.signal })
    stop.abort()
    expect(sink.items).toEqual([0, 1])
    await expect(run([0], collector(), { stop: true as never })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})

async function* endless(): AsyncGenerator<number> {
  for (let i = 0; ; i++) {
    yield i
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function* endlessSilence(): Generator<Buffer> {
  const header = Buffer.from(
    'RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0',
    'latin1',
  )
  yield Buffer.concat([header, Buffer.from('data\xff\xff\xff\xff', 'latin1')])
  for (;;) yield Buffer.alloc(3200)
}

function fed(): Readable {
  const stream = new PassThrough({ objectMode: true })
  for (let i = 0; i < 3; i++) stream.write(i)
  return stream
}

function quiet(): Readable {
  const stream = new Readable({ objectMode: true, read() {} })
  stream.push(0)
  return stream
}
