import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Fleet, type FleetOptions, openFleet } from '../../src/fleet/index.ts'
import { planFleetJobs, streamMark } from '../../src/fleet/jobs.ts'
import { resolveFleetOptions, resolveWorkOptions } from '../../src/fleet/options.ts'
import { openStore, type Store } from '../../src/fleet/store.ts'
import { FleetWorker } from '../../src/fleet/worker.ts'
import { serve, type StreamingServer } from '../../src/server/index.ts'
import { toneEngine } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { filesIn, wordsIn, wordsOf, writeRecording } from '../batch/recordings.ts'
import { station, steadyEngine } from '../checkpoint/killing.ts'
import { writeTalk } from '../checkpoint/talk.ts'
import { freePort, stores, type TestStore } from '../helpers/stores.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { FrozenProxy } from './frozen-proxy.ts'

const directory = temporaryDirectories()

for (const [kind, { missing, start }] of Object.entries(stores)) {
  if (missing !== undefined) process.stderr.write(`fleet tests skipped: ${missing}\n`)
  describe.skipIf(missing !== undefined)(`a fleet on ${kind}`, () => {
    let store: TestStore
    let server: StreamingServer
    let queues = 0

    beforeAll(async () => {
      store = await start()
      server = await serve({ engine: toneEngine(), apiKeys: ['any-key'] })
    })
    afterAll(async () => {
      await server?.close()
      await store?.close()
    })

    const open = (more: Partial<FleetOptions> = {}): Promise<Fleet> =>
      openFleet({ store: store.url, queue: `test-${++queues}`, ...more })
    const opened = async (queue: string): Promise<Store & AsyncDisposable> => {
      const one = await openStore(resolveFleetOptions({ store: store.url, queue }))
      return Object.assign(one, { [Symbol.asyncDispose]: () => one.close() })
    }
    const heard = (): { hearing: { url: string; voices: false } } => ({ hearing: { url: server.url, voices: false } })

    it('captions each input once, by any of its workers', async () => {
      await using fleet = await open()
      const folder = directory()
      for (const number of [1, 2, 3, 4]) writeRecording(path.join(folder, 'in', `talk${number}.wav`), number)
      const options = {
        ...heard(),
        output: path.join(folder, 'out', '{name}.{format}'),
        formats: ['srt', 'jsonl'],
      } as const
      const labels = { customer: 'acme' }
      const first = await fleet.add([path.join(folder, 'in')], { ...options, labels })
      expect(first).toMatchObject({ added: 4, ids: { length: 4 } })
      expect(await fleet.add([path.join(folder, 'in')], options)).toEqual({ added: 0, ids: first.ids })
      expect((await fleet.status()).counts).toMatchObject({ waiting: 4, active: 0 })
      const workers = [
        await fleet.work({ concurrency: 2, apiKey: 'any-key', name: 'one' }),
        await fleet.work({ concurrency: 2, apiKey: 'any-key', name: 'two' }),
      ]
      const done: string[] = []
      await new Promise<void>((resolve, reject) => {
        for (const worker of workers) {
          worker.on('failed', (_facts, error) => reject(error))
          worker.on('done', ({ input }) => done.push(path.basename(input)) === 4 && resolve())
        }
      })
      expect(done.toSorted()).toEqual(['talk1.wav', 'talk2.wav', 'talk3.wav', 'talk4.wav'])
      expect(filesIn(path.join(folder, 'out'))).toEqual(
        [1, 2, 3, 4].flatMap((number) => [`talk${number}.jsonl`, `talk${number}.srt`]),
      )
      for (const number of [1, 2, 3, 4]) {
        expect(wordsIn(path.join(folder, 'out', `talk${number}.srt`))).toEqual(wordsOf(number))
      }
      for (const worker of workers) await worker.drain()
      expect(await fleet.status()).toMatchObject({ counts: { waiting: 0, active: 0, completed: 4, failed: 0 } })
    })

    it('hands a job over when its worker is drained, and the next goes on where it was', async () => {
      await using fleet = await open()
      const folder = directory()
      const words = toneScript({ seed: 5, duration: 60_000, speakers: 2, turnWords: [1, 8] })
      const talk = path.join(folder, 'talk.wav')
      writeTalk(talk, words)
      await fleet.add([talk], { ...heard(), output: path.join(folder, '{name}.{format}'), formats: ['srt', 'jsonl'] })
      // Stores take whole numbers only, whatever becomes of this one.
      const slow = { concurrency: 1, apiKey: 'any-key', lockTime: 10_009 }
      const first = await fleet.work(slow)
      await new Promise<void>((resolve) => first.once('begin', () => resolve()))
      const moved = new Promise<number>((resolve) => first.once('moved', ({ epoch }) => resolve(epoch)))
      await first.drain()
      const second = await fleet.work(slow)
      const epoch = await new Promise<number>((resolve) => second.once('done', (facts) => resolve(facts.epoch)))
      expect(epoch).toBe((await moved) + 1)
      expect(wordsIn(path.join(folder, 'talk.srt'))).toEqual(words.map(({ word }) => word))
      expect(filesIn(folder)).toEqual(['talk.jsonl', 'talk.srt', 'talk.wav'])
    })

    it('hears a live input at once where recordings have every place, and hands one of these to others', async () => {
      await using fleet = await open()
      await using slow = await serve({ engine: steadyEngine(10), apiKeys: ['any-key'] })
      const folder = directory()
      const said = { seed: 6, duration: 20_000, speakers: 2, turnWords: [1, 4] as [number, number] }
      const words = toneScript(said)
      const radio = await station(toneScript({ ...said, duration: 120_000 }))
      const talk = path.join(folder, 'talk.wav')
      writeTalk(talk, words)
      const options = { hearing: { url: slow.url, voices: false }, output: path.join(folder, '{name}.{format}') }
      await fleet.add([talk], options)
      const first = await fleet.work({ concurrency: 1, apiKey: 'any-key' })
      await new Promise<void>((resolve) => first.once('begin', () => resolve()))
      const begun = new Promise((resolve) => first.once('begin', ({ slice }) => resolve(slice)))
      const moved = new Promise((resolve) => first.once('moved', ({ input }) => resolve(input)))
      const live = { ...options, live: true }
      const added = await fleet.add([{ input: radio.url, name: 'radio' }], live)
      expect(await fleet.add([{ input: radio.url, name: 'radio' }], live)).toEqual({ ...added, added: 0 })
      expect([await begun, await moved]).toEqual([1, talk])
      await expect.poll(async () => (await fleet.status()).counts).toMatchObject({ waiting: 1, active: 1 })
      const second = await fleet.work({ concurrency: 1, apiKey: 'any-key' })
      expect(await new Promise((resolve) => second.once('done', ({ input }) => resolve(input)))).toBe(talk)
      expect(wordsIn(path.join(folder, 'talk.srt'))).toEqual(words.map(({ word }) => word))
      const active = async (): Promise<unknown> => (await fleet.status()).active
      await expect.poll(active).toEqual([expect.objectContaining({ id: added.ids[0], slice: 1 })])
      await first.drain()
      await radio.close()
    })

    it('says what failed, and does it once more when it is asked to', async () => {
      await using fleet = await open()
      const folder = directory()
      const broken = path.join(folder, 'broken.wav')
      writeFileSync(broken, 'no audio at all')
      await fleet.add([broken], { ...heard(), output: path.join(folder, '{name}.{format}') })
      const worker = await fleet.work({ concurrency: 1, apiKey: 'any-key' })
      await new Promise<void>((resolve) => worker.once('failed', () => resolve()))
      await expect.poll(async () => (await fleet.status()).counts.failed).toBe(1)
      const { failed } = await fleet.status()
      expect(failed).toEqual([
        expect.objectContaining({ input: broken, attempts: 1, reason: expect.stringMatching(/^INPUT_NOT_MEDIA: /) }),
      ])
      writeRecording(broken, 7)
      const done = new Promise<void>((resolve) => worker.once('done', () => resolve()))
      expect(await fleet.retry()).toBe(1)
      await done
      expect(wordsIn(path.join(folder, 'broken.srt'))).toEqual(wordsOf(7))
    })

    it('puts each job back once, however soon it fails again', async () => {
      await using fleet = await open()
      const folder = directory()
      for (const number of [1, 2, 3]) writeFileSync(path.join(folder, `broken${number}.wav`), 'no audio at all')
      await fleet.add([folder], { ...heard(), output: path.join(folder, '{name}.{format}') })
      const worker = await fleet.work({ concurrency: 3, apiKey: 'any-key' })
      const failed = async (): Promise<number> => (await fleet.status()).counts.failed
      await expect.poll(failed, { timeout: 20_000 }).toBe(3)
      let [again, count] = [0, 0]
      worker.on('failed', () => (again += 1))
      for (let round = 0; round < 5; round++) {
        count += await fleet.retry()
        await expect.poll(failed, { timeout: 20_000 }).toBe(3)
      }
      expect([count, again]).toEqual([15, 15])
    })

    it('tells Prometheus what a worker does', async () => {
      await using fleet = await open()
      const folder = directory()
      await fleet.add([writeRecording(path.join(folder, 'talk.wav'), 2)], {
        ...heard(),
        output: path.join(folder, '{name}.{format}'),
      })
      const port = await freePort()
      const worker = await fleet.work({ concurrency: 1, apiKey: 'any-key', name: 'one', metrics: { port } })
      await new Promise<void>((resolve) => worker.once('done', () => resolve()))
      const told = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
      await expect.poll(told).toContain('diarize_stream_fleet_jobs{state="completed",worker="one"} 1')
      const text = await told()
      for (const line of [
        'words_total{worker="one"} 4',
        'sessions_opened_total{worker="one"} 1',
        'jobs_done_total{worker="one"} 1',
      ]) {
        expect(text).toContain(`diarize_stream_fleet_${line}`)
      }
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404)
      await expect(fleet.work({ apiKey: 'any-key', metrics: { port } })).rejects.toMatchObject({
        option: 'metrics.port',
      })
      // Whoever else waits for its end, metrics are told no more.
      const ended = Promise.all([worker.ended(), worker.ended()])
      await worker.drain()
      await ended
      await expect(told()).rejects.toThrow('fetch failed')
    })

    it.runIf(kind === 'redis')('tells Prometheus what it knows while the store does not answer', async () => {
      const proxy = await FrozenProxy.open(store.port)
      await using fleet = await open({ store: `redis://127.0.0.1:${proxy.port}` })
      const port = await freePort()
      const worker = await fleet.work({ concurrency: 1, apiKey: 'any-key', name: 'one', metrics: { port } })
      proxy.freeze(true)
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
      expect(text).toContain('diarize_stream_fleet_words_total{worker="one"} 0')
      expect(text).not.toContain('diarize_stream_fleet_jobs{')
      proxy.freeze(false)
      await worker.drain()
      await fleet.close()
      await proxy.close()
    })

    it('drains all workers from afar', async () => {
      await using fleet = await open()
      await using other = await open({ queue: `test-${queues}` })
      const worker = await fleet.work({ concurrency: 1, apiKey: 'any-key' })
      const ended = worker.ended()
      await other.drain()
      await expect(ended).resolves.toBeUndefined()
    })

    it('lets one process at a time change what all know', async () => {
      const options = resolveFleetOptions({ store: store.url, queue: `test-${++queues}` })
      const both = [await openStore(options), await openStore(options)]
      const add = (text: string | undefined, now: number): { value: string; result: number } => ({
        value: String(Number(text ?? 0) + 1),
        result: now,
      })
      const times = await Promise.all(Array.from({ length: 20 }, (_, at) => both[at % 2]!.update('count', add)))
      expect(await both[0]!.read('count')).toBe('20')
      expect(Math.abs(times[0]! - Date.now())).toBeLessThan(60_000)
      for (const one of both) await one.close()
    })

    it.runIf(kind === 'postgres')(
      'locks nothing while a change is made, and makes it again where another did',
      async () => {
        const queue = `test-${++queues}`
        await using one = await opened(queue)
        await one.write('mark', 'first')
        const script =
          "import pg from 'pg'; const c = new pg.Client(process.argv[1]); await c.connect(); await c.query('UPDATE " +
          "diarize_stream.fleet_state SET value = $2 WHERE queue = $1', [process.argv[2], 'theirs']); await c.end()"
        const seen: (string | undefined)[] = []
        await one.update('mark', (before) => {
          if (seen.push(before) === 1)
            execFileSync(process.execPath, ['--input-type=module', '-e', script, store.url, queue], { timeout: 30_000 })
          return { value: 'ours', result: undefined }
        })
        expect(seen).toEqual(['first', 'theirs'])
        expect(await one.read('mark')).toBe('ours')
      },
    )

    it.runIf(kind === 'redis')('does not count it as a fault of an input that the store did not answer', async () => {
      const queue = `test-${++queues}`
      const folder = directory()
      const radio = await station(toneScript({ seed: 6, duration: 60_000, speakers: 2, turnWords: [1, 2] }))
      await using fleet = await open({ queue })
      await fleet.add([{ input: radio.url, name: 'radio' }], {
        ...heard(),
        live: true,
        output: path.join(folder, '{name}.{format}'),
      })
      await using one = await opened(queue)
      let asked = 0
      const silent = Object.assign(Object.create(one) as typeof one, {
        present: (ids: readonly string[]) =>
          (asked += 1) === 1 ? Promise.reject(new Error('no answer')) : one.present(ids),
        worker: one.worker.bind(one),
        read: one.read.bind(one),
        update: one.update.bind(one),
      })
      const worker = await FleetWorker.begin(silent, resolveWorkOptions({ concurrency: 1, apiKey: 'any-key' }))
      await expect.poll(() => worker.counts.words, { timeout: 20_000 }).toBeGreaterThan(0)
      expect([asked > 1, worker.counts.failed]).toEqual([true, 0])
      await worker.drain()
      await radio.close()
    })

    it('goes on with a live input whose slices were queued by a clock that is ahead', async () => {
      const queue = `test-${++queues}`
      await using fleet = await open({ queue })
      await using own = await opened(queue)
      const folder = directory()
      const radio = await station(toneScript({ seed: 6, duration: 60_000, speakers: 2, turnWords: [1, 2] }))
      const output = path.join(folder, '{name}-{number}.{format}')
      const [job] = await planFleetJobs([{ input: radio.url, name: 'radio' }], { ...heard(), live: true, output })
      const { id, data } = job!
      const short = { ...data, slice: { number: 1, length: 500 } }
      const opts = { jobId: id, timestamp: Date.now() + 300_000 }
      await own.enqueue('live', [{ name: 'caption', data: short, opts }])
      const worker = await fleet.work({ concurrency: 1, apiKey: 'any-key' })
      const slices: unknown[] = []
      await new Promise<void>((resolve) => {
        worker.on('lost', () => resolve())
        worker.on('done', ({ slice }) => slices.push(slice) === 2 && resolve())
      })
      expect(slices).toEqual([1, 2])
      await worker.drain()
      await radio.close()
    })

    it('knows a live input whose first slices are not remembered any more', async () => {
      const queue = `test-${++queues}`
      await using fleet = await open({ queue })
      await using own = await opened(queue)
      const folder = directory()
      const radio = await station(toneScript({ seed: 6, duration: 60_000, speakers: 2, turnWords: [1, 2] }))
      const options = { ...heard(), live: true, output: path.join(folder, '{name}-{number}.{format}') }
      const given = [{ input: radio.url, name: 'radio' }]
      const [job] = await planFleetJobs(given, options)
      const { id, data } = job!
      const short = { ...data, slice: { number: 1, length: 500 } }
      const opts = { jobId: id, removeOnComplete: { age: 604_800 } }
      await own.enqueue('live', [{ name: 'caption', data: short, opts }])
      const worker = await fleet.work({ concurrency: 1, apiKey: 'any-key' })
      await new Promise<void>((resolve) => worker.once('done', () => resolve()))
      await worker.drain()
      const last = (await own.read(streamMark(id)))!
      expect(await own.present([id, last])).toEqual(new Set([id, last]))
      const forget = async (one: string): Promise<void> => (await own.queues.live.getJob(one))!.remove()
      await forget(id)
      expect(await fleet.add(given, options)).toEqual({ ids: [id], added: 0 })
      await forget(last)
      expect(await fleet.add(given, options)).toEqual({ ids: [id], added: 1 })
      await radio.close()
    })

    it('makes again what it has done where that is to be overwritten', async () => {
      await using fleet = await open()
      const folder = directory()
      const talk = writeRecording(path.join(folder, 'talk.wav'), 3)
      const options = { ...heard(), output: path.join(folder, '{name}.{format}') }
      const first = await fleet.add([talk], options)
      expect(await fleet.add([talk], { ...options, existing: 'overwrite' })).toEqual({ ...first, added: 0 })
      const worker = await fleet.work({ concurrency: 1, apiKey: 'any-key' })
      const done = (): Promise<void> => new Promise((resolve) => worker.once('done', () => resolve()))
      await done()
      const completed = async (): Promise<number> => (await fleet.status()).counts.completed
      await expect.poll(completed, { timeout: 20_000 }).toBe(1)
      expect(await fleet.add([talk], options)).toEqual({ ...first, added: 0 })
      // The recording was cut anew.
      writeRecording(talk, 7)
      const again = done()
      expect(await fleet.add([talk], { ...options, existing: 'overwrite' })).toEqual({ ...first, added: 1 })
      await again
      expect(wordsIn(path.join(folder, 'talk.srt'))).toEqual(wordsOf(7))
    })

    it('leaves out what is there already', async () => {
      await using fleet = await open()
      const folder = directory()
      mkdirSync(path.join(folder, 'out'))
      writeRecording(path.join(folder, 'talk.wav'), 3)
      writeFileSync(path.join(folder, 'out', 'talk.srt'), 'mine')
      await fleet.add([path.join(folder, 'talk.wav')], {
        ...heard(),
        output: path.join(folder, 'out', '{name}.{format}'),
      })
      const worker = await fleet.work({ concurrency: 1, apiKey: 'any-key' })
      const status = await new Promise((resolve) => worker.once('done', (_facts, outcome) => resolve(outcome.status)))
      expect(status).toBe('skipped')
      expect(readFileSync(path.join(folder, 'out', 'talk.srt'), 'utf8')).toBe('mine')
    })
  })
}
