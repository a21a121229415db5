import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kaiserSinc, Resampler } from '../../src/audio/resampler.ts'
import { amplitudeAt, cut, decibels, noise, rms, sine } from './signals.ts'
import { runs } from '../helpers/runs.ts'

const ratePairs = [
  [48_000, 16_000],
  [44_100, 16_000],
  [8000, 16_000],
  [96_000, 16_000],
  [11_025, 16_000],
  [22_050, 16_000],
  [16_000, 16_000],
  [44_101, 16_000],
  [16_001, 16_000],
  [16_000, 8000],
  [16_000, 44_100],
  [47_999, 8001],
] as const

function join(pieces: Float32Array[]): Float32Array {
  return Float32Array.from(pieces.flatMap((piece) => [...piece]))
}

function resampleWhole(input: Float32Array, inRate: number, outRate: number): Float32Array {
  const resampler = new Resampler(inRate, outRate)
  // `process` may return its own input, so it is copied before flush.
  return join([resampler.process(input), resampler.flush()])
}

/** One second of the middle of a three-second tone after resampling: whole periods, clear of both ends. */
function toneAfter(frequency: number, inRate: number, outRate: number): Float32Array {
  return resampleWhole(sine(frequency, inRate, inRate * 3), inRate, outRate).subarray(outRate, 2 * outRate)
}

describe('Resampler, length and time', () => {
  it('gives ceil(n * out / in) samples for any rates, length and cutting, and the same ones', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ratePairs),
        fc.integer({ min: 0, max: 3000 }),
        fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 6 }),
        ([inRate, outRate], count, lengths) => {
          const input = noise(count)
          const whole = resampleWhole(input, inRate, outRate)
          expect(whole.length).toBe(Math.ceil((count * outRate) / inRate))
          const resampler = new Resampler(inRate, outRate)
          const pieces = cut(input, lengths).map((piece) => resampler.process(piece))
          expect(join([...pieces, resampler.flush()])).toEqual(whole)
        },
      ),
      { numRuns: runs(150) },
    )
  })

  it('gives the same samples one by one', () => {
    const input = noise(500)
    const resampler = new Resampler(44_100, 16_000)
    const pieces = cut(input, [1]).map((piece) => resampler.process(piece))
    expect(join([...pieces, resampler.flush()])).toEqual(resampleWhole(input, 44_100, 16_000))
  })

  it.each([
    [48_000, 16_000, 48_000],
    [44_100, 16_000, 44_100],
    [8000, 16_000, 8000],
    [96_000, 16_000, 48_000],
    [44_101, 16_000, 44_101],
  ])('has no delay: %i to %i Hz, an impulse at input sample %i stays at its time', (inRate, outRate, at) => {
    const input = new Float32Array(inRate * 2)
    input[at] = 1
    const output = resampleWhole(input, inRate, outRate)
    expect(output.length).toBe(outRate * 2)
    const peak = output.reduce((best, sample, i) => (sample > (output[best] ?? 0) ? i : best), 0)
    expect(peak).toBe((at * outRate) / inRate)
    // Symmetric around it: linear phase.
    for (let i = 1; i < 40; i++) expect(output[peak + i]).toBeCloseTo(output[peak - i] ?? Number.NaN, 5)
  })

  it('has no drift after five minutes of a rate without common divisor', () => {
    const resampler = new Resampler(8009, 8000)
    const piece = new Float32Array(8009 * 10)
    let count = 0
    for (let i = 0; i < 30; i++) count += resampler.process(piece).length
    expect(count + resampler.flush().length).toBe(300 * 8000)
  })

  it('is as new after flush', () => {
    const resampler = new Resampler(48_000, 16_000)
    const first = join([resampler.process(noise(1000)), resampler.flush()])
    expect(join([resampler.process(noise(1000)), resampler.flush()])).toEqual(first)
  })

  it('passes equal rates through unchanged', () => {
    const input = noise(1000)
    const resampler = new Resampler(16_000, 16_000)
    expect(resampler.process(input)).toBe(input)
    expect(resampler.flush().length).toBe(0)
  })

  it.each([0, 999, 768_001, 16_000.5, Number.NaN, Infinity])('refuses a rate of %d', (rate) => {
    expect(() => new Resampler(rate, 16_000)).toThrow(RangeError)
    expect(() => new Resampler(16_000, rate)).toThrow(RangeError)
  })
})

