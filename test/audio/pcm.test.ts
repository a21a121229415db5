import fc from 'fast-check'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { encodeS16, floatToInt16, pcmBytes } from '../../src/audio/chunks.ts'
import { type AudioFormat, maxChannels, sampleEncodings } from '../../src/audio/format.ts'
import {
  convertSamples,
  decodeSamples,
  deinterleave,
  int16ToMulaw,
  interleave,
  meanSquare,
  mulawToInt16,
  PcmConverter,
  PcmInput,
  splitChannels,
} from '../../src/audio/pcm.ts'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { cut, encodePcm, noise, rms, sine } from './signals.ts'
import { runs } from '../helpers/runs.ts'

function f32(...values: number[]): Buffer {
  return encodePcm(Float32Array.from(values), { sampleRate: 16_000, channels: 1, encoding: 'f32le' })
}

describe('decodeSamples', () => {
  it.each([
    ['s16le', '0000 0080 ff7f 0040', [0, -1, 32_767 / 32_768, 0.5]],
    ['s24le', '000000 000080 ffff7f 0000c0 010000', [0, -1, 8_388_607 / 8_388_608, -0.5, 1 / 8_388_608]],
    ['s32le', '00000000 00000080 00000040', [0, -1, 0.5]],
    ['f32le', '00000000 000080bf 0000003f', [0, -1, 0.5]],
    ['u8', '80 00 c0 ff', [0, -1, 0.5, 127 / 128]],
    ['mulaw', 'ff 7f 80 00', [0, 0, 32_124 / 32_768, -32_124 / 32_768]],
  ] as const)('reads %s', (encoding, hex, expected) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
    expect([...decodeSamples(bytes, encoding)].map((sample) => sample + 0)).toEqual(expected.map((x) => Math.fround(x)))
  })

  it.each(sampleEncodings)('reads %s at any address', (encoding) => {
    const bytes = encodePcm(noise(50), { sampleRate: 16_000, channels: 1, encoding })
    const shifted = Buffer.alloc(bytes.length + 1)
    bytes.copy(shifted, 1)
    expect(decodeSamples(shifted.subarray(1), encoding)).toEqual(decodeSamples(bytes, encoding))
  })

  it('makes 0 of floats that are no number and clips those that are too large', () => {
    expect([...decodeSamples(f32(Number.NaN, Infinity, -Infinity, 7, -3, 0.25), 'f32le')]).toEqual([
      0, 0, 0, 1, -1, 0.25,
    ])
  })

  it('gives samples within [-1, 1] for any bytes of any encoding', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 96 }), fc.constantFrom(...sampleEncodings), (bytes, encoding) => {
        for (const sample of decodeSamples(bytes, encoding)) expect(Math.abs(sample)).toBeLessThanOrEqual(1)
      }),
    )
  })
})

describe('PCM16', () => {
  it('rounds to nearest and clips', () => {
    const samples = Float32Array.of(0, 1, -1, 1.5, -1.5, 0.4 / 32_768, 0.6 / 32_768, -0.6 / 32_768)
    const expected = [0, 32_767, -32_768, 32_767, -32_768, 0, 1, -1]
    expect([...floatToInt16(samples)]).toEqual(expected)
    const bytes = encodeS16(samples)
    expect(expected.map((_, i) => bytes.readInt16LE(i * 2))).toEqual(expected)
  })

  it('survives the way to floats and back without change, for all 65,536 values', () => {
    const all = Int16Array.from({ length: 65_536 }, (_, i) => i - 32_768)
    expect(floatToInt16(decodeSamples(Buffer.from(all.buffer), 's16le'))).toEqual(all)
    const bytes = encodeS16(decodeSamples(Buffer.from(all.buffer), 's16le'))
    expect(encodeS16(decodeSamples(bytes, 's16le')).equals(bytes)).toBe(true)
  })
})

