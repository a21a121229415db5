import { describe, expect, it } from 'vitest'
import { stores } from '../helpers/stores.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { type Disturbance, ordeal } from './ordeal.ts'

const directory = temporaryDirectories()

/**
 * By hand: `FLEET_ORDEAL=kill FLEET_EVERY=20 FLEET_TIMES=15 FLEET_FILES=40 FLEET_STATIONS=8 FLEET_LOCK=10 npx vitest run --mode long
 * test/fleet/ordeal.long.test.ts` is the bar, and the same with block, restart, freeze and drain.
 */
const { FLEET_ORDEAL, FLEET_EVERY, FLEET_TIMES, FLEET_FILES, FLEET_STATIONS, FLEET_LOCK } = process.env
const some: Readonly<Record<string, readonly Disturbance[]>> = {
  redis: ['kill', 'freeze', 'drain'],
  postgres: ['block', 'restart', 'kill'],
}

describe.each(Object.entries(stores))('a fleet on %s', (kind, { missing, start }) => {
  it.skipIf(missing !== undefined)(
    'has every word once, whatever happens to its workers and its store',
    async () => {
      const disturbances =
        FLEET_ORDEAL === undefined
          ? (some[kind] ?? [])
          : Array.from({ length: Number(FLEET_TIMES ?? 3) }, () => FLEET_ORDEAL as Disturbance)
      await using store = await start()
      const { faults, ...done } = await ordeal({
        folder: directory(),
        store,
        files: Number(FLEET_FILES ?? 6),
        stations: Number(FLEET_STATIONS ?? 2),
        processes: 4,
        disturbances,
        every: Number(FLEET_EVERY ?? 7) * 1000,
        lockTime: Number(FLEET_LOCK ?? 2),
        frozenFor: FLEET_ORDEAL === undefined ? 5000 : 20_000,
        seed: 22,
        longestGap: FLEET_ORDEAL === undefined ? Infinity : Number(FLEET_LOCK ?? 2) * 1000 + 5000,
      })
      if (FLEET_ORDEAL !== undefined) process.stderr.write(`${kind}: ${JSON.stringify(done)}\n`)
      expect(faults).toEqual([])
      expect(done.disturbed).toBe(disturbances.length)
    },
    3_600_000,
  )
})
