import { run, type Stage } from '../src/run.ts'
import { serve } from '../src/server/index.ts'
import { assSink, ctmSink, rttmSink, srtSink, stmSink, textSink, vttSink } from '../src/sinks/caption-sinks.ts'
import { fanOut } from '../src/sinks/fan-out.ts'
import { jsonlSink } from '../src/sinks/jsonl.ts'
import { httpSource } from '../src/sources/http/source.ts'
import { rtspSource } from '../src/sources/rtsp/source.ts'
import { toError, waitAtMost } from '../src/stream-helpers.ts'
import { rotatingSink } from '../src/sinks/rotating.ts'
import { toneAudio, toneEngine } from '../src/testing/index.ts'
import { toneScript } from './helpers/tone-script.ts'
import { decode } from '../src/transforms/decode.ts'
import { diarize } from '../src/transforms/diarize.ts'
import { frame } from '../src/transforms/frame.ts'
import { layout } from '../src/transforms/layout.ts'
import { resample } from '../src/transforms/resample.ts'
import { segment } from '../src/transforms/segment.ts'
import { transcribe } from '../src/transforms/transcribe/transcribe.ts'
import { makeSegment, makeTurn } from './captions/example-turn.ts'
import { TextCollector } from './sinks/temporary.ts'
import { createCipheriv } from 'node:crypto'
import { createRequire } from 'node:module'
import { Duplex, Readable, Transform, type TransformOptions, Writable, type WritableOptions } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { runInNewContext } from 'node:vm'
import { createGunzip, createGzip } from 'node:zlib'
import { describe, expect, it } from 'vitest'

it('toError keeps what is an error already, also of another context, as those of Node are in Jest', () => {
  const foreign: unknown = runInNewContext("new RangeError('far')")
  expect(toError(foreign)).toBe(foreign)
  const abort = new DOMException('stop', 'AbortError')
  expect(toError(abort)).toBe(abort)
  expect(toError('text')).toEqual(new Error('text'))
})

/** Streams as much of npm has them: those of Node, copied. */
const require = createRequire(import.meta.url)
const copies = require('readable-stream') as { Transform: typeof Transform }
/** Upon copies from before a stream destroyed itself at its end. */
const ndjson = require('ndjson') as { parse: () => Duplex; stringify: () => Duplex }

const turns = [0, 1, 2].map((order) => makeTurn(order, 'A:one'))
const source = () => Readable.from(turns)
const swallow = (_chunk: unknown, _encoding: string, done: () => void) => done()
const boom = (): never => {
  throw new Error('boom')
}
const asyncBoom = () => Promise.reject(new Error('boom'))
const sinkThat = (options: WritableOptions) => new Writable({ objectMode: true, write: swallow, ...options })

/** Fails with the second chunk, which is written while nobody is on the stack who wrote it. */
function later(fail: () => unknown): WritableOptions {
  let count = 0
  return {
    write(_chunk, _encoding, done) {
      if (count++ === 0) setImmediate(done)
      else return fail() as undefined
    },
  }
}

describe.each([
  ['throws', boom],
  ['rejects', asyncBoom as () => never],
])("a stream of somebody else's that %s", (_how, fail) => {
  const stages: [string, () => [Stage, ...Stage[]]][] = [
    ['in write', () => [sinkThat({ write: fail })]],
    ['in a later write', () => [sinkThat(later(fail))]],
    ['in write, below a stage of ours', () => [segment(), sinkThat(later(fail))]],
    ['in writev', () => [sinkThat({ ...later(() => undefined), writev: fail })]],
    ['in final', () => [sinkThat({ final: fail })]],
    ['in destroy', () => [sinkThat({ destroy: fail })]],
    ['in construct', () => [sinkThat({ construct: fail })]],
    ['in transform', () => [new Transform({ objectMode: true, transform: fail }), sinkThat({})]],
    ['in flush', () => [new Transform({ objectMode: true, transform: swallow, flush: fail }), sinkThat({})]],
    ['in read', () => [new Duplex({ objectMode: true, write: swallow, read: fail }), sinkThat({})]],
    ['as a target of fanOut()', () => [fanOut(srtSink(new TextCollector()), sinkThat(later(fail)))]],
    ['as a target of fanOut(), in destroy', () => [fanOut(sinkThat({ destroy: fail }))]],
  ]

  it.each(stages)('%s fails run()', async (_where, make) => {
    await expect(run(source(), ...make())).rejects.toThrow('boom')
  })

  it('in read, as the source, fails run()', async () => {
    await expect(run(new Readable({ objectMode: true, read: fail }), sinkThat({}))).rejects.toThrow('boom')
  })

  it.each([
    ['write', { write: fail }],
    ['a later write', later(fail)],
    ['final', { write: swallow, final: fail }],
    ['destroy', { write: swallow, destroy: fail }],
    ['construct', { write: swallow, construct: fail }],
  ])('in %s, as the target of a sink, fails pipeline() with the reason', async (_where, options: WritableOptions) => {
    await expect(pipeline(source(), jsonlSink(new Writable(options)))).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      message: expect.stringContaining('boom') as string,
    })
  })
})