describe('pcmBytes', () => {
  const bytes = Buffer.from([1, 0, 255, 255])
  const around = Buffer.from([9, 9, ...bytes, 9, 9])
  const part = around.buffer.slice(around.byteOffset, around.byteOffset + 8)

  it.each([
    ['a Buffer', bytes],
    ['a Uint8Array of a part', new Uint8Array(part, 2, 4)],
    ['a DataView of a part', new DataView(part, 2, 4)],
    ['an ArrayBuffer', part.slice(2, 6)],
    ['an Int16Array of a part', new Int16Array(part, 2, 2)],
    ['an Uint8Array of another context', runInNewContext('Uint8Array.from(bytes)', { bytes })],
    ['an Int16Array of another context', runInNewContext('new Int16Array(Uint8Array.from(bytes).buffer)', { bytes })],
  ])('takes %s', (_what, chunk) => {
    expect(pcmBytes('x()', chunk, 's16le').equals(bytes)).toBe(true)
  })

  it('takes floats and 32-bit samples where these are declared, and floats for 16 bits where nothing is', () => {
    const floats = Float32Array.of(0, 0.5, -1)
    expect([...decodeSamples(pcmBytes('x()', floats, 'f32le'), 'f32le')]).toEqual([0, 0.5, -1])
    expect([...decodeSamples(pcmBytes('x()', floats, 's16le', true), 's16le')]).toEqual([0, 0.5, -1])
    expect([...decodeSamples(pcmBytes('x()', Int32Array.of(0, 2 ** 30), 's32le'), 's32le')]).toEqual([0, 0.5])
  })

  it.each([
    ['Float64Array', Float64Array.of(0.5), 's16le', 'but was given a Float64Array: make it one of these'],
    ['Uint16Array', Uint16Array.of(5), 's16le', 'but was given an Uint16Array: make it one of these'],
    ['array', [1], 's16le', 'but was given an Array: put resample() between'],
    ['null', null, 's16le', 'but was given null: put resample() between'],
    ['string', 'RIFF', 's16le', 'but was given a string: put resample() between'],
    [
      'Int16Array of unknown rate',
      Int16Array.of(5),
      undefined,
      "by input: { sampleRate, channels, encoding: 's16le' }",
    ],
    ['Int16Array for floats', Int16Array.of(5), 'f32le', 'expects f32le, but was given an Int16Array, which is s16le'],
    ['Float32Array for declared 16 bits', Float32Array.of(0), 's16le', 'which is f32le'],
    ['Float32Array for µ-law', Float32Array.of(0), 'mulaw', 'which is f32le'],
  ] as const)('refuses a %s in plain words', (_what, chunk, encoding, words) => {
    expect(() => pcmBytes('x()', chunk, encoding)).toThrow(words)
  })
})

describe('µ-law', () => {
  it('has the known values of G.711', () => {
    expect([0x00, 0x0f, 0x10, 0x7e, 0x7f, 0x80, 0xef, 0xff].map((code) => mulawToInt16[code])).toEqual([
      -32_124, -16_764, -15_996, -8, 0, 32_124, 132, 0,
    ])
  })

  it('gives each code back for its own sample', () => {
    for (let code = 0; code < 256; code++) {
      // 0x7F and 0xFF both are zero.
      expect(int16ToMulaw(mulawToInt16[code] ?? Number.NaN)).toBe(code === 0x7f ? 0xff : code)
    }
  })

  it('takes the nearest code within a segment, for every sample', () => {
    for (let sample = -32_768; sample <= 32_767; sample++) {
      const back = mulawToInt16[int16ToMulaw(sample)] ?? Number.NaN
      const loudness = Math.min(Math.abs(sample), 32_635)
      // Half a step: a step is 1/16 of the segment, which starts at its power of two (less the offset of 132).
      const halfStep = 2 ** Math.floor(Math.log2(loudness + 132)) / 32
      expect(Math.abs(Math.sign(sample) * loudness - back)).toBeLessThanOrEqual(halfStep)
    }
  })

  it('clips what is too loud', () => {
    expect(mulawToInt16[int16ToMulaw(32_767)]).toBe(32_124)
    expect(mulawToInt16[int16ToMulaw(-32_768)]).toBe(-32_124)
  })
})

describe('interleaved samples', () => {
  it('come apart and together again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(fc.float({ noNaN: true })), (channels, values) => {
        const whole = Float32Array.from(values.slice(0, values.length - (values.length % channels)))
        expect(interleave(deinterleave(whole, channels))).toEqual(whole)
      }),
    )
  })

  it('are those of each channel in turn', () => {
    expect(deinterleave(Float32Array.of(1, 2, 3, 4, 5, 6), 3)).toEqual([
      Float32Array.of(1, 4),
      Float32Array.of(2, 5),
      Float32Array.of(3, 6),
    ])
  })
})

