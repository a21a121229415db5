import { describe, expect, it } from 'vitest'
import { runSeed } from './faults/run.ts'
import { tryMany } from './messages/try-many.ts'

describe('random faults', () => {
  // One of each kind of run: see faults/scene.ts. `npm run test:long` runs more.
  it.each([133, 4, 14, 71, 155, 217])(
    'cost no word, and change none: seed %i',
    async (seed) => {
      const report = await runSeed(seed)
      expect(report.violations).toEqual([])
      expect(report.verdict).toMatchObject({ lost: 0, doubled: 0, disordered: 0, wrongSpeaker: 0, timeError: 0 })
      expect(report.verdict.words).toBeGreaterThan(0)
    },
    180_000,
  )
})

describe('random orders of messages', () => {
  it('end in turns or in one typed error, and leave nothing open', async () => {
    const { failures, leftOpen, ends } = await tryMany({ seed: 1, cases: 300, atOnce: 16 })
    expect(failures).toEqual([])
    expect(leftOpen).toEqual([])
    // Were all refused at once, nothing would have been tested.
    expect(ends['complete']).toBeGreaterThan(30)
  }, 180_000)
})
