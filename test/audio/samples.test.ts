import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sampleEncodings } from '../../src/audio/format.ts'
import { decodeSamples, encodeS16, floatToInt16, int16ToFloat, pcmBytes } from '../../src/audio/samples.ts'
import { encodePcm, noise } from './signals.ts'

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
    expect(floatToInt16(int16ToFloat(all))).toEqual(all)
    const bytes = encodeS16(int16ToFloat(all))
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
