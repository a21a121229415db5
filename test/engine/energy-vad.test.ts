import { describe, expect, it } from 'vitest'
import { energyVad } from '../../src/engine/energy-vad.ts'
import { join16, silence } from '../helpers/flite.ts'
import { noise } from './signals.ts'

/** Share of frames of each part that count as speech at `threshold`. */
function speechShares(parts: readonly Int16Array[], threshold = 0.5): number[] {
  const vad = energyVad()
  const samples = join16(parts)
  let at = 0
  return parts.map((part) => {
    let speech = 0
    const frames = part.length / vad.frameSamples
    for (let i = 0; i < frames; i++, at += vad.frameSamples) {
      if (vad.accept(samples.subarray(at, at + vad.frameSamples)) >= threshold) speech++
    }
    return speech / frames
  })
}

describe('energyVad', () => {
  it('finds nothing in digital silence', () => {
    expect(speechShares([silence(3000)])).toEqual([0])
  })

  it.each([400, 2000, 12_000])('finds bursts of level %i in digital silence', (level) => {
    const [before, burst, after] = speechShares([silence(1000), noise(800, level), silence(1000)])
    expect(before).toBe(0)
    expect(burst).toBeGreaterThan(0.95)
    expect(after).toBeLessThan(0.03)
  })

  it('gets used to steady noise and still finds bursts above it', () => {
    const [, settled, burst, after] = speechShares([
      noise(4500, 200),
      noise(2000, 200, 2),
      noise(600, 3000, 3),
      noise(1000, 200, 4),
    ])
    expect(settled).toBe(0)
    expect(burst).toBeGreaterThan(0.95)
    expect(after).toBe(0)
  })

  it('pays no heed to a constant offset', () => {
    const offset = silence(2000).fill(4000)
    const [share] = speechShares([offset])
    expect(share).toBeLessThan(0.1)
  })

  it('takes speech at the very start of the stream', () => {
    expect(speechShares([noise(500, 3000), silence(500)])[0]).toBeGreaterThan(0.95)
  })

  it('takes less for speech the higher the threshold is', () => {
    const parts = [silence(500), noise(500, 60), noise(500, 120), noise(500, 500), silence(500)]
    const totals = [0.1, 0.3, 0.5, 0.7, 0.9].map((threshold) => speechShares(parts, threshold).reduce((a, b) => a + b))
    expect(totals).toEqual(totals.toSorted((a, b) => b - a))
    expect(totals[0]).toBeGreaterThan(totals[4]!)
  })

  it('gives probabilities from 0 to 1 whatever comes', () => {
    const vad = energyVad()
    for (const level of [0, 1, 30_000, 0, 200_000]) {
      for (let i = 0; i < 50; i++) {
        const probability = vad.accept(noise(10, level, i))
        expect(probability).toBeGreaterThanOrEqual(0)
        expect(probability).toBeLessThanOrEqual(1)
      }
    }
  })
})
