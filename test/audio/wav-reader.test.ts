import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AudioFormat } from '../../src/audio/format.ts'
import { containerName, WavReader, wavSizeWarning } from '../../src/audio/wav-reader.ts'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { chunk, cut } from './signals.ts'

const mono16: AudioFormat = { sampleRate: 16_000, channels: 1, encoding: 's16le' }

describe('containerName', () => {
  it.each([
    ['MP4 or QuickTime', '\0\0\0\x20ftypisom'],
    ['Ogg', 'OggS\0\x02\0\0\0\0\0\0'],
    ['FLAC', 'fLaC\0\0\0\x22\0\0\0\0'],
    ['Matroska or WebM', '\x1a\x45\xdf\xa3\0\0\0\0\0\0\0\0'],
    ['MP3', 'ID3\x04\0\0\0\0\0\0\0\0'],
    ['AVI', 'RIFF\0\0\0\0AVI '],
  ])('knows %s', (name, head) => {
    expect(containerName(Buffer.from(head, 'latin1'))).toBe(name)
  })

  it('knows nothing in samples, short or absent ones too', () => {
    for (const head of [
      Buffer.alloc(0),
      Buffer.alloc(12),
      Buffer.alloc(12, 0xff),
      Buffer.from('ftyp'),
      Buffer.from('RIFF'),
    ]) {
      expect(containerName(head)).toBeUndefined()
    }
  })
})

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
          expect(reader.exceedsHeader).toBe(false)
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
        expect(reader.exceedsHeader).toBe(true)
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
    expect([audio.length, reader.exceedsHeader, reader.missingBytes]).toEqual([200, false, 0])
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
    expect(reader.exceedsHeader).toBe(true)
  })

  it('takes a chunk that nobody knows for one where the outer size has room for it', () => {
    const audio = Buffer.alloc(20, 0x42)
    const unknown = chunk('abcd', Buffer.alloc(30, 1))
    expect(read(Buffer.concat([withSizes(20, 36 + 20 + 38), audio, unknown]), [9]).audio.length).toBe(20)
    expect(read(Buffer.concat([withSizes(20, 36 + 20), audio, unknown]), [9]).audio.length).toBe(58)
  })

  it('goes on with further chunks of samples, however they are cut, and says what the last one lacks', () => {
    const parts = fc.array(samples, { minLength: 2, maxLength: 4 })
    fc.assert(
      fc.property(parts, fc.option(after), fc.nat({ max: 10 }), cuts, (audio, last, lack, lengths) => {
        const [first, ...more] = audio
        const further = more.map((part) => chunk('data', part))
        const all = [first!, Buffer.alloc(first!.length % 2), ...further]
        const size = all.reduce((sum, { length }) => sum + length, 36)
        const bytes = Buffer.concat([withSizes(first!.length, size), ...all])
        const whole = Buffer.concat([bytes, last ?? Buffer.alloc(0)])
        const { reader, audio: got } = read(whole, lengths)
        expect(got.equals(Buffer.concat(audio))).toBe(true)
        expect(reader.missingBytes).toBe(0)
        expect(wavSizeWarning(reader)).toMatchObject({ code: 'WAV_SIZE_WRONG', declared: first!.length })
        const end = bytes.length - (more.at(-1)!.length % 2) - lack
        const cutOff = read(bytes.subarray(0, end), lengths)
        expect(cutOff.reader.missingBytes).toBe(lack)
        expect(cutOff.audio.equals(got.subarray(0, got.length - lack))).toBe(true)
      }),
    )
  })

  it('goes on behind chunks between the samples, however they are cut, and not in what is none', () => {
    const between = fc.array(
      fc.constantFrom(titles, chunk('cue ', Buffer.alloc(28, 1)), chunk('LIST', Buffer.alloc(31, 65))),
      {
        minLength: 1,
        maxLength: 3,
      },
    )
    fc.assert(
      fc.property(
        samples,
        fc.array(fc.tuple(between, samples), { minLength: 1, maxLength: 3 }),
        cuts,
        (first, more, lengths) => {
          const all = [
            first,
            Buffer.alloc(first.length % 2),
            ...more.flatMap(([chunks, part]) => [...chunks, chunk('data', part)]),
          ]
          const rest = [titles, Buffer.from('rubbish with data\x09\0\0\0 in it')]
          const size = all.reduce((sum, { length }) => sum + length, 36 + titles.length)
          for (const outer of [size, 0xffff_ffff]) {
            const { reader, audio } = read(Buffer.concat([withSizes(first.length, outer), ...all, ...rest]), lengths)
            expect(audio.equals(Buffer.concat([first, ...more.map(([, part]) => part)]))).toBe(true)
            expect(reader.missingBytes).toBe(0)
            expect(wavSizeWarning(reader)).toMatchObject({ code: 'WAV_SIZE_WRONG', declared: first.length })
          }
        },
      ),
    )
  })

  it('goes on to the end in a last chunk of samples whose length is not known', () => {
    const [audio, more] = [Buffer.alloc(20, 0x42), Buffer.alloc(3000, 0x43)]
    const bytes = Buffer.concat([
      withSizes(20, 0xffff_ffff),
      audio,
      titles,
      chunk('data', Buffer.alloc(0), 0xffff_ffff),
      more,
    ])
    const { reader, audio: got } = read(bytes, [100])
    expect(got.equals(Buffer.concat([audio, more]))).toBe(true)
    expect(reader.missingBytes).toBe(0)
  })

  it('takes no more chunks of samples than can be, and none without any', () => {
    const one = chunk('data', Buffer.alloc(2, 0x42))
    const many = Array.from({ length: 100_000 }, () => one)
    const bytes = Buffer.concat([withSizes(2, 36 + 2 + 10 * many.length), Buffer.alloc(2, 0x42), ...many])
    expect(read(bytes, [bytes.length]).audio.length).toBe(2 * 65)
    const none = chunk('data', Buffer.alloc(0))
    expect(read(Buffer.concat([withSizes(2, 46), Buffer.alloc(2, 0x42), none]), [9]).audio.length).toBe(2)
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

  it('goes on with the WAVs that were joined to it, however they are cut', () => {
    const part = fc.tuple(
      fc.uint8Array({ minLength: 4, maxLength: 100 }).map((bytes) => bytes.subarray(0, bytes.length & ~3)),
      fc.constantFrom(titles, Buffer.alloc(0)),
      fc.boolean(),
    )
    fc.assert(
      fc.property(fc.array(part, { minLength: 2, maxLength: 4 }), cuts, (parts, lengths) => {
        const files = parts.map(([audio, last, isKnown]) =>
          Buffer.concat([writeWavHeader(stereo, isKnown ? audio.length : undefined), audio, last]),
        )
        const { reader, audio: got } = read(Buffer.concat(files), lengths)
        expect(got.equals(Buffer.concat(parts.map(([audio]) => audio)))).toBe(true)
        expect(reader.joined).toBe('heard')
        expect(wavSizeWarning(reader)?.code).toBe('WAV_JOINED')
        expect(reader.missingBytes).toBe(0)
      }),
    )
  })

  it('hears the WAV behind one that was cut short, however long that says it is, and says what is missing', () => {
    const audio = fc.uint8Array({ minLength: 4, maxLength: 100 }).map((bytes) => bytes.subarray(0, bytes.length & ~3))
    const lack = fc.constantFrom(4, 20, 60, 1000, 1_000_000)
    fc.assert(
      fc.property(audio, audio, lack, cuts, (first, second, missing, lengths) => {
        const files = [
          writeWavHeader(stereo, first.length + missing),
          first,
          writeWavHeader(stereo, second.length),
          second,
        ]
        const { reader, audio: got } = read(Buffer.concat(files), lengths)
        expect(got.equals(Buffer.concat([first, second]))).toBe(true)
        expect(reader.joinedLacks).toBe(missing)
        expect(wavSizeWarning(reader)).toMatchObject({
          code: 'WAV_JOINED',
          message: expect.stringContaining(`but ${missing} bytes that their headers say are not there`) as unknown,
        })
      }),
    )
  })

  it('ends one that others follow with a whole sample of all channels', () => {
    const odd = Buffer.concat([writeWavHeader(stereo, 5), Buffer.from('abcde'), Buffer.alloc(1)])
    const { audio } = read(Buffer.concat([odd, writeWavHeader(stereo, 4), Buffer.from('wxyz')]), [7])
    expect(audio.toString('latin1')).toBe('abcde\0\0\0wxyz')
  })

  it('leaves out what was joined and cannot be made into the first, and says so', () => {
    const first = Buffer.concat([writeWavHeader(stereo, 4), Buffer.from('abcd')])
    const other = Buffer.concat([writeWavHeader(mono16, 4), Buffer.from('wxyz')])
    for (const next of [other, Buffer.concat([other.subarray(0, 40), Buffer.alloc(70_000, 1)])]) {
      const { reader, audio } = read(Buffer.concat([first, next, next]), [9])
      expect(audio.toString()).toBe('abcd')
      expect(wavSizeWarning(reader)?.message).toContain('is not heard')
    }
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
