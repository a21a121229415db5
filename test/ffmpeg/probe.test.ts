import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  declaredLength,
  headLimit,
  isGapless,
  isStereo,
  mediaDuration,
  wavExtent,
} from '../../src/ffmpeg/probe.ts'
import { mp3Index, mpegFrame, tagLength } from '../../src/ffmpeg/bytes/frames.ts'
import type { ReadAt } from '../../src/ffmpeg/bytes/read-at.ts'
import { createMedia, ffmpeg, type Media } from '../helpers/media.ts'
import { tones } from '../helpers/onsets.ts'
import { runs } from '../helpers/runs.ts'

let media: Media
beforeAll(async () => {
  media = await createMedia()
})
afterAll(() => media.remove())

const reading =
  (bytes: Buffer): ReadAt =>
  (offset, length) =>
    bytes.subarray(offset, offset + length)

it.each(['wav', 'mp3', 'm4a', 'fastM4a', 'flac', 'webm', 'video'] as const)('is read from %s', async (kind) => {
  const bytes = await readFile(media[kind])
  const duration = mediaDuration(reading(bytes), bytes.length) ?? 0
  expect(Math.abs(duration - 2000)).toBeLessThanOrEqual(100)
})

it('is read from an MP4 whose index is at its end by a few small reads', async () => {
  const path = join(media.directory, 'long.m4a')
  await ffmpeg('-f', 'lavfi', '-i', 'sine=f=440:d=600', '-c:a', 'alac', path)
  const bytes = await readFile(path)
  let taken = 0
  const duration = mediaDuration((offset, length) => {
    taken += length
    return bytes.subarray(offset, offset + length)
  }, bytes.length)
  expect(Math.abs((duration ?? 0) - 600_000)).toBeLessThanOrEqual(100)
  expect(taken).toBeLessThan(5000)
})

it('is that of what is there of a cut WAV', async () => {
  const bytes = await readFile(media.cutWav)
  expect(mediaDuration(reading(bytes), bytes.length)).toBeCloseTo(((bytes.length - 78) / 176_400) * 1000, -2)
})

it.each(['adpcm_ima_wav', 'adpcm_ms', 'pcm_mulaw', 'pcm_alaw', 'pcm_s24le', 'pcm_f32le'])(
  'is that of %s in WAV',
  async (codec) => {
    const path = join(media.directory, `${codec}.wav`)
    await ffmpeg('-f', 'lavfi', '-i', 'sine=r=48000:d=7', '-c:a', codec, path)
    const bytes = await readFile(path)
    // The last block of ADPCM is filled up.
    expect(Math.abs((mediaDuration(reading(bytes), bytes.length) ?? 0) - 7000)).toBeLessThanOrEqual(45)
  },
)

it.each(['adpcm_yamaha', 'g722', 'libmp3lame', 'aac'])(
  'is that of %s in WAV by its number of samples, or unknown',
  async (codec) => {
    const path = join(media.directory, `${codec}.wav`)
    await ffmpeg('-f', 'lavfi', '-i', 'sine=r=48000:d=7', '-c:a', codec, path)
    const bytes = await readFile(path)
    expect(Math.abs((mediaDuration(reading(bytes), bytes.length) ?? 0) - 7000)).toBeLessThanOrEqual(45)
    bytes.write('JUNK', bytes.indexOf('fact'))
    expect(mediaDuration(reading(bytes), bytes.length)).toBeUndefined()
  },
)

it('is that of what is there of a WAV whose header says too little, titles left out where it is right', async () => {
  const bytes = await readFile(media.wav)
  const titles = Buffer.from('LIST\x0e\0\0\0INFOISFT\x02\0\0\0ab', 'latin1')
  expect(mediaDuration(reading(Buffer.concat([bytes, titles])), bytes.length + titles.length)).toBe(2000)
  const stale = Buffer.from(bytes)
  stale.writeUInt32LE(8000, stale.indexOf('data') + 4)
  expect(mediaDuration(reading(stale), stale.length)).toBe(2000)
  // Where only the head can be had, as over HTTP, what stands behind is not known.
  expect(mediaDuration(reading(stale.subarray(0, 4096)), stale.length)).toBeUndefined()
})

