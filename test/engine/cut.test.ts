import { describe, expect, it } from 'vitest'
import { cutAfter } from '../../src/engine/cut.ts'

const words = (...times: [number, number][]) => times.map(([start, end]) => ({ text: 'x', start, end, confidence: 1 }))

describe('cutAfter', () => {
  it('cuts in the longest pause between words', () => {
    expect(cutAfter(words([7000, 7500], [7600, 8200], [8600, 9000], [9050, 9990]), 10_000)).toBe(2)
  })

  it('prefers the later of two equal pauses', () => {
    expect(cutAfter(words([7000, 7500], [7600, 8200], [8300, 9000], [9000, 10_000]), 10_000)).toBe(2)
  })

  it('does not cut further back than four seconds', () => {
    expect(cutAfter(words([500, 1000], [5000, 6500], [6500, 8000], [8010, 10_000]), 10_000)).toBe(3)
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
