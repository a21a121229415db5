import { expect, it } from 'vitest'
import { runSeed } from './faults/run.ts'

/** `FAULT_SEEDS=17,18 npm run test:long -- trials/faults` runs these only, and says what happens. */
const asked = process.env['FAULT_SEEDS']?.split(',').map(Number)

it.each(asked ?? Array.from({ length: 12 }, (_, index) => index + 1))(
  'random faults cost no word, and change none: seed %i',
  async (seed) => {
    const report = await runSeed(seed, asked === undefined ? undefined : console.log)
    expect(report.violations).toEqual([])
    expect(report.verdict).toMatchObject({ lost: 0, doubled: 0, disordered: 0, timeError: 0 })
  },
  300_000,
)