it('counts what further chunks of a WAV have, behind others of any length, of which FFmpeg would hear the last alone', async () => {
  const bytes = await readFile(media.wav)
  const [start, length] = [bytes.indexOf('data') + 8, bytes.readUInt32LE(bytes.indexOf('data') + 4)]
  const chunk = (id: string, content: Buffer): Buffer => {
    const head = Buffer.from(`${id}....`)
    head.writeUInt32LE(content.length, 4)
    return Buffer.concat([head, content, Buffer.alloc(content.length % 2)])
  }
  const [first, second] = [bytes.subarray(start, start + 4000), bytes.subarray(start + 4000, start + length)]
  for (const between of [chunk('LIST', Buffer.from('INFO')), chunk('id3 ', Buffer.alloc(100_001))]) {
    const chunks = Buffer.concat([chunk('data', first), between, chunk('data', second)])
    const file = Buffer.concat([bytes.subarray(0, start - 8), chunks])
    file.writeUInt32LE(file.length - 8, 4)
    expect(wavExtent(reading(file), file.length)).toMatchObject({ bytes: length, asSaid: false })
    expect(mediaDuration(reading(file), file.length)).toBe(2000)
  }
})

it.each(['mkv', 'webm'])('counts from the first cluster of a %s', async (kind) => {
  const path = join(media.directory, `late.${kind}`)
  await ffmpeg('-f', 'lavfi', '-i', 'sine=r=48000:d=7', '-c:a', 'libopus', '-output_ts_offset', '100', path)
  const bytes = await readFile(path)
  expect(Math.abs((mediaDuration(reading(bytes), bytes.length) ?? 0) - 7000)).toBeLessThanOrEqual(50)
})

it('adds up joined MP3s, and is unknown where one of them does not say', async () => {
  const one = await readFile(media.mp3)
  const plain = join(media.directory, 'plain.mp3')
  await ffmpeg('-i', media.wav, '-write_xing', '0', '-id3v2_version', '0', plain)
  const other = await readFile(plain)
  const all = (...parts: Buffer[]): number | undefined =>
    mediaDuration(reading(Buffer.concat(parts)), Buffer.concat(parts).length)
  const single = all(one) ?? 0
  expect(all(one, one)).toBeCloseTo(2 * single, -1)
  expect(all(one, one, one)).toBeCloseTo(3 * single, -1)
  expect(all(one, other)).toBeUndefined()
  expect(all(other, one)).toBeUndefined()
})

it.each(['corrupt', 'empty', 'ogg'] as const)('is unknown of %s', async (kind) => {
  const bytes = await readFile(media[kind])
  expect(mediaDuration(reading(bytes), bytes.length)).toBeUndefined()
})

it('is a number above 0, or unknown, for any bytes', () => {
  const begin = fc.constantFrom(
    '',
    'RIFF0000WAVEfmt ',
    'fLaC',
    '\x1aE\xdf\xa3\x15\x49\xa9\x66',
    '0000ftyp',
    'ID3',
    '\xff\xfb',
  )
  const bytes = fc
    .tuple(begin, fc.uint8Array({ maxLength: 200 }))
    .map(([text, rest]) => Buffer.concat([Buffer.from(text, 'latin1'), rest]))
  const details = fc.check(
    fc.property(bytes, fc.option(fc.nat(1000), { nil: undefined }), (input, size) => {
      const duration = mediaDuration(reading(input), size)
      return duration === undefined || (Number.isInteger(duration) && duration >= 0)
    }),
    { numRuns: runs(3000) },
  )
  expect(details).toMatchObject({ failed: false })
})

function box(type: string, payload = 0): Buffer {
  const bytes = Buffer.alloc(8 + payload)
  bytes.writeUInt32BE(bytes.length, 0)
  bytes.write(type, 4, 'latin1')
  return bytes
}

function largeBox(type: string): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32BE(1, 0)
  bytes.write(type, 4, 'latin1')
  bytes.writeBigUInt64BE(16n, 8)
  return bytes
}

