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
