import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Lack, OggEnd } from '../../../src/ffmpeg/bytes/ogg-end.ts'
import { cut } from '../../audio/signals.ts'
import { ffmpeg } from '../../helpers/media.ts'
import { runs } from '../../helpers/runs.ts'

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'diarize-stream-ogg-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const cuts = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 })

function lackOf(bytes: Buffer, lengths: readonly number[], end = new OggEnd()): Lack | undefined {
  for (const piece of cut(bytes, lengths)) end.push(Buffer.from(piece))
  return end.end()
}

/** Where pages begin, and the samples up to their ends. */
function pagesOf(bytes: Buffer): { at: number; samples: number }[] {
  const pages = []
  for (let at = bytes.indexOf('OggS'); at >= 0; at = bytes.indexOf('OggS', at + 1)) {
    pages.push({ at, samples: Number(bytes.readBigInt64LE(at + 6)) })
  }
  return pages
}

it.each([
  ['opus', 'libopus', 48_000],
  ['ogg', 'libvorbis', 24_000],
  ['oga', 'flac', 24_000],
])('%s: says how much of the last page is missing, wherever it is cut', async (ending, codec, rate) => {
  const file = join(directory, `sound.${ending}`)
  await ffmpeg('-f', 'lavfi', '-i', `sine=d=4:r=${rate}`, '-c:a', codec, '-f', 'ogg', file)
  const bytes = await readFile(file)
  const pages = pagesOf(bytes)
  // The first pages have no sound.
  const first = pages.findIndex(({ samples }) => samples > 0)
  expect(first).toBeGreaterThan(0)
  fc.assert(
    fc.property(fc.integer({ min: pages[first]!.at, max: bytes.length }), cuts, (length, lengths) => {
      const last = pages.findLastIndex(({ at }) => at < length)
      const end = pages[last + 1]?.at ?? bytes.length
      const lack = lackOf(bytes.subarray(0, length), lengths)
      const head = 27 + bytes[pages[last]!.at + 26]!
      const there = length - pages[last]!.at
      const samples = pages[last]!.samples - pages[last - 1]!.samples
      const whole = { missing: end - length, missingMs: Math.round((samples * 1000) / rate) }
      const early = { missing: Math.max(1, 27 - there), missingMs: undefined }
      expect(lack).toEqual(length === end || there < 4 ? undefined : there < head ? early : whole)
    }),
    { numRuns: runs(100) },
  )
})

it('knows of each file that was joined, and nothing of a picture that is cut', async () => {
  const sound = join(directory, 'one.opus')
  await ffmpeg('-f', 'lavfi', '-i', 'sine=d=2', '-c:a', 'libopus', sound)
  const bytes = await readFile(sound)
  const end = new OggEnd()
  expect(lackOf(bytes.subarray(0, bytes.lastIndexOf('OggS') - 500), [700], end)?.missing).toBe(500)
  expect(lackOf(bytes, [700], end)).toBeUndefined()
  const film = join(directory, 'film.ogv')
  const picture = ['-f', 'lavfi', '-i', 'testsrc=d=2:s=64x48:r=5']
  await ffmpeg('-f', 'lavfi', '-i', 'sine=d=1', ...picture, '-c:v', 'libtheora', '-c:a', 'libvorbis', film)
  const shown = await readFile(film)
  expect(lackOf(shown.subarray(0, -1), [700])).toBeUndefined()
})

it('takes whatever comes', () => {
  const start = fc.constantFrom('', 'OggS', 'OggS\0\x02', 'OggSOggS')
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 400 }), cuts, (text, rest, lengths) => {
      const lack = lackOf(Buffer.concat([Buffer.from(text, 'latin1'), rest]), lengths)
      expect(lack?.missing ?? 1).toBeGreaterThan(0)
    }),
  )
})
