import { describe, expect, it } from 'vitest'
import { Pacer } from '../../src/assemblyai/pacer.ts'

const frame = 50

/** Ms of audio that may be sent at once at time `now`. */
function burst(pacer: Pacer, now: number): number {
  let ms = 0
  while (pacer.delay(now) === 0) {
    pacer.sent(frame)
    ms += frame
  }
  return ms
}

describe('Pacer', () => {
  it('sends the first frame at once and the others when they are due', () => {
    const pacer = new Pacer(1, 0, 5000)
    expect(pacer.delay(1000)).toBe(0)
    pacer.sent(frame)
    expect(pacer.delay(1000)).toBe(50)
    expect(pacer.delay(1030)).toBe(20)
    expect(pacer.delay(1050)).toBe(0)
  })

  it('does not drift when every timer is late', () => {
    const pacer = new Pacer(1, 0, 5000)
    let now = 0
    for (let index = 0; index < 60; index += 1) {
      const delay = pacer.delay(now)
      now += delay > 0 ? delay + 8 : 0
      pacer.sent(frame)
    }
    expect(now).toBeGreaterThanOrEqual(59 * 50)
    expect(now).toBeLessThanOrEqual(59 * 50 + 8)
  })

  it('catches up in one burst after a short stall, and never in a longer one than it may', () => {
    const pacer = new Pacer(1, 0, 5000)
    expect(burst(pacer, 0)).toBe(50)
    expect(burst(pacer, 3000)).toBe(3000)
    expect(burst(pacer, 3_600_000)).toBe(5050)
    expect(pacer.delay(3_600_000)).toBe(50)
  })

  it('may begin with a burst', () => {
    expect(burst(new Pacer(1, 7000, 5000), 0)).toBe(7050)
  })

  it('follows a change of rate from then on', () => {
    const pacer = new Pacer(1, 0, 5000)
    burst(pacer, 0)
    pacer.setRate(1.25, 1000)
    expect(burst(pacer, 1000)).toBe(1000)
    expect(burst(pacer, 5000)).toBe(5000)
  })
})