describe('declaredLength', () => {
  it('is the length of a complete WAV, and about that of a complete MP3', async () => {
    const wav = await readFile(media.wav)
    expect(declaredLength(wav.subarray(0, 12))).toBe(wav.length)
    const mp3 = await readFile(media.mp3)
    const declared = declaredLength(mp3) ?? 0
    expect(declared).toBeLessThanOrEqual(mp3.length)
    expect(declared).toBeGreaterThan(mp3.length * 0.9)
  })

  it('is more than there is of a cut WAV or MP3', async () => {
    for (const path of [media.cutWav, media.cutMp3]) {
      const bytes = await readFile(path)
      expect(declaredLength(bytes)).toBeGreaterThan(bytes.length)
    }
  })

  it('is that of TTA, by the table of its frames, where all of that is there', async () => {
    const path = join(media.directory, 'tone.tta')
    await ffmpeg('-f', 'lavfi', '-i', 'anoisesrc=d=5:r=16000', path)
    const bytes = await readFile(path)
    const head = 22 + 4 * 5 + 4
    const end = bytes.indexOf('APETAGEX')
    for (const length of [head, bytes.length]) expect(declaredLength(bytes.subarray(0, length))).toBe(end)
    expect(declaredLength(bytes.subarray(0, head - 1))).toBeUndefined()
  })

  it.each(['aiff', 'au', 'caf', 'w64'])('is that of %s, too, and unknown where it came by a pipe', async (kind) => {
    const path = join(media.directory, `tone.${kind}`)
    await ffmpeg('-i', media.wav, path)
    const bytes = await readFile(path)
    const length = declaredLength(bytes.subarray(0, headLimit)) ?? 0
    // The last chunk may be filled up.
    expect(bytes.length - length).toBeGreaterThanOrEqual(0)
    expect(bytes.length - length).toBeLessThanOrEqual(32)
    const sizes = {
      aiff: [4, 'ffffffff'],
      au: [8, 'ffffffff'],
      caf: [bytes.indexOf('data') + 4, 'ffffffffffffffff'],
      w64: [16, '0000000000000000'],
    }
    const [at, size] = sizes[kind as keyof typeof sizes] as [number, string]
    bytes.write(size, at, 'hex')
    expect(declaredLength(bytes.subarray(0, headLimit))).toBeUndefined()
  })

  it('is unknown where the header does not say', async () => {
    const streamed = Buffer.from(await readFile(media.wav))
    for (const size of [0, 0xffff_ffff, 0x7fff_ffff, 0x8000_0024]) {
      streamed.writeUInt32LE(size, 4)
      expect(declaredLength(streamed)).toBeUndefined()
    }
    for (const path of [media.ogg, media.m4a, media.corrupt, media.empty]) {
      expect(declaredLength(await readFile(path))).toBeUndefined()
    }
    expect(declaredLength(Buffer.from('RIFF'))).toBeUndefined()
  })

  it('survives any bytes', () => {
    const start = fc.constantFrom('', 'ID3', 'RIFF', 'FORM', '.snd', 'caff', 'riff', '\u00ff\u00fb')
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 200 }), (text, rest) => {
        const length = declaredLength(Buffer.concat([Buffer.from(text, 'latin1'), rest]))
        expect(length === undefined || length >= 0).toBe(true)
      }),
    )
  })
})

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diarize-stream-gapless-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const hole = String.raw`,aselect=lt(t\,1)+gt(t\,2)`

it.each([
  [true, 'sound.m4a', '', []],
  [true, 'first.m4a', '', ['-movflags', '+faststart']],
  [true, 'sound.mp3', '', []],
  [true, 'sound.flac', '', []],
  [false, 'sound.aac', '', []],
  [true, 'sound.wav', '', []],
  [false, 'hole.m4a', hole, []],
  [false, 'parts.mp4', '', ['-movflags', '+frag_keyframe+empty_moov']],
  [false, 'sound.mkv', '', []],
  [false, 'sound.ts', '', []],
  [false, 'sound.ogg', '', []],
] as const)('is %s of %s', async (gapless, name, filters, more) => {
  const file = join(folder, name)
  await ffmpeg(...tones(3, [1], filters), ...more, file)
  const bytes = await readFile(file)
  const readAt = (offset: number, length: number): Buffer => bytes.subarray(offset, offset + length)
  expect(isGapless(readAt, bytes.length)).toBe(gapless)
  // A piece of it, or damage, is no reason to fail.
  for (let size = 0; size < bytes.length; size += Math.ceil(bytes.length / 50)) {
    const part = bytes.subarray(0, size)
    expect(typeof isGapless((offset, length) => part.subarray(offset, offset + length), size)).toBe('boolean')
  }
})

it.each(['m4a', 'mp4', 'mov', 'mp3', 'wav', 'flac'])('whether all is stereo is known of %s', async (kind) => {
  for (const channels of [1, 2]) {
    const file = join(folder, `${channels} channels.${kind}`)
    await ffmpeg(...tones(1, [0.5]), '-ac', String(channels), '-map_metadata', '-1', file)
    const bytes = await readFile(file)
    expect(isStereo(reading(bytes), bytes.length)).toBe(channels === 2)
    for (let size = 0; size < bytes.length; size += Math.ceil(bytes.length / 50)) {
      expect(typeof isStereo(reading(bytes.subarray(0, size)), size)).toBe('boolean')
    }
  }
})

