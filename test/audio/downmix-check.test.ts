import { describe, expect, it } from 'vitest'
import { DownmixCheck } from '../../src/audio/downmix-check.ts'

const rates = { mean: 16_000, difference: 4000 }

/** A tone of `level` of full scale from `from` to `to`, in seconds. */
function tone(rate: number, from: number, to: number, level: (seconds: number) => number): Int16Array {
  return Int16Array.from({ length: Math.round((to - from) * rate) }, (_, at) => {
    const seconds = from + at / rate
    return Math.round(32_767 * level(seconds) * Math.sin(2 * Math.PI * 300 * seconds))
  })
}

/** Both in pieces of a third of a second, of which the difference comes after the mean. */
function check(mean: (seconds: number) => number, difference: (seconds: number) => number, start = 0): number[] {
  const watch = new DownmixCheck(rates)
  const lost: number[] = []
  for (let from = 0; from < 2.9; from += 1 / 3) {
    const to = from + 1 / 3
    watch.mean(Math.round((start + from) * rates.mean), tone(rates.mean, from, to, mean))
    watch.difference(Math.round((start + from) * rates.difference), tone(rates.difference, from, to, difference))
    if (watch.isLost) lost.push(from)
    expect(watch.isLost || watch.checkedTo > rates.mean * (start + to - 0.021)).toBe(true)
    expect(watch.checkedTo).toBeLessThanOrEqual(rates.mean * (start + to) + 1)
  }
  watch.end()
  expect(watch.checkedTo).toBe(Infinity)
  return lost
}

describe('the mean of two channels', () => {
  it.each([
    ['they are alike', () => 0.5, () => 0, 0],
    ['one is silent', () => 0.25, () => 0.25, 0],
    ['both are silent, but for what nobody hears', () => 0, () => 0.0004, 0],
    ['one is inverted', () => 0, () => 0.5, 9],
    ['one is inverted, and times do not begin at 0', () => 0, () => 0.5, 9],
    ['one is inverted and a little quieter', () => 0.1, () => 0.4, 9],
    ['one is inverted from 2 s on', (s: number) => (s < 2 ? 0.5 : 0), (s: number) => (s < 2 ? 0 : 0.5), 3],
    [
      'one is inverted for 40 ms',
      (s: number) => (s > 1.1 && s < 1.14 ? 0 : 0.5),
      (s: number) => (s > 1.1 && s < 1.14 ? 0.5 : 0),
      6,
    ],
  ])('may have lost what was said where %s', (name, mean, difference, pieces) => {
    expect(check(mean, difference, name.includes('begin') ? 1000.01 : 0)).toHaveLength(pieces)
  })

  it('is checked no further than the difference has come', () => {
    const watch = new DownmixCheck(rates)
    watch.mean(0, new Int16Array(16_000))
    expect(watch.checkedTo).toBeLessThanOrEqual(0)
    watch.difference(0, new Int16Array(2000))
    expect(watch.checkedTo).toBe(8000 - 320)
    watch.difference(8000, new Int16Array(2000))
    expect(watch.checkedTo).toBeLessThanOrEqual(16_000)
    expect(watch.isLost).toBe(false)
  })

  it('is judged at its very end, too', () => {
    const watch = new DownmixCheck(rates)
    watch.mean(0, new Int16Array(100))
    watch.difference(0, new Int16Array(25).fill(10_000))
    expect(watch.isLost).toBe(false)
    watch.end()
    expect(watch.isLost).toBe(true)
  })
})