describe('meanSquare', () => {
  it.each(['s16le', 'mulaw'] as const)('of %s is that of its samples', (encoding) => {
    const bytes = encodePcm(noise(800), { sampleRate: 16_000, channels: 1, encoding })
    const samples = decodeSamples(bytes, encoding)
    const expected = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length
    expect(meanSquare(bytes, encoding)).toBeCloseTo(expected, 12)
    expect(meanSquare(bytes.subarray(0, 0), encoding)).toBe(0)
  })
})

describe('splitChannels', () => {
  it('gives each channel its bytes, from any address', () => {
    const sizes = fc.constantFrom<1 | 2>(1, 2)
    fc.assert(
      fc.property(
        sizes,
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ max: 3, min: 0 }),
        fc.uint8Array(),
        (...given) => {
          const [size, channels, offset, bytes] = given
          const room = Buffer.alloc(bytes.length + offset)
          room.set(bytes, offset)
          const whole = room.subarray(offset, room.length - (bytes.length % (size * channels)))
          const split = splitChannels(whole, { channels, encoding: size === 1 ? 'mulaw' : 's16le' })
          expect(split).toHaveLength(channels)
          for (let at = 0; at < whole.length; at++) {
            const sample = Math.floor(at / size)
            expect(split[sample % channels]?.[Math.floor(sample / channels) * size + (at % size)]).toBe(whole[at])
          }
        },
      ),
    )
  })
})

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
      { numRuns: runs(60) },
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

const mono16: AudioFormat = { sampleRate: 16_000, channels: 1, encoding: 's16le' }

describe('convertSamples', () => {
  it('keeps length and energy between any two formats', () => {
    fc.assert(
      fc.property(anyFormat, anyFormat, (from, to) => {
        const count = 2 * from.sampleRate
        const one = sine(200, from.sampleRate, count)
        const bytes = encodePcm(one, from)
        const conversion = convertSamples(from, to)
        const out = Buffer.concat([...cut(bytes, [50_000]).map((piece) => conversion.push(piece)), conversion.flush()])
        const samples = decodeSamples(out, to.encoding)
        expect(samples.length).toBe(2 * to.sampleRate * to.channels)
        expect(rms(samples) / rms(one)).toBeCloseTo(1, 1)
      }),
      { numRuns: runs(20) },
    )
  })
})

describe('PcmInput', () => {
  it('gives the whole blocks of PCM, with or without a header, however the input is cut', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.boolean(),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 }),
        (pcm, withHeader, lengths) => {
          const input = new PcmInput('frame()', mono16)
          const bytes = Buffer.concat([withHeader ? writeWavHeader(mono16) : Buffer.alloc(0), pcm])
          const pieces = cut(bytes, lengths).map((piece) => input.push(piece))
          const got = Buffer.concat([...pieces, input.flush()])
          expect(got.equals(pcm.subarray(0, pcm.length - (pcm.length % 2)))).toBe(true)
          expect(pieces.every((piece) => piece.length % 2 === 0)).toBe(true)
          expect(input.heldBytes).toBe(pcm.length % 2)
        },
      ),
    )
  })

  it('does not copy PCM that is aligned', () => {
    const chunk = Buffer.alloc(1600)
    expect(new PcmInput('frame()', mono16).push(chunk).buffer).toBe(chunk.buffer)
  })

  it.each([{ sampleRate: 44_100 }, { channels: 2 }, { encoding: 'f32le' as const }])(
    'refuses WAV of another format: %j',
    (difference) => {
      const input = new PcmInput('diarize()', mono16)
      expect(() => input.push(writeWavHeader({ ...mono16, ...difference }))).toThrow(
        expect.objectContaining({
          name: 'ConfigurationError',
          code: 'INVALID_PIPELINE',
          message: expect.stringMatching(
            /^diarize\(\) takes PCM of 16000 Hz, mono, s16le, but .*: put resample\(\) between$/,
          ),
        }),
      )
    },
  )

  it('refuses a media file, instead of sending it on as noise', () => {
    const input = new PcmInput('frame()', mono16)
    expect(input.push(Buffer.from('\0\0\0\x20fty', 'latin1')).length).toBe(0)
    expect(() => input.push(Buffer.from('pisom....', 'latin1'))).toThrow(
      /MP4 or QuickTime: put decode\(\) and resample\(\)/,
    )
  })

  it('reports what a WAV header promised and did not give', () => {
    const input = new PcmInput('frame()', mono16)
    input.push(Buffer.concat([writeWavHeader(mono16, 100), Buffer.alloc(90)]))
    expect(input.missingBytes).toBe(10)
  })
})
