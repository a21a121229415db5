import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { openFleet } from '../../src/fleet/index.ts'
import { serve } from '../../src/server/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { steadyEngine } from '../checkpoint/killing.ts'
import { writeTalk } from '../checkpoint/talk.ts'
import { stores } from '../helpers/stores.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { FrozenProxy } from './frozen-proxy.ts'
import { startWorker, WORKER_KEY } from './worker-process.ts'

const directory = temporaryDirectories()
/** By hand on both stores, and longer: `FLEET_SESSIONS=300`, in s. */
const seconds = Number(process.env['FLEET_SESSIONS'] ?? 8)
const LIMIT = 20
const MINUTE_MS = 60_000

const some = Object.entries(stores).filter(([kind]) => kind === 'redis' || process.env['FLEET_SESSIONS'] !== undefined)

describe.each(some)('the sessions of a fleet on %s', (_kind, { missing, start }) => {
  it.skipIf(missing !== undefined)(
    'are never more within a minute than are allowed, over four processes whose connections are cut',
    async () => {
      await using store = await start()
      const folder = directory()
      // One more, and it would refuse.
      await using server = await serve({
        engine: steadyEngine(5),
        apiKeys: [WORKER_KEY],
        maxSessionsPerMinutePerKey: LIMIT,
      })
      const opened: number[] = []
      let refused = 0
      server.on('session', () => opened.push(performance.now()))
      server.on('refused', () => (refused += 1))
      const proxy = await FrozenProxy.open(server.port)
      await using fleet = await openFleet({ store: store.url })
      const words = toneScript({ seed: 3, duration: 600_000, speakers: 2, turnWords: [1, 8] })
      const files = Array.from({ length: 16 }, (_, number) => path.join(folder, `talk${number}.wav`))
      for (const file of files) writeTalk(file, words)
      const hearing = { url: server.url.replace(String(server.port), String(proxy.port)), voices: false }
      await fleet.add(files, { hearing, output: path.join(folder, '{name}.{format}') })
      const more = ['--sessions-per-minute', String(LIMIT)]
      const workers = await Promise.all(
        ['a', 'b', 'c', 'd'].map((name) => startWorker({ folder, store, name, concurrency: 4, lockTime: 5, more })),
      )
      while (opened.length === 0) await delay(50)
      const until = performance.now() + seconds * 1000
      while (performance.now() < until) {
        await delay(700)
        proxy.cut()
      }
      for (const worker of workers) {
        worker.child.kill('SIGKILL')
        await worker.proxy.close()
      }
      await proxy.close()
      const most = Math.max(...opened.map((at) => opened.filter((one) => one >= at && one < at + MINUTE_MS).length))
      if (process.env['FLEET_SESSIONS'] !== undefined) {
        process.stderr.write(`${JSON.stringify({ opened: opened.length, mostInAMinute: most, refused })}\n`)
      }
      expect(refused).toBe(0)
      expect(most).toBeLessThanOrEqual(LIMIT)
      // Some were cut before they had begun.
      expect(most).toBeGreaterThan(LIMIT / 2)
    },
    600_000,
  )
})
