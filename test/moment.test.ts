import { afterEach, expect, it, vi } from 'vitest'
import { Moment } from '../src/moment.ts'

const DAY = 86_400_000

afterEach(() => {
  vi.restoreAllMocks()
})

it('is told by the clock of the day as that is set when it is asked', () => {
  let steady = 5000
  const day = vi.spyOn(Date, 'now').mockReturnValue(1000)
  const moment = new Moment(400, () => steady)
  expect(moment.wall).toBe(400)
  steady += 30_000
  day.mockReturnValue(31_000)
  expect(moment.wall).toBe(400)
  // NTP sets it forward, and somebody back.
  day.mockReturnValue(31_000 + 10 * DAY)
  expect(moment.wall).toBe(400 + 10 * DAY)
  day.mockReturnValue(31_000 - DAY)
  expect(moment.wall).toBe(400 - DAY)
})

it('is always the same while nobody sets the clock, though the two clocks round', () => {
  let steady = 0
  const day = vi.spyOn(Date, 'now').mockReturnValue(1_000_000)
  const moment = new Moment(1_000_000, () => steady)
  for (let ms = 0; ms < 100; ms++) {
    steady = ms + 0.9
    day.mockReturnValue(1_000_000 + ms)
    expect(moment.wall).toBe(1_000_000)
  }
})
