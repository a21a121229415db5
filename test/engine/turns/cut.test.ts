import { describe, expect, it } from 'vitest'
import { cutAfter, quietestPlace } from '../../../src/engine/turns/cut.ts'

const words = (...times: [number, number][]) => times.map(([start, end]) => ({ text: 'x', start, end, confidence: 1 }))

describe('cutAfter', () => {
  it('cuts in the longest pause between words', () => {
    expect(cutAfter(words([7000, 7500], [7600, 8200], [8600, 9000], [9050, 9990]), 10_000)).toBe(2)
  })

  it('prefers the end of a sentence to a short pause', () => {
    const said = words([5000, 6000], [6000, 7000], [7100, 9000], [9000, 9990])
    expect(cutAfter(said, 10_000)).toBe(2)
    expect(cutAfter(said.with(0, { ...said[0]!, text: 'x.' }), 10_000)).toBe(1)
  })

  it('prefers the later of two equal pauses', () => {
    expect(cutAfter(words([7000, 7500], [7600, 8200], [8300, 9000], [9000, 10_000]), 10_000)).toBe(2)
  })

  it('does not cut further back than eight seconds', () => {
    expect(cutAfter(words([500, 1000], [4000, 6500], [6500, 8000], [8010, 10_000]), 10_000)).toBe(3)
  })

  it('leaves the last word to the next turn while it may go on', () => {
    expect(cutAfter(words([8000, 9000], [9000, 9950]), 10_000)).toBe(1)
  })

  it('keeps all words after a clear pause at the end, or where there is nothing to cut between', () => {
    expect(cutAfter(words([8000, 9000], [9000, 9600]), 10_000)).toBe(2)
    expect(cutAfter(words([100, 9990]), 10_000)).toBe(1)
    expect(cutAfter([], 10_000)).toBe(0)
  })
})

describe('quietestPlace', () => {
  /** A sound for `ms`, quiet in `gaps`; speech all along but in `silences`. */
  const heard = (ms: number, gaps: [number, number][], silences: [number, number][] = []) => {
    const within = (at: number, all: [number, number][]): boolean => all.some(([from, to]) => at >= from && at < to)
    return [
      Int16Array.from({ length: ms * 16 }, (_, at) => (within(at / 16, gaps) ? 50 : 5000) * Math.sin(at / 3)),
      Array.from({ length: ms / 10 }, (_, frame) => (within(frame * 10, silences) ? 0 : 0.7)),
    ] as const
  }

  it('is the middle of the longest silence, of equals the later', () => {
    const [samples, speech] = heard(
      28_000,
      [],
      [
        [2000, 3000],
        [15_000, 15_100],
        [20_000, 20_300],
        [25_000, 25_300],
      ],
    )
    expect(quietestPlace(samples, speech, 14_000, 28_000)).toEqual({ ms: 25_150, isPause: true })
  })

  it('is the quietest 120 ms where the detector hears no silence', () => {
    const [samples, speech] = heard(28_000, [
      [18_000, 18_160],
      [21_000, 21_050],
    ])
    const place = quietestPlace(samples, speech, 14_000, 28_000)
    expect(place.isPause).toBe(true)
    expect(Math.abs(place.ms - 18_080)).toBeLessThanOrEqual(20)
  })

  it('is no pause where the sound goes on, or dips like a consonant', () => {
    const [samples, speech] = heard(28_000, [[18_000, 18_060]])
    expect(quietestPlace(samples, speech, 14_000, 28_000).isPause).toBe(false)
  })

  it('stays within what it is given', () => {
    const [samples, speech] = heard(1000, [])
    for (const [from, to] of [
      [0, 1000],
      [900, 2000],
      [5000, 9000],
      [-100, 50],
      [500, 500],
    ] as const) {
      const { ms } = quietestPlace(samples, speech, from, to)
      expect(ms).toBeGreaterThanOrEqual(0)
      expect(ms).toBeLessThanOrEqual(1000)
    }
    expect(quietestPlace(new Int16Array(0), [], 0, 100)).toEqual({ ms: 0, isPause: false })
  })
})
