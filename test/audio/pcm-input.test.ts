import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AudioFormat } from '../../src/audio/format.ts'
import { PcmInput } from '../../src/audio/pcm-input.ts'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { cut } from './signals.ts'

const mono16: AudioFormat = { sampleRate: 16_000, channels: 1, encoding: 's16le' }

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