it('a stream whose failure comes after its callback fails once, with that', async () => {
  const write = (_chunk: unknown, _encoding: string, done: () => void) => {
    done()
    boom()
  }
  await expect(run(source(), sinkThat({ write }))).rejects.toThrow('boom')
})

describe("a stream of somebody else's does in run() what it does in pipeline()", () => {
  const late = (): TransformOptions => {
    const held: unknown[] = []
    return {
      objectMode: true,
      transform: (chunk, _encoding, done) => done(null, void held.push(chunk)),
      flush(done) {
        for (const chunk of held) this.push(chunk)
        done(null, 'flushed')
      },
    }
  }
  it.each<[string, () => Duplex[]]>([
    ['flush', () => [new Transform(late())]],
    ['flush and final', () => [new Transform({ ...late(), final: (done) => done() })]],
    ['flush of a class', () => [new HoldingTransform()]],
    ['zlib', () => [createGzip(), createGunzip()]],
    ['a cipher', () => [createCipheriv('aes-128-cbc', Buffer.alloc(16), Buffer.alloc(16))]],
    ['flush of readable-stream', () => [new copies.Transform(late())]],
    ['streams of npm that never close', () => [ndjson.stringify(), ndjson.parse()]],
    ['autoDestroy: false', () => [new Transform({ ...late(), autoDestroy: false })]],
    [
      'Duplex.from()',
      () => [Duplex.from((chunks: AsyncIterable<unknown>) => Readable.from(chunks).map((chunk) => chunk))],
    ],
  ])(
    '%s',
    async (_what, make) => {
      const through = async (pipe: (...stages: [Readable, ...Duplex[], Writable]) => Promise<unknown>) => {
        const out: unknown[] = []
        const sink = sinkThat({ write: (chunk, _encoding, done) => done(void out.push(chunk)) })
        await pipe(Readable.from([Buffer.from('one'), Buffer.from('two')]), ...make(), sink)
        return out
      }
      const expected = await through((...stages) => pipeline(stages))
      expect(expected.length).toBeGreaterThan(0)
      expect(await through((...stages) => run([...stages]))).toEqual(expected)
      // Those that do not close are waited for, 10 s.
    },
    8000,
  )
})

class HoldingTransform extends Transform {
  readonly #held: Buffer[] = []

  override _transform(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#held.push(chunk)
    done()
  }

