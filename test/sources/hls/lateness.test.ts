import { expect, it } from 'vitest'
import { Lateness } from '../../../src/sources/hls/lateness.ts'

/** Notes that each of `count` segments of 2000 ms was listed `late` ms after it was made; gives where that has come to. */
function listed(lateness: Lateness, count: number, { position = 0, late = 300, real = 2000 } = {}) {
  let now = position
  for (let at = 1; at <= count; at++) {
    now = position + at * real
    lateness.note(now + late, position + at * 2000)
  }
  return { now, position: position + count * 2000 }
}

it('tells for how long a source was away', () => {
  const lateness = new Lateness()
  const { now, position } = listed(lateness, 20)
  expect(lateness.of(now + 2000 + 300, position + 2000)).toBe(0)
  expect(lateness.of(now + 12_000 + 2000 + 300, position + 2000)).toBe(12_000)
})

it('does not add up what lengths are rounded by', () => {
  for (const real of [1992, 2006]) {
    const lateness = new Lateness()
    const { now, position } = listed(lateness, 10_000, { real })
    expect(Math.abs(lateness.of(now + real + 300, position + 2000))).toBeLessThan(100)
  }
})

it('takes what was listed ahead of its time, and the pause after it, for no loss', () => {
  const lateness = new Lateness()
  const { now, position } = listed(lateness, 20)
  lateness.note(now, position + 30_000)
  expect(lateness.of(now + 32_000 + 300, position + 32_000)).toBeLessThan(200)
})

it('does not add up what it was too long by', () => {
  const lateness = new Lateness()
  const { now, position } = listed(lateness, 20)
  // Listed 1500 ms later than it could have been, after 10 s away.
  const lost = lateness.of(now + 12_000 + 1800, position + 2000)
  expect(lost).toBe(11_500)
  const at = position + 2000 + lost
  lateness.note(now + 12_000 + 1800, at)
  const next = listed(lateness, 20, { position: at, late: -1200 })
  expect(lateness.of(next.now + 12_000 - 1200, next.position + 2000)).toBeLessThan(9000)
})

it('knows nothing before the first reading', () => {
  expect(new Lateness().of(1e6, 0)).toBe(0)
})
