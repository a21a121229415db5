import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { filesIn, isOneOgg, isOneRecording, mayBeLonger } from '../../../src/ffmpeg/bytes/file-kinds.ts'
import { PartFinder } from '../../../src/ffmpeg/bytes/joined.ts'
import type { ReadAt } from '../../../src/ffmpeg/bytes/read-at.ts'
import { cut } from '../../audio/signals.ts'
import { createMedia, ffmpeg, type Media } from '../../helpers/media.ts'
import { runs } from '../../helpers/runs.ts'

let media: Media
beforeAll(async () => {
  media = await createMedia()
})
afterAll(() => media.remove())

const names = ['m4a', 'fastM4a', 'flac', 'ogg', 'webm', 'video', 'twoTracks'] as const
const cuts = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 5 })

function partsOf(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const finder = new PartFinder()
  const parts: Buffer[][] = [[]]
  for (const piece of cut(bytes, lengths)) {
    const [first, ...others] = finder.push(Buffer.from(piece))
    parts.at(-1)!.push(first!)
    for (const other of others) parts.push([other])
  }
  parts.at(-1)!.push(finder.flush())
  return parts.map((part) => Buffer.concat(part))
}

function readIn(bytes: Buffer): ReadAt {
  return (offset, length) => bytes.subarray(offset, offset + length)
}

describe.each(names)('%s', (name) => {
  it('is told from those behind it, however the bytes are cut', async () => {
    const one = await readFile(media[name])
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), cuts, (count, lengths) => {
        const parts = partsOf(Buffer.concat(Array.from({ length: count }, () => one)), lengths)
        expect(parts.map(({ length }) => length)).toEqual(Array.from({ length: count }, () => one.length))
        expect(parts.every((part) => part.equals(one))).toBe(true)
      }),
      { numRuns: runs(15) },
    )
  })

  it('is known to be one by a few small reads, or read in order', async () => {
    const one = await readFile(media[name])
    const inOrder = ['flac', 'ogg'].includes(name)
    expect(filesIn(readIn(one), one.length)).toBe(inOrder ? 'unknown' : 'one')
    const two = Buffer.concat([one, one])
    expect(filesIn(readIn(two), two.length)).toBe(inOrder ? 'unknown' : 'several')
    expect(mayBeLonger(readIn(one), one.length)).toBe(false)
    expect(mayBeLonger(readIn(two), two.length)).toBe(true)
    // Of a stream only the beginning is there.
    const begin = readIn(two.subarray(0, 4096))
    expect([two.length, Infinity].map((size) => mayBeLonger(begin, size))).toEqual([true, true])
  })
})

it.each([
  ['flv', ['-c:a', 'aac']],
  ['asf', ['-c:a', 'wmav2']],
  ['opus', ['-c:a', 'libopus']],
  ['w64', []],
  ['au', []],
  ['wv', []],
  ['tta', []],
])('the length that FFmpeg reads in %s is known to be that of the first alone', async (ending, codec) => {
  const file = join(media.directory, `length.${ending}`)
  await ffmpeg('-i', media.wav, ...codec, file)
  const one = await readFile(file)
  const two = Buffer.concat([one, one])
  expect(mayBeLonger(readIn(one), one.length)).toBe(false)
  expect(mayBeLonger(readIn(two), two.length)).toBe(true)
})

it('leaves all else as it is, however it begins', () => {
  const starts = fc.constantFrom(
    '',
    'f',
    'ID3\x03',
    '\0\0\0\x18ftyp',
    'fLaC',
    'OggS\0\x02',
    'RIFF1234AVI',
    'FLV\x01',
    '.snd',
  )
  fc.assert(
    fc.property(starts, fc.uint8Array({ maxLength: 200 }), starts, cuts, (start, more, again, lengths) => {
      const bytes = Buffer.concat([Buffer.from(start, 'latin1'), more, Buffer.from(again, 'latin1')])
      expect(partsOf(bytes, lengths)).toEqual([bytes])
    }),
  )
})

describe('an Ogg', () => {
  it('is known to be one, or several, by all of its pages', async () => {
    for (const name of ['ogg', 'video'] as const) {
      const one = await readFile(media[name])
      const isOgg = name === 'ogg'
      expect(isOneOgg(readIn(one), one.length)).toBe(isOgg)
      expect(isOneOgg(readIn(one.subarray(0, -50)), one.length - 50)).toBe(isOgg)
      const two = Buffer.concat([one, one])
      expect(isOneOgg(readIn(two), two.length)).toBe(false)
    }
  })

  it('is not said to be one where its pages cannot be followed', async () => {
    const one = await readFile(media.ogg)
    const behind = Buffer.concat([one, Buffer.alloc(300)])
    expect(isOneOgg(readIn(behind), behind.length)).toBe(false)
    const second = one.indexOf('OggS', 4)
    const damaged = Buffer.concat([one.subarray(0, second - 1), one.subarray(second)])
    expect(isOneOgg(readIn(damaged), damaged.length)).toBe(false)
  })
})

describe('a WebM as browsers record it', () => {
  it('is known to be one, or several, by all of its blocks', async () => {
    const file = join(media.directory, 'recorded.webm')
    const asRecorded = ['-c:a', 'libopus', '-live', '1', '-cluster_time_limit', '500']
    await ffmpeg('-i', media.wav, ...asRecorded, file)
    const one = await readFile(file)
    expect(filesIn(readIn(one), one.length)).toBe('unknown')
    const known = (bytes: Buffer): boolean => isOneRecording(readIn(bytes))
    expect(known(one)).toBe(true)
    expect(known(await readFile(media.webm))).toBe(true)
    // As a browser that was ended leaves it.
    expect(known(one.subarray(0, -50))).toBe(true)
    expect(known(Buffer.concat([one, one]))).toBe(false)
    expect(known(Buffer.concat([one.subarray(0, -50), one]))).toBe(false)
    expect(known(Buffer.concat([one, Buffer.alloc(300)]))).toBe(false)
    expect(known(await readFile(media.ogg))).toBe(false)
  })
})
