import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { deinterleave, interleave, splitChannels } from '../../src/audio/interleave.ts'

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
          const split = splitChannels(whole, channels, size)
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
