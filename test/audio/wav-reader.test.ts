import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AudioFormat } from '../../src/audio/format.ts'
import { WavReader } from '../../src/audio/wav-reader.ts'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { cut } from './signals.ts'

const stereo: AudioFormat = { sampleRate: 44_100, channels: 2, encoding: 's16le' }
const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 })

function read(bytes: Buffer, lengths: readonly number[]): { reader: WavReader; audio: Buffer } {
  const reader = new WavReader()
  const pieces = cut(bytes, lengths).map((piece) => reader.push(Buffer.from(piece)))
  return { reader, audio: Buffer.concat([...pieces, reader.flush()]) }
}

describe('WavReader', () => {
  it('takes out the audio, however the input is cut, and leaves out what follows', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.uint8Array({ maxLength: 60 }),
        cuts,
        (audio, after, lengths) => {
          const { reader, audio: got } = read(
            Buffer.concat([writeWavHeader(stereo, audio.length), audio, after]),
            lengths,
          )
          expect(got.equals(audio)).toBe(true)
          expect(reader.kind).toBe('wav')
          expect(reader.header?.format).toEqual(stereo)
          expect(reader.missingBytes).toBe(0)
        },
      ),
    )
  })

  it('takes all that comes where the length is unknown', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), cuts, (audio, lengths) => {
        const { reader, audio: got } = read(Buffer.concat([writeWavHeader(stereo), audio]), lengths)
        expect(got.equals(audio)).toBe(true)
        expect(reader.missingBytes).toBe(0)
      }),
    )
  })

  it('gives every byte of what is not WAV, also of the shortest streams', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 40 }),
          fc.constantFrom(...['R', 'RIFF', 'RIFF1234WAV', 'RIFF1234AVI '].map((text) => Buffer.from(text))),
        ),
        cuts,
        (bytes, lengths) => {
          const { reader, audio } = read(Buffer.from(bytes), lengths)
          expect(audio.equals(bytes)).toBe(true)
          expect(reader.kind).toBe('other')
        },
      ),
    )
  })

  it('names the container it was given instead', () => {
    expect(read(Buffer.from('OggS00000000000000'), [5]).reader.container).toBe('Ogg')
    expect(read(Buffer.alloc(20), [5]).reader.container).toBeUndefined()
  })

  it('says how much of the promised audio is missing', () => {
    expect(read(Buffer.concat([writeWavHeader(stereo, 100), Buffer.alloc(60)]), [7]).reader.missingBytes).toBe(40)
  })

  it('gives nothing and no header when the stream ends within the header', () => {
    const { reader, audio } = read(writeWavHeader(stereo, 100).subarray(0, 30), [9])
    expect([reader.kind, reader.header, audio.length]).toEqual(['wav', undefined, 0])
  })

  it('reads a long header in tiny chunks without growing slow', () => {
    const filler = Buffer.alloc(8 + 200_000)
    filler.write('LIST', 'latin1')
    filler.writeUInt32LE(200_000, 4)
    const header = writeWavHeader(stereo, 4)
    const { reader, audio } = read(
      Buffer.concat([header.subarray(0, 12), filler, header.subarray(12), Buffer.from('abcd')]),
      [3],
    )
    expect(reader.header?.dataOffset).toBe(header.length + filler.length)
    expect(audio.toString()).toBe('abcd')
  })
})
