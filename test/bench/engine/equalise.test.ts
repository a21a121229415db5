import { describe, expect, it } from 'vitest'
import { equalise, longTermSpectrum } from '../../../bench/engine/equalise.ts'
import { voice } from '../../engine/signals.ts'

const decibels = (a: number, b: number): number => Math.abs(10 * Math.log10(a / b))

describe('equalise', () => {
  const samples = voice([300, 1200], 2000, 1)
  const own = longTermSpectrum(samples)

  it('changes nothing where the spectrum is the one that is wanted', () => {
    const same = equalise(samples, own, own)
    expect(same).toHaveLength(samples.length)
    expect(Math.max(...same.map((value, i) => Math.abs(value - samples[i]!)))).toBeLessThanOrEqual(1)
  })

  it('gives one voice the long-term spectrum of another', () => {
    const wanted = longTermSpectrum(voice([900, 2800], 2000, 2))
    const changed = longTermSpectrum(equalise(samples, own, wanted))
    // At 300, 900 and 2,000 Hz; no band is moved by more than 20 dB.
    for (const bin of [10, 29, 64]) {
      const left = Math.max(0, decibels(own[bin]!, wanted[bin]!) - 20)
      expect(Math.abs(decibels(changed[bin]!, wanted[bin]!) - left)).toBeLessThan(3)
    }
  })
})
