import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { mediaDuration, type ReadAt } from '../../src/ffmpeg/duration.ts'
import { createMedia, ffmpeg, type Media } from '../helpers/media.ts'

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
  await ffmpeg('-f', 'lavfi', '-i', 'sine=f=440:d=600', '-c:a', 'aac', path)
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
    { numRuns: 3000 },
  )
  expect(details).toMatchObject({ failed: false })
})
