import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { isGapless, isStereo, mediaDuration, wavExtent } from '../../src/ffmpeg/probe.ts'
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