describe('Resampler, spectrum', () => {
  it.each([
    [48_000, 16_000, 7000],
    [44_100, 16_000, 7000],
    [96_000, 16_000, 7000],
    [44_101, 16_000, 7000],
    [22_050, 16_000, 7000],
    [32_000, 16_000, 7000],
    [8000, 16_000, 3400],
    [11_025, 16_000, 4700],
    [16_000, 8000, 3400],
    [48_000, 16_000, 1000],
    [48_000, 16_000, 60],
  ])('%i to %i Hz keeps %i Hz within 1 dB', (inRate, outRate, frequency) => {
    const level = decibels(amplitudeAt(frequency, outRate, toneAfter(frequency, inRate, outRate)) / 0.5)
    expect(Math.abs(level)).toBeLessThan(1)
  })

  it.each([
    [48_000, 16_000],
    [44_100, 16_000],
    [96_000, 16_000],
    [44_101, 16_000],
    [22_050, 16_000],
  ])('%i to %i Hz keeps aliases from 9 kHz on below -80 dB', (inRate, outRate) => {
    for (const frequency of [9000, 10_000, 10_900, inRate / 2 - 100]) {
      const output = toneAfter(Math.floor(frequency), inRate, outRate)
      // Nothing that is left, at whatever frequency, is louder.
      expect(decibels(rms(output) / (0.5 / Math.SQRT2))).toBeLessThan(-80)
    }
  })

  it.each([
    [8000, 16_000, 3000],
    [8000, 16_000, 1000],
    [11_025, 16_000, 4000],
    [11_025, 44_100, 4000],
    [16_000, 48_000, 6000],
    [8001, 16_000, 3000],
  ])('%i to %i Hz makes no image of %i Hz above -80 dB', (inRate, outRate, frequency) => {
    const output = toneAfter(frequency, inRate, outRate)
    const level = amplitudeAt(frequency, outRate, output)
    // What is left once the tone itself is taken out, image or distortion.
    const residue = Math.sqrt(Math.max(0, rms(output) ** 2 - level ** 2 / 2))
    expect(amplitudeAt(inRate - frequency, outRate, output)).toBeLessThan(level * 1e-4)
    expect(decibels(residue / (level / Math.SQRT2))).toBeLessThan(-80)
  })

  it('keeps a constant constant, at every phase', () => {
    for (const [inRate, outRate] of ratePairs) {
      const output = resampleWhole(new Float32Array(inRate).fill(0.5), inRate, outRate)
      const middle = output.subarray(outRate / 4, outRate / 2)
      for (const sample of middle) expect(sample).toBeCloseTo(0.5, 5)
    }
  })

  it('bounds its table for rates without common divisor, and still is quick to make', () => {
    for (const inRate of [767_999, 700_001, 8001, 44_101]) {
      const output = resampleWhole(sine(440, inRate, Math.floor(inRate / 4)), inRate, 16_000)
      const middle = output.subarray(1000, 3000)
      expect(decibels(rms(middle) / (0.5 / Math.SQRT2))).toBeCloseTo(0, 1)
    }
  })
})

describe('kaiserSinc', () => {
  it.each([
    [1, 3],
    [160, 441],
    [2, 1],
    [640, 441],
    [16_000, 44_101],
    [1, 96],
  ])('gives rows of sum 1 for %i out of %i', (up, down) => {
    const { taps, half, table } = kaiserSinc(up, down)
    expect(taps).toBe(2 * half)
    expect(half % 2).toBe(0)
    for (let at = 0; at < table.length; at += taps) {
      expect(table.subarray(at, at + taps).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 4)
    }
  })

  it('has a row for each phase while the table is small', () => {
    const { phases, taps, table, interpolated } = kaiserSinc(160, 441)
    expect({ phases, interpolated, entries: table.length }).toEqual({
      phases: 160,
      interpolated: false,
      entries: 160 * taps,
    })
  })

  it.each([
    [16_000, 44_101],
    [16_000, 767_999],
    [8000, 767_999],
    [44_100, 44_099],
    [147, 10_240],
  ])('stays below 2 MiB for %i out of %i', (up, down) => {
    expect(kaiserSinc(up, down).table.byteLength).toBeLessThanOrEqual(2 ** 21)
  })
})
