import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { maxChannels, sampleEncodings, type AudioFormat } from '../../src/audio/format.ts'
import { PcmConverter } from '../../src/audio/pcm-converter.ts'
import { decodeSamples } from '../../src/audio/samples.ts'
import { cut, encodePcm, rms, sine } from './signals.ts'

const anyFormat: fc.Arbitrary<AudioFormat> = fc.record({
  sampleRate: fc.constantFrom(8000, 11_025, 16_000, 22_050, 44_100, 44_101, 48_000, 96_000),
  channels: fc.integer({ min: 1, max: maxChannels }),
  encoding: fc.constantFrom(...sampleEncodings),
})

function convert(bytes: Buffer, format: AudioFormat, sampleRate: number, lengths: readonly number[]): Buffer {
  const converter = new PcmConverter(format, sampleRate)
  return Buffer.concat([...cut(bytes, lengths).map((piece) => converter.push(piece)), converter.flush()])
}

describe('PcmConverter', () => {
  it('keeps length and energy, and does not depend on the cutting, for any format and rate', () => {
    fc.assert(
      fc.property(
        anyFormat,
        fc.constantFrom(8000, 16_000, 24_000),
        fc.integer({ min: 1, max: 1200 }),
        fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1, maxLength: 5 }),
        (format, sampleRate, extra, lengths) => {
          const count = Math.floor(format.sampleRate / 10) + extra
          const bytes = encodePcm(sine(500, format.sampleRate, count), format)
          const output = convert(bytes, format, sampleRate, lengths)
          expect(output.length).toBe(2 * Math.ceil((count * sampleRate) / format.sampleRate))
          expect(convert(bytes, format, sampleRate, [bytes.length]).equals(output)).toBe(true)
          // 80 ms in the middle are 40 whole periods.
          const from = Math.floor(sampleRate / 100)
          const middle = decodeSamples(output, 's16le').subarray(from, from + (sampleRate / 100) * 8)
          expect(rms(middle)).toBeGreaterThan(0.5 / Math.SQRT2 - 0.01)
          expect(rms(middle)).toBeLessThan(0.5 / Math.SQRT2 + 0.01)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('passes mono PCM16 of the same rate through, byte for byte', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1 }),
        (bytes, lengths) => {
          const format: AudioFormat = { sampleRate: 16_000, channels: 1, encoding: 's16le' }
          const whole = bytes.subarray(0, bytes.length - (bytes.length % 2))
          expect(convert(Buffer.from(bytes), format, 16_000, lengths).equals(whole)).toBe(true)
        },
      ),
    )
  })

  it('mixes channels into their mean', () => {
    const bytes = Buffer.alloc(8)
    for (const [i, sample] of [1000, 3000, -500, 500].entries()) bytes.writeInt16LE(sample, i * 2)
    const output = convert(bytes, { sampleRate: 16_000, channels: 2, encoding: 's16le' }, 16_000, [3])
    expect([output.readInt16LE(0), output.readInt16LE(2)]).toEqual([2000, 0])
  })
})
