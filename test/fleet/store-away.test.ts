import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openFleet } from '../../src/fleet/index.ts'
import { serve, type StreamingServer } from '../../src/server/index.ts'
import { toneEngine } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { wordsIn, wordsOf, writeRecording } from '../batch/recordings.ts'
import { steadyEngine } from '../checkpoint/killing.ts'
import { writeTalk } from '../checkpoint/talk.ts'
import { stores, type TestStore } from '../helpers/stores.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { FrozenProxy } from './frozen-proxy.ts'

const directory = temporaryDirectories()

for (const [kind, { missing, start }] of Object.entries(stores)) {
  describe.skipIf(missing !== undefined)(`a worker whose ${kind} is away`, () => {
    let store: TestStore
    let server: StreamingServer
    let proxy: FrozenProxy
    let url: string

    beforeAll(async () => {
      store = await start()
      server = await serve({ engine: toneEngine(), apiKeys: ['any-key'] })
      proxy = await FrozenProxy.open(store.port)
      url = store.url.replace(String(store.port), String(proxy.port))
    })
    afterAll(async () => {
      await proxy?.close()
      await server?.close()
      await store?.close()
    })

    it.runIf(kind === 'postgres')('is not begun where it gets no connections of its own', async () => {
      await using fleet = await openFleet({ store: url })
      // There are as many as the fleet takes.
      await Promise.all([fleet.warnings(), fleet.warnings()])
      proxy.refuse(true)
      const refused = { code: 'STORE_UNREACHABLE', retryable: true }
      await expect(fleet.work({ concurrency: 1, apiKey: 'any-key' })).rejects.toMatchObject(refused)
      proxy.cut()
      await expect(fleet.status()).rejects.toMatchObject(refused)
      await expect(fleet.retry()).rejects.toMatchObject(refused)
      proxy.refuse(false)
    })

    it.runIf(kind === 'redis')('takes jobs when it gets the connections that it did not get at first', async () => {
      await using fleet = await openFleet({ store: url })
      proxy.refuse(true)
      const begun = fleet.work({ concurrency: 1, apiKey: 'any-key' })
      await expect.poll(() => proxy.refused).toBeGreaterThanOrEqual(4)
      proxy.refuse(false)
      const worker = await begun
      const done = new Promise<void>((resolve) => worker.once('done', () => resolve()))
      const folder = directory()
      const output = path.join(folder, '{name}.{format}')
      const hearing = { url: server.url, voices: false } as const
      await fleet.add([writeRecording(path.join(folder, 'talk.wav'), 3)], { hearing, output })
      await done
      expect(wordsIn(path.join(folder, 'talk.srt'))).toEqual(wordsOf(3))
      await worker.drain()
    })

    it('tells each trouble once', async () => {
      await using fleet = await openFleet({ store: url })
      const worker = await fleet.work({ concurrency: 1, apiKey: 'any-key' })
      const troubles: string[] = []
      worker.on('warning', ({ message }) => troubles.push(message))
      const before = proxy.refused
      proxy.refuse(true)
      proxy.cut()
      await expect.poll(() => proxy.refused - before).toBeGreaterThan(10)
      proxy.refuse(false)
      expect(troubles).not.toEqual([])
      expect(troubles).toEqual([...new Set(troubles)])
      await worker.drain()
    })

    it.runIf(kind === 'postgres')('tells of no failure where a job cannot be handed back', async () => {
      await using slow = await serve({ engine: steadyEngine(10), apiKeys: ['any-key'] })
      await using fleet = await openFleet({ store: url })
      const folder = directory()
      const talk = path.join(folder, 'talk.wav')
      writeTalk(talk, toneScript({ seed: 5, duration: 60_000, speakers: 2, turnWords: [1, 8] }))
      const hearing = { url: slow.url, voices: false } as const
      await fleet.add([talk], { hearing, output: path.join(folder, '{name}.{format}') })
      const worker = await fleet.work({ concurrency: 1, apiKey: 'any-key' })
      await new Promise<void>((resolve) => worker.once('begin', () => resolve()))
      const troubled = new Promise<void>((resolve) => worker.once('warning', () => resolve()))
      proxy.refuse(true)
      proxy.cut()
      await troubled
      await worker.drain()
      expect(worker.counts).toMatchObject({ lost: 1, moved: 0, failed: 0 })
      proxy.refuse(false)
    })

    it('counts no attempt where it ended a job since the store was away', async () => {
      await using slow = await serve({ engine: steadyEngine(10), apiKeys: ['any-key'] })
      await using fleet = await openFleet({ store: url, queue: 'own' })
      const folder = directory()
      const talk = path.join(folder, 'talk.wav')
      const words = toneScript({ seed: 6, duration: 30_000, speakers: 2, turnWords: [1, 8] })
      writeTalk(talk, words)
      const hearing = { url: slow.url, voices: false } as const
      await fleet.add([talk], { hearing, output: path.join(folder, '{name}.{format}'), attempts: 1 })
      const worker = await fleet.work({ concurrency: 1, apiKey: 'any-key', lockTime: 2000 })
      await new Promise<void>((resolve) => worker.once('begin', () => resolve()))
      const lost = new Promise<void>((resolve) => worker.once('lost', () => resolve()))
      proxy.refuse(true)
      proxy.cut()
      await lost
      proxy.refuse(false)
      const ended = async (): Promise<number> => {
        const { completed, failed } = (await fleet.status()).counts
        return completed + failed
      }
      await expect.poll(ended, { timeout: 60_000 }).toBe(1)
      expect(worker.counts.failed).toBe(0)
      expect(wordsIn(path.join(folder, 'talk.srt'))).toEqual(words.map(({ word }) => word))
      await worker.drain()
    })
  })
}