  override _flush(done: (error: null, rest: Buffer) => void): void {
    done(null, Buffer.concat(this.#held))
  }
}

describe('a stage that is given what is not for it', () => {
  const address = { url: 'ws://127.0.0.1:9' }
  const bytes = Buffer.from('RIFF')
  const forAudio: [string, unknown][] = [
    ['a turn', turns[0]],
    ['a segment', makeSegment('one')],
    ['an object', { not: 'audio' }],
    ['a string', 'RIFF'],
    ['a number', 7],
    ['an array', [1]],
  ]
  const forText: [string, unknown][] = [
    ['a Buffer', bytes],
    ['a Uint8Array', new Uint8Array(bytes)],
    ['a string', 'one'],
    ['a number', 7],
    ['an object', { not: 'a turn' }],
    ['an array', [turns[0]]],
    ['a part of a turn', { ...turns[0], words: undefined }],
  ]
  const audio: [string, () => Duplex, RegExp][] = [
    ['decode()', () => decode(), /put what gives bytes before it/],
    ['resample()', () => resample(), /put a source, e\.g\. fileSource\(\), or decode\(\) before it/],
    ['frame()', () => frame(), /put resample\(\) between/],
    ['diarize()', () => diarize(address), /put resample\(\) between/],
  ]
  const out = () => new TextCollector()
  const text: [string, () => Writable][] = [
    ['segment()', () => segment()],
    ['layout()', () => layout()],
    ['srtSink()', () => srtSink(out())],
    ['vttSink()', () => vttSink(out())],
    ['assSink()', () => assSink(out())],
    ['jsonlSink()', () => jsonlSink(out())],
    ['textSink()', () => textSink(out())],
    ['stmSink()', () => stmSink(out())],
    ['ctmSink()', () => ctmSink(out())],
    ['rttmSink()', () => rttmSink(out())],
  ]
  const table = [
    ...audio.flatMap(([name, make, before]) => forAudio.map((wrong) => [name, ...wrong, make, before] as const)),
    ...text.flatMap(([name, make]) => {
      return forText.map((wrong) => [name, ...wrong, make, /put diarize\(\) before it/] as const)
    }),
  ]

  it.each(table)('%s fails on %s and says what belongs before it', async (_name, _kind, wrong, make, before) => {
    const given: ((chunk: unknown) => Readable)[] = [
      (chunk) => Readable.from([chunk]),
      (chunk) => {
        // Later, while nobody is on the stack who could catch anything, and again and again.
        const readable = new Readable({ objectMode: true, read: () => setImmediate(() => readable.push(chunk)) })
        return readable
      },
    ]
    for (const by of ['pipeline', 'run'] as const) {
      for (const give of given) {
        const stage = make()
        const stages = [give(wrong), stage, ...('read' in stage ? [sinkThat({})] : [])] as [Readable, Writable]
        await expect(by === 'run' ? run(...stages) : pipeline(stages)).rejects.toMatchObject({
          name: 'ConfigurationError',
          code: 'INVALID_PIPELINE',
          message: expect.stringMatching(before) as string,
        })
      }
    }
  })

  it.each([
    ['decode()', () => decode()],
    ['resample()', () => resample()],
    ['frame()', () => frame()],
    ['a second diarize()', () => diarize(address)],
  ])('behind diarize(), where %s does not belong, fails pipeline() by its first turn', async (_name, make) => {
    const server = await serve({ engine: toneEngine() })
    try {
      const audio = toneAudio(toneScript({ seed: 1, duration: 3000, speakers: 2 }))
      const heard = diarize({ url: server.url, apiKey: 'k', pace: 'unpaced' })
      await expect(pipeline(Readable.from([audio]), heard, make(), srtSink(new TextCollector()))).rejects.toMatchObject(
        {
          name: 'ConfigurationError',
          code: 'INVALID_PIPELINE',
        },
      )
    } finally {
      await server.close()
    }
  })

  it.each(audio.map(([name, make]) => [name, make] as const))(
    'fails where it ends with such a thing: %s',
    async (_name, make) => {
      const stage = make()
      const failed = new Promise((resolve) => stage.once('error', resolve))
      stage.end({ not: 'audio' })
      expect(await failed).toMatchObject({ code: 'INVALID_PIPELINE' })
    },
  )
})

describe('within', () => {
  it('waits for the work, and passes its failure on', async () => {
    let done = false
    const work = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      done = true
    })
    await waitAtMost(60_000, work)
    expect(done).toBe(true)
    await expect(waitAtMost(60_000, Promise.reject(new Error('failed')))).rejects.toThrow('failed')
  })

  it('gives up after the limit', async () => {
    expect(await waitAtMost(1, new Promise(() => {}))).toBeUndefined()
  })
})

describe('a stage whose signal has fired before the chain is made', () => {
  const signal = AbortSignal.abort()
  const apiKey = 'key'
  const unread = () => new Writable({ write: swallow })
  const audio = () => Readable.from([Buffer.alloc(3200)])

  it.each<[string, () => Promise<void>]>([
    ['httpSource()', () => pipeline(httpSource('http://127.0.0.1:1/talk.mp3', { signal }), unread())],
    ['rtspSource()', () => pipeline(rtspSource('rtsp://127.0.0.1:1/talk', { signal }), unread())],
    ['decode()', () => pipeline(audio(), decode({ signal }), unread())],
    ['resample()', () => pipeline(audio(), resample({ signal }), unread())],
    ['frame()', () => pipeline(audio(), frame({ signal }), unread())],
    ['diarize()', () => pipeline(audio(), diarize({ apiKey, url: 'ws://127.0.0.1:1', signal }), sinkThat({}))],
    ['transcribe()', () => pipeline(audio(), transcribe({ apiKey, url: 'http://127.0.0.1:1', signal }), sinkThat({}))],
    ['segment()', () => pipeline(source(), segment({ signal }), sinkThat({}))],
    ['layout()', () => pipeline(source(), layout({ signal }), sinkThat({}))],
    ['srtSink()', () => pipeline(source(), srtSink(unread(), { signal }))],
    ['jsonlSink()', () => pipeline(source(), jsonlSink(unread(), { signal }))],
    [
      'rotatingSink()',
      () =>
        pipeline(
          source(),
          rotatingSink('{number}.srt', (file) => srtSink(file), { every: 60_000, signal }),
        ),
    ],
  ])('rejects pipeline() with an AbortError: %s', async (_name, chain) => {
    await expect(chain()).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' })
  })

  it('takes nothing of what is written at once', async () => {
    const target = new TextCollector()
    const sink = srtSink(target, { signal })
    for (const turn of turns) sink.write(turn)
    sink.end()
    await expect(finished(sink)).rejects.toMatchObject({ name: 'AbortError' })
    expect(target.text).toBe('')
  })
})
