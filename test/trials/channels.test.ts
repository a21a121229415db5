import { expect, it } from 'vitest'
import { runHour } from './channels/hour.ts'

it.each([0, 12])('every word comes on its channel, in order, once: six channels, %i faults', async (faults) => {
  const report = await runHour({ seed: 3, channels: 6, duration: 120_000, faults })
  expect(report.violations).toEqual([])
  expect(report.words).toBeGreaterThan(500)
  expect(report.sessions).toBeGreaterThanOrEqual(faults > 0 ? 12 : 6)
})
