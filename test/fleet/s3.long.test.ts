import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonlSink, jsonlSource, run, s3Destination, srtSink } from '../../src/index.ts'
import { s3Store } from '../../src/destinations/s3.ts'
import { openFleet } from '../../src/fleet/index.ts'
import { serve } from '../../src/server/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { wordsIn, wordsOf as numbersOf, writeRecording } from '../batch/recordings.ts'
import { station, steadyEngine } from '../checkpoint/killing.ts'
import { linesOf, wordsOf, writeTalk } from '../checkpoint/talk.ts'
import { type S3Server, startS3, whyNoS3 } from '../destinations/s3-server.ts'
import { stores } from '../helpers/stores.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { startWorker, WORKER_KEY, type WorkerProcess } from './worker-process.ts'

const directory = temporaryDirectories()
const LOCK_S = 2

const { missing, start } = stores.redis
const why = whyNoS3 ?? missing

/** Resolves with the next event of a type, of a worker. */
function next(worker: WorkerProcess, type: string): Promise<void> {
  return new Promise((resolve) => {
    worker.events.on('event', (event) => {
      if (event.type === type) resolve()
    })
  })
}

describe.skipIf(why !== undefined)('a fleet that writes to S3', () => {
  let s3: S3Server
  const before = new Map<string, string | undefined>()

  beforeAll(async () => {
    s3 = await startS3()
    const env = {
      AWS_ENDPOINT_URL: s3.url,
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
      AWS_REGION: 'us-east-1',
    }
    for (const [name, value] of Object.entries(env)) {
      before.set(name, process.env[name])
      process.env[name] = value
    }
  })
  afterAll(async () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    await s3?.[Symbol.asyncDispose]()
  })

  const textOf = async (key: string): Promise<string> => {
    const { signal } = new AbortController()
    const found = await s3Store(`s3://bucket/${key}`).get('', { from: 0, length: 1_000_000 }, signal)
    return Buffer.from(found?.bytes ?? []).toString()
  }

  it('captions folders into a bucket, and leaves out what is there', async () => {
    await using store = await start()
    await using server = await serve({ engine: steadyEngine(100), apiKeys: ['any-key'] })
    await using fleet = await openFleet({ store: store.url })
    const folder = directory()
    for (const number of [1, 2]) {
      mkdirSync(path.join(folder, `in/day${number}`), { recursive: true })
      writeRecording(path.join(folder, `in/day${number}/talk.wav`), number)
    }
    const options = {
      output: 's3://bucket/first/{folder}/{name}.{format}',
      formats: ['srt', 'jsonl', 'vtt'],
      hearing: { url: server.url, voices: false },
    } as const
    const worker = await fleet.work({ apiKey: 'any-key', concurrency: 2 })
    const done = (count: number): Promise<string[]> =>
      new Promise((resolve, reject) => {
        const all: string[] = []
        worker.on('failed', (_facts, error) => reject(error))
        worker.on('done', (_facts, { status }) => all.push(status) === count && resolve(all))
      })
    const first = done(2)
    await fleet.add([path.join(folder, 'in')], options)
    expect(await first).toEqual(['done', 'done'])
    for (const number of [1, 2]) {
      const srt = await textOf(`first/in/day${number}/talk.srt`)
      expect(srt).toContain(String(numbersOf(number)[0]))
      const copy = path.join(folder, `copy${number}.srt`)
      await run([jsonlSource(s3Destination(`s3://bucket/first/in/day${number}/talk.jsonl`)), srtSink(copy)])
      expect(wordsIn(copy)).toEqual(numbersOf(number))
      expect(await textOf(`first/in/day${number}/talk.vtt`)).toMatch(/^WEBVTT\n/)
    }
    // Another job by its labels of speakers, with the same outputs.
    const second = done(2)
    await fleet.add([path.join(folder, 'in')], { ...options, speakers: { A: 'Alice' } })
    expect(await second).toEqual(['skipped', 'skipped'])
  }, 120_000)

  it('goes on where a worker was killed, and refuses one that was taken for dead and is not', async () => {
    await using store = await start()
    await using server = await serve({ engine: steadyEngine(4), apiKeys: [WORKER_KEY] })
    await using fleet = await openFleet({ store: store.url })
    const folder = directory()
    const words = toneScript({ seed: 8, duration: 100_000, speakers: 2, turnWords: [1, 12] })
    const talk = path.join(folder, 'talk.wav')
    writeTalk(talk, words)
    await fleet.add([talk], {
      output: 's3://bucket/second/{name}.{format}',
      formats: ['srt', 'jsonl'],
      hearing: { url: server.url, voices: false },
    })
    // Waits until some of it is kept, as one can only go on from there.
    const kept = async (count: number): Promise<void> => {
      const isKept = (request: string): boolean => /^PUT .*\.fleet\/state\.json$/.test(request)
      s3.log.length = 0
      await expect.poll(() => s3.log.filter(isKept).length, { timeout: 60_000 }).toBeGreaterThanOrEqual(count)
    }
    const begin = (name: string): Promise<WorkerProcess> =>
      startWorker({ folder, store, name, concurrency: 1, lockTime: LOCK_S, more: [] })
    const first = await begin('first')
    await next(first, 'begin')
    await kept(4)
    first.child.kill('SIGKILL')
    const stale = await begin('stale')
    await next(stale, 'begin')
    await kept(4)
    // It is stopped in the middle, goes on when another has its job, and saves nothing.
    stale.child.kill('SIGSTOP')
    const current = await begin('current')
    const isDone = next(current, 'done')
    await next(current, 'begin')
    await kept(2)
    const lost = next(stale, 'lost')
    stale.child.kill('SIGCONT')
    await lost
    await isDone
    for (const worker of [first, stale, current]) {
      worker.child.kill('SIGKILL')
      await worker.proxy.close()
    }
    const copy = path.join(folder, 'copy.jsonl')
    await run([jsonlSource(s3Destination('s3://bucket/second/talk.jsonl')), jsonlSink(copy)])
    expect(wordsOf(copy).map(({ word, start: at }) => [word, at])).toEqual(
      words.map(({ word, start: at }) => [word, expect.closeTo(at, -2) as number]),
    )
    const orders = linesOf(copy).flatMap(({ type, order, revision }) =>
      type === 'turn' && revision === 0 ? [order] : [],
    )
    expect(orders).toEqual(orders.map((_order, index) => index))
    expect(await textOf('second/talk.srt')).toContain(String(words.at(-1)?.word))
  }, 180_000)

  it('hears a live input in slices, each with objects of its own', async () => {
    await using store = await start()
    await using server = await serve({ engine: steadyEngine(100), apiKeys: ['any-key'] })
    await using fleet = await openFleet({ store: store.url })
    const said = toneScript({ seed: 4, duration: 60_000, speakers: 2, turnWords: [1, 3], turnGap: [700, 900] })
    const radio = await station(said)
    const { ids } = await fleet.add([{ input: radio.url, name: 'radio' }], {
      output: 's3://bucket/third/{name}-{number}.{format}',
      formats: ['jsonl', 'srt'],
      live: true,
      slice: 10_000,
      hearing: { url: server.url, voices: false },
    })
    const worker = await fleet.work({ apiKey: 'any-key', concurrency: 1 })
    await new Promise<void>((resolve, reject) => {
      let slices = 0
      worker.on('failed', (_facts, error) => reject(error))
      worker.on('done', () => ++slices === 2 && resolve())
    })
    await worker.drain()
    await radio.close()
    const all = []
    for (const number of [1, 2]) {
      const copy = path.join(directory(), 'copy.srt')
      await run([jsonlSource(s3Destination(`s3://bucket/third/radio-000${number}.jsonl`)), srtSink(copy)])
      all.push(...wordsIn(copy))
      expect(await textOf(`third/radio-000${number}.srt`)).toContain('-->')
    }
    expect(all.length).toBeGreaterThan(5)
    expect(all).toEqual(all.toSorted((a, b) => a - b))
    expect(await textOf(`third/.${ids[0]}.fleet/state.json`)).toContain('"checkpoint"')
  }, 120_000)
})