it('is not stereo where one of several tracks is not, or it is no AAC', async () => {
  const [file, other] = [join(folder, 'tracks.m4a'), join(folder, 'alac.m4a')]
  const twice = ['-map', '0', '-map', '0', '-ac:a:0', '2', '-ac:a:1', '1']
  await ffmpeg(...tones(1, [0.5]), ...twice, file)
  await ffmpeg(...tones(1, [0.5]), '-ac', '2', '-c:a', 'alac', other)
  for (const path of [file, other]) {
    const bytes = await readFile(path)
    expect(isStereo(reading(bytes), bytes.length)).toBe(false)
  }
})

it('is true of MP4s that were joined by their packets, of which each ends with a shorter one', async () => {
  const [one, file] = [join(folder, 'one.m4a'), join(folder, 'joined.m4a')]
  await ffmpeg(...tones(4, [1]), one)
  await ffmpeg('-stream_loop', '2', '-i', one, '-c', 'copy', file)
  const bytes = await readFile(file)
  const readAt = (offset: number, length: number): Buffer => bytes.subarray(offset, offset + length)
  expect(bytes.readUInt32BE(bytes.indexOf('stts') + 8)).toBeGreaterThan(2)
  expect(isGapless(readAt, bytes.length)).toBe(true)
  // The same, but the first of these lasts three times as long.
  const short = bytes.indexOf('stts') + 24
  bytes.writeUInt32BE(3 * 1024, short)
  expect(isGapless(readAt, bytes.length)).toBe(false)
})

const frame = (hex: string) => mpegFrame(Buffer.from(hex, 'hex'))

it.each([
  ['MPEG 1 layer 3, 128 kbit/s', 'fffb9000', 417, 1152, 44_100],
  ['the same, padded', 'fffb9200', 418, 1152, 44_100],
  ['MPEG 2 layer 3, 64 kbit/s', 'fff38400', 192, 576, 24_000],
  ['MPEG 2.5 layer 3, 8 kbit/s', 'ffe31800', 72, 576, 8000],
  ['MPEG 1 layer 2, 192 kbit/s', 'fffda400', 576, 1152, 48_000],
  ['MPEG 1 layer 1, 384 kbit/s', 'ffffc400', 384, 384, 48_000],
])('a frame of %s is as long as it says', (_what, hex, bytes, samples, sampleRate) => {
  expect(frame(hex)).toMatchObject({ bytes, samples, sampleRate })
})

it.each([
  ['no sync', 'fe fb 90 00'],
  ['AAC', 'ff f1 50 80'],
  ['a version that is reserved', 'ff eb 90 00'],
  ['a free bit rate', 'ff fb 00 00'],
  ['a bit rate that is forbidden', 'ff fb f0 00'],
  ['a sample rate that is reserved', 'ff fb 9c 00'],
  ['three bytes', 'ff fb 90'],
])('%s is no frame', (_what, hex) => {
  expect(frame(hex.replaceAll(' ', ''))).toBeUndefined()
})

it('tags are as long as they say', () => {
  const ape = Buffer.alloc(32)
  ape.write('APETAGEX', 'latin1')
  ape.writeUInt32LE(500, 12)
  expect(tagLength(ape)).toBe(32)
  ape.writeUInt32LE(0xa000_0000, 20)
  expect(tagLength(ape)).toBe(532)
  expect(tagLength(Buffer.from('ID3\x04\0\0\0\0\x01\x05', 'latin1'))).toBe(143)
  expect(tagLength(Buffer.from('ID3\x04\0\x10\0\0\x01\x05', 'latin1'))).toBe(153)
  expect(tagLength(Buffer.from('TAGtitle'))).toBe(128)
  expect(tagLength(Buffer.from('title'))).toBe(0)
  for (const begun of ['', 'I', 'TA', 'APETAGE', 'ID3\x04', 'APETAGEX12345']) {
    expect(tagLength(Buffer.from(begun, 'latin1'))).toBeUndefined()
  }
})

it('survives any bytes', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('', 'ID3', 'APETAGEX', '\xff\xfb\x90\0'),
      fc.uint8Array({ maxLength: 80 }),
      (start, rest) => {
        const bytes = Buffer.concat([Buffer.from(start, 'latin1'), rest])
        const found = mpegFrame(bytes)
        expect(found === undefined || found.bytes > 0).toBe(true)
        expect(found && mp3Index(bytes, 0, found)?.frames).not.toBe(-1)
        expect(tagLength(bytes) ?? 0).toBeGreaterThanOrEqual(0)
      },
    ),
  )
})
