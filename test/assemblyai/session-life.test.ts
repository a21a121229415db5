import { describe, expect, it } from 'vitest'
import { rollOverTimes, sessionLife } from '../../src/assemblyai/session-life.ts'

const NOW = 1_800_000_000_400
const HOUR = 3_600_000

/** What a server whose clock is `ahead` ms ahead says in a handshake a tenth of a second ago. */
function says(ahead: number) {
  const came = NOW - 100
  return { date: Math.floor((came + ahead) / 1000) * 1000, came }
}

describe('sessionLife()', () => {
  it('is exact where both clocks agree', () => {
    expect(sessionLife(NOW + 3 * HOUR, says(0), NOW)).toBe(3 * HOUR)
    expect(sessionLife(NOW + 2000, says(0), NOW)).toBe(2000)
  })

  it.each([-12 * HOUR, -100_000, -3 * HOUR, 5000, 100_000, 30 * 24 * HOUR])(
    'goes by the clock of the server where that is %i ms ahead',
    (ahead) => {
      const life = sessionLife(NOW + ahead + 3 * HOUR, says(ahead), NOW)!
      expect(life).toBeLessThanOrEqual(3 * HOUR)
      expect(life).toBeGreaterThanOrEqual(3 * HOUR - 2000)
    },
  )

  it('is not known where the server names an expiry that has passed by its own clock, or none', () => {
    expect(sessionLife(NOW - 100_000, says(0), NOW)).toBeUndefined()
    expect(sessionLife(NOW + 100_000, says(200_000), NOW)).toBeUndefined()
    expect(sessionLife(0, says(0), NOW)).toBeUndefined()
    expect(sessionLife(0, undefined, NOW)).toBeUndefined()
  })

  it.each([-3 * HOUR, -100_000, 0, 2000, 59_000])(
    'is not known where the server tells no time and the expiry is %i ms away, which no session is',
    (away) => {
      expect(sessionLife(NOW + away, undefined, NOW)).toBeUndefined()
    },
  )

  it('is what is left, at most three hours, where the server tells no time', () => {
    expect(sessionLife(NOW + 60_000, undefined, NOW)).toBe(60_000)
    expect(sessionLife(NOW + 2 * HOUR, undefined, NOW)).toBe(2 * HOUR)
    expect(sessionLife(NOW + 9 * HOUR, undefined, NOW)).toBe(3 * HOUR)
  })
})

describe('rollOverTimes()', () => {
  it('lie as long before the expiry as is asked, with the deadline in between', () => {
    const times = { start: 5 + 3 * HOUR - 300_000, deadline: 5 + 3 * HOUR - 75_000 }
    expect(rollOverTimes(3 * HOUR, 5, 300_000)).toEqual(times)
  })

  it('take a quarter of a short life', () => {
    expect(rollOverTimes(60_000, 0, 300_000)).toEqual({ start: 45_000, deadline: 56_250 })
  })

  it('never come where the expiry is not known', () => {
    expect(rollOverTimes(undefined, 0, 300_000)).toEqual({ start: Infinity, deadline: Infinity })
  })
})
