import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AudioFormat } from '../../src/audio/format.ts'
import { WavReader, wavSizeWarning } from '../../src/audio/wav-reader.ts'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { cut } from './signals.ts'

const stereo: AudioFormat = { sampleRate: 44_100, channels: 2, encoding: 's16le' }
const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 })

const titles = chunk('LIST', Buffer.from('INFOISFT\x04\0\0\0abcd'))
const tag = chunk('id3 ', Buffer.from('ID3\x03\0\0\0\0\0\0'))
const after = fc.constantFrom(
  titles,
  tag,
  chunk('bext', Buffer.alloc(40, 7)),
  Buffer.from('TAGtitle'),
  Buffer.alloc(500),
)
/** Bytes of which none begins a list of titles or a tag. */
const samples = fc
  .array(fc.integer({ min: 0x80, max: 0xff }), { minLength: 20, maxLength: 200 })
  .map((bytes) => Buffer.from(bytes))

function chunk(id: string, content: Buffer): Buffer {
  const head = Buffer.alloc(8)
  head.write(id, 'latin1')
  head.writeUInt32LE(content.length, 4)
  return Buffer.concat([head, content, Buffer.alloc(content.length % 2)])
}

/** A header of 44 bytes with these sizes, true or not. */
function withSizes(dataBytes: number, outer: number): Buffer {
  const header = writeWavHeader(stereo, 4)
  header.writeUInt32LE(outer, 4)
  header.writeUInt32LE(dataBytes, header.length - 4)
  return header
}

function read(bytes: Buffer, lengths: readonly number[]): { reader: WavReader; audio: Buffer } {
  const reader = new WavReader()
  const pieces = cut(bytes, lengths).map((piece) => reader.push(Buffer.from(piece)))
  return { reader, audio: Buffer.concat([...pieces, reader.flush()]) }
}

describe('WavReader', () => {
  it('takes out the audio, however the input is cut, and leaves out chunks, tags and filling behind it', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 200 }),
        fc.array(after, { maxLength: 3 }),
        cuts,
        (audio, chunks, lengths) => {
          const { reader, audio: got } = read(
            Buffer.concat([writeWavHeader(stereo, audio.length), audio, Buffer.alloc(audio.length % 2), ...chunks]),
            lengths,
          )
          expect(got.equals(audio)).toBe(true)
          expect(reader.kind).toBe('wav')
          expect(reader.header?.format).toEqual(stereo)
          expect(reader.missingBytes).toBe(0)
          expect(reader.goesOn).toBe(false)
          expect(wavSizeWarning(reader)).toBeUndefined()
        },
      ),
    )
  })

  it('reads on to the end, or to the titles there, where the header says too little', () => {
    fc.assert(
      fc.property(samples, fc.nat(), fc.option(fc.constantFrom(titles, tag)), cuts, (audio, cutAt, last, lengths) => {
        const declared = cutAt % (audio.length - 8)
        // What follows must not happen to look like filling or a chunk.
        for (let at = declared; at < declared + 9 && at < audio.length; at++) audio[at] = 0x81
        const { reader, audio: got } = read(
          Buffer.concat([withSizes(declared, declared + 36), audio, last ?? Buffer.alloc(0)]),
          lengths,
        )
        expect(got.equals(audio)).toBe(true)
        expect(reader.goesOn).toBe(true)
        expect(wavSizeWarning(reader)?.['declared']).toBe(declared)
        expect(reader.missingBytes).toBe(0)
      }),
    )
  })

  it.each([
    ['whose outer size alone is stale', 0, 36],
    ['whose outer size alone is right', 8, 236],
    ['whose outer size alone is right, with none inside', 0, 236],
    ['of a pipe that says nothing', 0, 0],
    ['of a pipe', 0xffff_ffff, 0xffff_ffff],
    ['of another pipe', 0x7fff_ffff, 0x8000_0023],
  ])('reads all of a WAV %s', (_what, dataBytes, outer) => {
    const audio = Buffer.alloc(200, 0x42)
    expect(read(Buffer.concat([withSizes(dataBytes, outer), audio]), [7]).audio.equals(audio)).toBe(true)
    expect(read(Buffer.concat([withSizes(dataBytes, outer), audio, titles]), [7]).audio.equals(audio)).toBe(true)
  })

  it('goes by the data where the outer size alone is stale', () => {
    const { reader, audio } = read(Buffer.concat([withSizes(200, 36), Buffer.alloc(200, 0x42), titles]), [300])
    expect([audio.length, reader.goesOn, reader.missingBytes]).toEqual([200, false, 0])
  })

  it('reads on in an RF64 whose sizes of 64 bits are stale', () => {
    const plain = withSizes(0xffff_ffff, 0xffff_ffff)
    const sizes = Buffer.alloc(28)
    sizes.writeBigUInt64LE(80n, 0)
    sizes.writeBigUInt64LE(8n, 8)
    const header = Buffer.concat([Buffer.from('RF64'), plain.subarray(4, 12), chunk('ds64', sizes), plain.subarray(12)])
    const audio = Buffer.alloc(200, 0x42)
    const { reader, audio: got } = read(Buffer.concat([header, audio]), [5])
    expect(got.equals(audio)).toBe(true)
    expect(reader.goesOn).toBe(true)
  })

  it('takes a chunk that nobody knows for one where the outer size has room for it', () => {
    const audio = Buffer.alloc(20, 0x42)
    const unknown = chunk('abcd', Buffer.alloc(30, 1))
    expect(read(Buffer.concat([withSizes(20, 36 + 20 + 38), audio, unknown]), [9]).audio.length).toBe(20)
    expect(read(Buffer.concat([withSizes(20, 36 + 20), audio, unknown]), [9]).audio.length).toBe(58)
  })

  it('takes long silence for sound and short silence for the filling of a disk block', () => {
    const zeros = (length: number): Buffer =>
      Buffer.concat([withSizes(20, 56), Buffer.alloc(20, 1), Buffer.alloc(length)])
    expect(read(zeros(4000), [1000]).audio.length).toBe(20)
    expect(read(zeros(100_000), [1000]).audio.length).toBe(100_020)
    // Where none is declared, silence is the first sound.
    expect(read(Buffer.concat([withSizes(0, 36), Buffer.alloc(4000)]), [1000]).audio.length).toBe(4000)
    expect(read(Buffer.concat([zeros(4000), Buffer.alloc(50, 9)]), [1000]).audio.length).toBe(4070)
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
