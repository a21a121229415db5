import { describe, expect, it } from 'vitest'
import { Pacer } from '../../src/assemblyai/pacer.ts'

/** Sends `count` frames of 50 ms, waiting as told plus a fixed lateness of the timer; gives the time it took. */
function play(pacer: Pacer, count: number, lateness: number, from = 0): number {
  let now = from
  for (let index = 0; index < count; index += 1) {
    const delay = pacer.delay(now)
    now += delay > 0 ? delay + lateness : 0
    pacer.sent(50)
  }
  return now - from
}

describe('Pacer', () => {
  it('sends the first frame at once and the others when they are due', () => {
    const pacer = new Pacer(5000)
    expect(pacer.delay(1000)).toBe(0)
    pacer.sent(50)
    expect(pacer.delay(1000)).toBe(50)
    expect(pacer.delay(1030)).toBe(20)
    expect(pacer.delay(1050)).toBe(0)
  })

  it('does not drift when every timer is late', () => {
    const elapsed = play(new Pacer(5000), 60, 8)
    expect(elapsed).toBeGreaterThanOrEqual(59 * 50)
    expect(elapsed).toBeLessThanOrEqual(59 * 50 + 8)
  })

  it('catches up in one burst after a short stall', () => {
    const pacer = new Pacer(5000)
    pacer.delay(0)
    let burst = 0
    while (pacer.delay(3000) === 0) {
      pacer.sent(50)
      burst += 50
    }
    expect(burst).toBe(3050)
  })

  it('never sends a burst longer than the limit, however long the stall', () => {
    const pacer = new Pacer(5000)
    pacer.delay(0)
    pacer.sent(50)
    let burst = 0
    while (pacer.delay(3_600_000) === 0) {
      pacer.sent(50)
      burst += 50
    }
    expect(burst).toBe(5050)
  })

  it('goes on at real time after a stall', () => {
    const pacer = new Pacer(0)
    pacer.delay(0)
    pacer.sent(50)
    expect(pacer.delay(10_000)).toBe(0)
    pacer.sent(50)
    expect(pacer.delay(10_000)).toBe(50)
  })
})
