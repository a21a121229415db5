import { writeWavHeader } from '../src/audio/wav.ts'
import { IterableSource } from '../src/pipeline/pipeline.ts'
import { type Progress, run, type Source, type Stage, type StageFunction } from '../src/run.ts'
import type { Turn } from '../src/model.ts'
import { srtSink } from '../src/sinks/caption-sinks.ts'
import { fanOut } from '../src/sinks/fan-out.ts'
import { fileSource } from '../src/sources/file.ts'
import { decode } from '../src/transforms/decode.ts'
import { diarize } from '../src/transforms/diarize.ts'
import { frame } from '../src/transforms/frame.ts'
import { resample } from '../src/transforms/resample.ts'
import { segment } from '../src/transforms/segment.ts'
import { exampleTurn, makeTurn } from './captions/example-turn.ts'
import { parseSubtitles } from './captions/parsers.ts'
import { noChildLeft } from './helpers/processes.ts'
import { temporaryDirectories, TextCollector } from './sinks/temporary.ts'
import { spawn } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { connect, createServer } from 'node:net'
import path from 'node:path'
import { Duplex, PassThrough, Readable, Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'

const directory = temporaryDirectories()

/** A Writable whose `close` comes only some turns of the event loop after it is destroyed. */
class SlowToClose extends Writable {
  tidied = false

  constructor() {
    super({ objectMode: true })
  }

  override _write(_item: unknown, _encoding: BufferEncoding, done: () => void): void {
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    setTimeout(() => {
      this.tidied = true
      done(error)
    }, 30)
  }
}

const endless = () => new Readable({ objectMode: true, read() {} })

describe('run', () => {
  it('runs a pipeline and settles when every stage has closed', async () => {
    const source = Readable.from([exampleTurn()])
    const middle = segment()
    const out = new TextCollector()
    const sink = srtSink(out)
    await run(source, middle, sink)
    expect([source.closed, middle.closed, sink.closed]).toEqual([true, true, true])
    expect(parseSubtitles(out.text)).toHaveLength(5)
  })

  it('begins with anything that can be iterated', async () => {
    const out = new TextCollector()
    await run([makeTurn(0, 'A:one')], srtSink(out))
    await run(
      (async function* () {
        await Promise.resolve()
        yield makeTurn(0, 'A:two')
      })(),
      srtSink(new TextCollector()),
    )
    expect(out.text).toContain('one')
  })

  it('takes the stages as an array, with options after it', async () => {
    const out = new TextCollector()
    const stages = [Readable.from([makeTurn(0, 'A:one')]), segment(), srtSink(out)]
    await run(stages, { signal: new AbortController().signal })
    expect(out.text).toContain('one')
    const reason = AbortSignal.abort()
    await expect(run([endless(), srtSink(new TextCollector())], { signal: reason })).rejects.toThrow(/aborted/)
    await expect(run([endless()])).rejects.toThrow('at least two stages')
  })

  it('takes functions as pipeline() does', async () => {
    const seen: string[] = []
    await run(
      () => [makeTurn(0, 'A:one'), makeTurn(1, 'B:two')],
      async function* (turns: AsyncIterable<Turn>) {
        for await (const turn of turns) if (turn.words[0]?.speaker === 'B') yield turn.transcript
      },
      async (texts: AsyncIterable<string>) => {
        for await (const text of texts) seen.push(text)
      },
    )
    expect(seen).toEqual(['two'])
  })

  it('takes a generator at the end that takes all and gives nothing', async () => {
    const seen: unknown[] = []
    // oxlint-disable-next-line require-yield -- as one writes who has just taken out what it gave
    await run([1, 2], async function* (items: AsyncIterable<unknown>) {
      for await (const item of items) seen.push(item)
    })
    expect(seen).toEqual([1, 2])
  })

  it('fails where a generator at the end gives something, which nobody would have', async () => {
    const gives = async function* (items: AsyncIterable<unknown>) {
      yield* items
    }
    await expect(run([1, 2], gives)).rejects.toThrow(
      'stage 2 of 2 gives out what nobody reads; end the pipeline with a sink',
    )
  })

  it('takes functions that pipe what they are given into a stage, and give that', async () => {
    const ways: StageFunction[] = [
      (turns) => Readable.from(turns).pipe(segment()),
      (turns) => {
        const stage = segment()
        pipeline(turns, stage).catch(() => {})
        return stage
      },
      async function* (turns) {
        yield* Readable.from(turns).pipe(segment())
      },
    ]
    for (const way of ways) {
      const out = new TextCollector()
      await run([makeTurn(0, 'A:one')], way, srtSink(out))
      expect(out.text).toContain('one')
    }
  })

  it('fails with what a function throws, and settles where one waits for something else', async () => {
    const fails = async function* (items: AsyncIterable<unknown>) {
      for await (const item of items) if (item !== undefined) throw new Error('mine')
      yield 1
    }
    await expect(run([1, 2], fails, new SlowToClose())).rejects.toThrow('mine')
    const waits = async function* (items: AsyncIterable<unknown>) {
      for await (const item of items) {
        await new Promise(() => {})
        yield item
      }
    }
    const controller = new AbortController()
    const running = run([1, 2], waits, new SlowToClose(), { signal: controller.signal })
    controller.abort()
    await expect(running).rejects.toThrow(/aborted/)
    await expect(run(() => 1 as never, new SlowToClose())).rejects.toThrow('gives nothing to iterate')
  })

  it('fails where a function returns before its input has ended, in the middle and at the end', async () => {
    async function* two(items: AsyncIterable<unknown>): AsyncGenerator {
      let count = 0
      for await (const item of items) {
        yield item
        if (++count === 2) return
      }
    }
    const one = async (items: AsyncIterable<unknown>): Promise<void> => {
      for await (const item of items) if (item !== undefined) return
    }
    const refused = (stage: string) => ({
      code: 'INVALID_PIPELINE',
      message: expect.stringContaining(`${stage} returned before its input had ended`) as string,
    })
    const sink = new SlowToClose()
    await expect(run(countless(), two, sink)).rejects.toMatchObject(refused('stage 2 of 3'))
    expect(sink.closed).toBe(true)
    await expect(run(countless(), one)).rejects.toMatchObject(refused('stage 2 of 2'))
  })

  it.each<[string, string | undefined, (signal: AbortSignal) => [Source, ...Stage[]]]>([
    ['success', undefined, () => [[1], neverClosing()]],
    ['a failure', 'mine', () => [[1], failing(), neverClosing()]],
    ['a failure of its own', 'mine', () => [[1], Object.assign(failing(), { _destroy: () => {} }), neverClosing()]],
    ['an abort', 'ABORT_ERR', () => [endless(), neverClosing()]],
  ])('waits ten seconds for a stage that never closes, after %s', async (_name, code, stages) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const controller = new AbortController()
      const outcome = run(stages(controller.signal), { signal: controller.signal }).then(
        () => undefined,
        (error: Error & { code?: string }) => error.code ?? error.message,
      )
      let isSettled = false
      void outcome.then(() => (isSettled = true))
      const settle = async (): Promise<void> => {
        for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
      }
      await settle()
      if (code === 'ABORT_ERR') controller.abort()
      await settle()
      await vi.advanceTimersByTimeAsync(9999)
      expect(isSettled).toBe(false)
      await vi.advanceTimersByTimeAsync(10_001)
      expect(await outcome).toBe(code)
    } finally {
      vi.useRealTimers()
    }
  })

  it('is aborted also while the listener of its progress waits', async () => {
    const controller = new AbortController()
    const work = run([1], new SlowToClose(), {
      signal: controller.signal,
      onProgress: () => {
        setImmediate(() => controller.abort())
        return new Promise(() => {})
      },
    })
    await expect(work).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' })
  })

  it('waits for slow tidying after success, failure and abort', async () => {
    const success = new SlowToClose()
    await run(Readable.from([1]), success)
    expect(success.tidied).toBe(true)

    const failure = new SlowToClose()
    const source = endless()
    process.nextTick(() => source.destroy(new Error('upstream failed')))
    await expect(run(source, failure)).rejects.toThrow('upstream failed')
    expect(failure.tidied).toBe(true)

    const aborted = new SlowToClose()
    const controller = new AbortController()
    setImmediate(() => controller.abort(new Error('enough')))
    await expect(
      run(endless(), new PassThrough({ objectMode: true }), aborted, { signal: controller.signal }),
    ).rejects.toMatchObject({
      name: 'AbortError',
      code: 'ABORT_ERR',
      cause: { message: 'enough' },
    })
    expect(aborted.tidied).toBe(true)
  })

  it('waits for it where a checkpoint refuses the stages, too', async () => {
    const sink = new SlowToClose()
    const checkpoint = path.join(directory(), 'checkpoint')
    await expect(run(endless(), sink, { checkpoint })).rejects.toMatchObject({ code: 'INVALID_PIPELINE' })
    expect(sink.tidied).toBe(true)
  })

  it('settles after an abort although its generator waits for something else', async () => {
    async function* stuck() {
      yield exampleTurn()
      await new Promise(() => {})
    }
    const controller = new AbortController()
    const sink = srtSink(new TextCollector())
    const work = run(stuck(), segment(), sink, { signal: controller.signal })
    setImmediate(() => controller.abort())
    await expect(work).rejects.toMatchObject({ name: 'AbortError' })
    expect(sink.closed).toBe(true)
  })

  it('puts one listener on its signal, and takes it away', async () => {
    const { signal } = new AbortController()
    let listeners = 0
    function* source() {
      yield exampleTurn()
      listeners = getEventListeners(signal, 'abort').length
    }
    await run(source(), segment(), srtSink(new TextCollector()), { signal })
    expect(listeners).toBe(1)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('destroys every stage where the signal was aborted before', async () => {
    const stages = [endless(), new PassThrough({ objectMode: true }), new SlowToClose()] as const
    await expect(run(...stages, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    expect(stages.map((stage) => stage.closed)).toEqual([true, true, true])
  })

  it.each<[string, (signal: AbortSignal) => [Readable, ...Stage[]]]>([
    ['a source', (signal) => [fileSource('talk.mp4', { signal }), new SlowToClose()]],
    ['a Transform', (signal) => [endless(), resample({ signal }), new SlowToClose()]],
    ['diarize()', (signal) => [endless(), diarize({ signal, url: 'ws://127.0.0.1:1' }), new SlowToClose()]],
    ['a sink', (signal) => [endless(), srtSink(new TextCollector(), { signal })]],
    ['a stream of the user', (signal) => [endless(), new PassThrough({ signal }), new SlowToClose()]],
  ])('rejects where the signal of %s had fired before', async (_what, make) => {
    const stages = make(AbortSignal.abort())
    // Whatever nobody hears ends the process, and fails this test.
    await expect(run(stages)).rejects.toMatchObject({ name: 'AbortError' })
    await new Promise(setImmediate)
    expect(stages.map((stage) => (stage as Readable).destroyed)).toEqual(stages.map(() => true))
  })

  it('waits for the targets of fanOut()', async () => {
    const targets = [new SlowToClose(), new SlowToClose()]
    await run(Readable.from([exampleTurn()]), fanOut(...targets))
    expect(targets.map((target) => target.tidied)).toEqual([true, true])
  })

  it('leaves no child process and no socket open after an abort', async () => {
    const server = createServer((peer) => peer.resume())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const child = spawn(process.execPath, ['-e', 'process.stdout.write("ready"); setInterval(() => {}, 1000)'])
    const socket = connect((server.address() as { port: number }).port, '127.0.0.1')
    const source = new Readable({
      read() {},
      destroy(error, done) {
        child.once('close', () => done(error))
        child.kill('SIGKILL')
      },
    })
    child.stdout.on('data', (data) => source.push(data))
    const controller = new AbortController()
    child.stdout.once('data', () => controller.abort())
    await expect(run(source, socket, { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' })
    expect(child.signalCode).toBe('SIGKILL')
    expect(socket.closed).toBe(true)
    await new Promise((resolve) => server.close(resolve))
  })

  it('rejects with the typed error of the stage that failed', async () => {
    const file = path.join(directory(), 'missing', 'x.srt')
    const source = endless()
    await expect(run(source, srtSink(file))).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' })
    expect(source.closed).toBe(true)
  })

  it('takes options that are handed on and were not given', async () => {
    const written: string[] = []
    const sink = new Writable({ write: (chunk: Buffer, _encoding, done) => done(void written.push(String(chunk))) })
    await run(Readable.from(['a']), new PassThrough(), sink, undefined)
    expect(written).toEqual(['a'])
  })

  it('writes to standard streams without waiting for them to close', async () => {
    await run(Readable.from(['']), process.stderr)
    expect(process.stderr.destroyed).toBe(false)
  })
})

describe('pipelines that run() refuses', () => {
  const readable = () => endless()
  const writable = () => new SlowToClose()
  const through = () => new PassThrough({ objectMode: true })
  const refused: [string, () => unknown[]][] = [
    ['run() needs at least two stages: a source and a sink', () => []],
    ['run() needs at least two stages: a source and a sink', () => [readable(), { signal: undefined }]],
    ['stage 1 of 2 is no Readable or iterable', () => [writable(), writable()]],
    ['stage 1 of 2 is no Readable or iterable', () => [undefined, writable()]],
    ['stage 2 of 2 is no stream', () => [readable(), undefined]],
    [
      'stage 2 of 3 is a stream of the web: give Duplex.fromWeb() of it, of node:stream',
      () => [readable(), new TransformStream(), writable()],
    ],
    [
      'stage 2 of 2 is a stream of the web: give Writable.fromWeb() of it, of node:stream',
      () => [readable(), new WritableStream()],
    ],
    ['stage 2 of 2 is no Writable: only the first stage may be a source', () => [readable(), readable()]],
    ['stage 2 of 3 gives nothing out: a sink must be the last', () => [readable(), writable(), writable()]],
    [
      "stage 2 of 2 gives out what nobody reads; end the pipeline with a sink, e.g. srtSink('talk.srt')",
      () => [readable(), through()],
    ],
    [
      'stage 2 of 3 is given twice',
      () => {
        const stage = through()
        return [stage, stage, writable()]
      },
    ],
    [
      'stage 2 of 2 has been closed already',
      () => {
        const sink = writable()
        sink.destroy()
        return [readable(), sink]
      },
    ],
    [
      "stage 1 of 4 is a string: use fileSource('talk.mp4')",
      () => ['talk.mp4', resample(), diarize({ engine: 'embedded' }), writable()],
    ],
    ['stage 1 of 2 is a string: use httpSource() with it', () => ['https://me:secret@example.org/a', writable()]],
    ['stage 1 of 2 is a string: use rtspSource() with it', () => ['RTSP://camera/1', writable()]],
    [
      'stage 1 of 2 is a Buffer, whose numbers come one by one: put it in an array, [bytes]',
      () => [Buffer.alloc(2), writable()],
    ],
    [
      'what the function gives that is stage 1 of 2 is a Int16Array, whose numbers come one by one: put it in an array, [bytes]',
      () => [() => new Int16Array(2), writable()],
    ],
    [
      'stage 2 of 3 is a function that gives a stage; call it: resample()',
      () => [[Buffer.alloc(2)], resample, writable()],
    ],
    ['stage 2 of 3 is a function that gives a stage; call it: segment()', () => [readable(), segment, writable()]],
    [
      'stage 2 of 3 is a function that gives a stage; give the stage itself',
      () => [readable(), () => segment(), writable()],
    ],
    [
      'stage 2 of 2 is a function that gives a stage; give the stage itself',
      () => [readable(), () => srtSink(new TextCollector())],
    ],
    ['stage 2 of 2 is a function that gives neither a promise nor anything to iterate', () => [readable(), () => {}]],
    [
      'stage 3 of 3 takes bytes, not turns; give it to a sink, e.g. srtSink(target)',
      () => [readable(), segment(), new PassThrough().resume()],
    ],
  ]

  it.each(refused)('%s', async (message, make) => {
    const stages = make()
    await expect(run(...(stages as [Readable, ...Stage[]]))).rejects.toMatchObject({
      code: 'INVALID_PIPELINE',
      message,
    })
    const left = stages.filter((stage) => stage instanceof Readable || stage instanceof Writable)
    expect(left.every((stage) => stage.destroyed)).toBe(true)
  })

  it('do not include a Transform at the end that somebody reads', async () => {
    const last = new PassThrough({ objectMode: true })
    const seen: unknown[] = []
    last.on('data', (item) => seen.push(item))
    await run(Readable.from([1, 2, 3]), last)
    expect(seen).toEqual([1, 2, 3])
  })

  it('do not include a Duplex whose readable side was never open, as what compose() makes of stages and a sink', async () => {
    const seen: unknown[] = []
    const write = (item: unknown, _encoding: unknown, done: () => void) => {
      seen.push(item)
      done()
    }
    const closedSide = { objectMode: true, readable: false, write }
    await run(Readable.from([1, 2, 3]), new Duplex(closedSide))
    expect(seen).toEqual([1, 2, 3])
    const middle = new Duplex(closedSide)
    await expect(run(endless(), middle, new SlowToClose())).rejects.toThrow('stage 2 of 3 gives nothing out')
  })

  it('crash nothing where a stage fails by being destroyed, as what compose() makes does', async () => {
    const source = new Readable({ read() {}, destroy: (_error, done) => done(new Error('destroyed')) })
    await expect(run(source as never)).rejects.toThrow('run() needs at least two stages')
    await vi.waitFor(() => expect(source).toMatchObject({ closed: true, errored: new Error('destroyed') }))
  })

  it('give the error of a stage that has failed already', async () => {
    const sink = new SlowToClose()
    sink.on('error', () => {})
    sink.destroy(new Error('failed before'))
    await expect(run(endless(), sink)).rejects.toThrow('failed before')
  })

  it('include wrong options', async () => {
    const wrong = { signals: 1 } as object
    await expect(run(endless(), new SlowToClose(), wrong)).rejects.toThrow('run() has no option signals')
    await expect(run(endless(), new SlowToClose(), { onProgress: 1 as never })).rejects.toThrow(
      'onProgress, when given, must be a function; got 1',
    )
    await expect(run(endless(), new SlowToClose(), { signal: 1 as never })).rejects.toThrow('signal, when given')
  })
})

describe('progress of run()', () => {
  /** Says after each object how far it has come. */
  function counting(): Transform {
    let audioMs = 0
    return new Transform({
      objectMode: true,
      transform(item, _encoding, done) {
        audioMs += 500
        this.emit('progress', { audioMs, turns: audioMs / 500, speakers: ['A', 'B'] })
        done(null, item)
      },
    })
  }

  it('is reported while there is any, and once at the end', async () => {
    const reports: Progress[] = []
    await run(Readable.from([1, 2, 3]), counting(), new SlowToClose(), { onProgress: (report) => reports.push(report) })
    expect(reports.length).toBeGreaterThanOrEqual(2)
    expect(reports[0]).toMatchObject({ audioMs: 500, turns: 1, speakers: ['A', 'B'] })
    const last = reports.at(-1)
    expect(last).toMatchObject({ audioMs: 1500, turns: 3, speakers: ['A', 'B'] })
    expect(last?.elapsedMs).toBeGreaterThan(0)
    expect(last?.speed).toBeCloseTo(1500 / (last?.elapsedMs ?? 1), 6)
  })

  it('says how much there is in all, where the source knows', async () => {
    const reports: Progress[] = []
    const onProgress = (report: Progress): unknown => reports.push(report)
    await run(Object.assign(Readable.from([1]), { duration: 2500 }), new SlowToClose(), { onProgress })
    await run(Readable.from([1]), new SlowToClose(), { onProgress })
    expect(reports[0]?.totalMs).toBe(2500)
    expect(reports.at(-1)).not.toHaveProperty('totalMs')
  })

  it('is reported at the end even where no stage said anything', async () => {
    const reports: Progress[] = []
    await run(Readable.from([1]), new SlowToClose(), { onProgress: (report) => reports.push(report) })
    expect(reports).toMatchObject([{ audioMs: 0, turns: 0, speakers: [], speed: 0 }])
  })

  it('waits for a slow listener, and fails with what it rejects with in the end', async () => {
    let calls = 0
    const onProgress = async () => {
      calls += 1
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
      throw new Error('listener failed late')
    }
    await expect(run(Readable.from([1]), counting(), new SlowToClose(), { onProgress })).rejects.toThrow(
      'listener failed late',
    )
    expect(calls).toBe(1)
  })

  it('fails the run with what the listener throws or rejects with, and crashes nothing', async () => {
    const problem = new Error('listener failed')
    const listeners: (() => unknown)[] = [
      () => {
        throw problem
      },
      () => Promise.reject(problem),
    ]
    for (const onProgress of listeners) {
      const source = endless()
      source.push(1)
      const sink = new SlowToClose()
      await expect(run(source, counting(), sink, { onProgress })).rejects.toBe(problem)
      expect([source.closed, sink.closed]).toEqual([true, true])
      // The one report comes at the end, when everything has worked.
      await expect(run(Readable.from([1]), new SlowToClose(), { onProgress })).rejects.toBe(problem)
    }
  })
})

const closed = (stream: Readable) => new Promise((resolve) => stream.once('close', resolve))

/** Waits for ever after its first value. */
async function* stuck(): AsyncGenerator<number> {
  yield 1
  await new Promise(() => {})
}

describe('a web stream as the source', () => {
  it('is refused where it gives what is nothing', async () => {
    const web = new ReadableStream({ start: (controller) => controller.enqueue(null) })
    await expect(run(web, new PassThrough({ objectMode: true }).resume())).rejects.toThrow(
      'the source of run() gave null',
    )
  })

  it('gives its chunks', async () => {
    const web = new Blob(['one', 'two']).stream()
    const out: Buffer[] = []
    await run(web, new Writable({ write: (chunk: Buffer, _encoding, done) => done(void out.push(chunk)) }))
    expect(Buffer.concat(out).toString()).toBe('onetwo')
  })

  it.each(['alone', 'in an array'])(
    'is being read at once, %s: Node cancels the body of a Response that is collected',
    async (how) => {
      const web = new Blob(['one']).stream()
      const sink = new PassThrough().resume()
      const running = how === 'alone' ? run(web, sink) : run([web, sink])
      expect(web.locked).toBe(true)
      await running
    },
  )

  it('is cancelled at once where the run is aborted while it waits', async () => {
    const aborted = new AbortController()
    let isCancelled = false
    const web = new ReadableStream({
      start: (controller) => controller.enqueue('one'),
      cancel: () => void (isCancelled = true),
    })
    const write = (_chunk: unknown, _encoding: string, done: () => void): void => {
      aborted.abort()
      done()
    }
    await expect(run(web, new Writable({ write }), { signal: aborted.signal })).rejects.toThrow('aborted')
    expect(isCancelled).toBe(true)
  })
})

describe('IterableSource', () => {
  it('gives every value of arrays, generators and async generators in order', async () => {
    async function* slowly() {
      for (const value of ['a', 'b', 'c']) {
        await new Promise((resolve) => setImmediate(resolve))
        yield value
      }
    }
    expect(await new IterableSource(['a', 'b', 'c']).toArray()).toEqual(['a', 'b', 'c'])
    expect(await new IterableSource(new Set([1, 2])).toArray()).toEqual([1, 2])
    expect(await new IterableSource(slowly()).toArray()).toEqual(['a', 'b', 'c'])
    expect(await new IterableSource([]).toArray()).toEqual([])
  })

  it('asks for no more than is wanted', async () => {
    let made = 0
    function* numbers() {
      for (;;) yield made++
    }
    const source = new IterableSource(numbers())
    source.read()
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(made).toBeLessThan(5)
    source.destroy()
    await closed(source)
  })

  it('closes while its generator waits for something else', async () => {
    const source = new IterableSource(stuck())
    source.resume()
    expect(await new Promise((resolve) => source.once('data', resolve))).toBe(1)
    source.destroy()
    await closed(source)
  })

  it('lets a generator tidy up when the pipeline fails', async () => {
    let tidied = false
    function* numbers() {
      try {
        for (let i = 0; ; i++) yield i
      } finally {
        tidied = true
      }
    }
    const failing = new Writable({
      objectMode: true,
      write(_item, _encoding, done) {
        done(new Error('sink failed'))
      },
    })
    const source = new IterableSource(numbers())
    const end = closed(source)
    await expect(pipeline(source, failing)).rejects.toThrow('sink failed')
    await end
    expect(tidied).toBe(true)
  })

  it('fails with what the generator throws, and where a value is missing', async () => {
    const failing = new IterableSource(
      (function* () {
        yield 1
        throw new RangeError('broken')
      })(),
    )
    await expect(failing.toArray()).rejects.toThrow('broken')
    // `null` would end a stream, as if everything had been given.
    for (const missing of [null, undefined]) {
      await expect(new IterableSource([1, missing, 2]).toArray()).rejects.toMatchObject({
        code: 'INVALID_PIPELINE',
        message: `the source of run() gave ${missing}; it must give bytes or objects, and return at its end`,
      })
    }
  })
})

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

  it('does not take what was left out for missing', async () => {
    const stop = new AbortController()
    const sink = collector(() => stop.abort())
    // A WAV that says how long it is, and comes more slowly than it is ended.
    const bytes = writeWavHeader({ sampleRate: 16_000, channels: 1, encoding: 's16le' }, 32_000_000)
    async function* slow() {
      yield bytes
      for (let piece = 0; piece < 10_000; piece++) {
        yield Buffer.alloc(3200)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const summary = await run(Readable.from(slow()), decode(), resample(), frame(), sink, { stop: stop.signal })
    expect(summary.truncated).toBeUndefined()
  })

  it('ends bytes that FFmpeg decodes', async () => {
    const stop = new AbortController()
    const sink = collector(() => stop.abort())
    await run(Readable.from(endlessSilence()), decode(), resample(), frame(), sink, { stop: stop.signal })
    expect(sink.items.length).toBeGreaterThan(0)
  })

  it.each([
    ['a generator', (): AsyncIterable<unknown> => neverEnding()],
    ['a Readable of one', () => Readable.from(neverEnding())],
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

async function* neverEnding(): AsyncGenerator<number> {
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

/** Takes everything, and does not close. */
function neverClosing(): Writable {
  return new Writable({ objectMode: true, write: (_item, _encoding, done) => done(), destroy: () => {} })
}

function failing(): PassThrough {
  const stage = new PassThrough({ objectMode: true })
  stage._transform = (_item, _encoding, done) => done(new Error('mine'))
  return stage
}

function* countless(): Generator<number> {
  for (let number = 0; ; number++) yield number
}
