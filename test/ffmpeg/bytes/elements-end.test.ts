import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ElementsEnd } from '../../../src/ffmpeg/bytes/elements-end.ts'
import { elementsEnd, filesIn } from '../../../src/ffmpeg/bytes/file-kinds.ts'
import { cut } from '../../audio/signals.ts'
import { ffmpeg } from '../../helpers/media.ts'
import { runs } from '../../helpers/runs.ts'

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'diarize-stream-elements-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const cuts = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 })

function lackOf(bytes: Buffer, lengths: readonly number[], end = new ElementsEnd()): number {
  for (const piece of cut(bytes, lengths)) end.push(Buffer.from(piece))
  return end.end()?.missing ?? 0
}

async function made(name: string, ...how: string[]): Promise<Buffer> {
  const file = join(directory, name)
  await ffmpeg('-f', 'lavfi', '-i', 'sine=d=4:r=24000', ...how, file)
  return readFile(file)
}

it.each([
  ['fast.mp4', ['-movflags', '+faststart']],
  ['fragments.mp4', ['-movflags', 'empty_moov', '-frag_duration', '500000']],
  ['sound.mkv', ['-c:a', 'aac']],
  ['sound.webm', ['-c:a', 'libopus']],
])('%s: says how much is missing, as of a file, however its bytes come', async (name, how) => {
  const bytes = await made(name, ...how)
  expect(lackOf(bytes, [700])).toBe(0)
  const most = bytes.subarray(0, bytes.length * 0.6)
  expect(lackOf(most, [700])).toBeGreaterThan(0)
  for (let length = 1; length < 40; length++) expect(lackOf(most, [length])).toBe(lackOf(most, [700]))
  fc.assert(
    fc.property(fc.integer({ min: 16, max: bytes.length }), cuts, (length, lengths) => {
      const there = bytes.subarray(0, length)
      const end = elementsEnd((offset, size) => there.subarray(offset, offset + size), length)
      expect(lackOf(there, lengths)).toBe(end === undefined ? 0 : end - length)
    }),
    { numRuns: runs(100) },
  )
})

it('knows of each file that was joined, and nothing of one that does not say how long it is', async () => {
  const bytes = await made('one.mp4', '-movflags', '+faststart')
  const end = new ElementsEnd()
  expect(lackOf(bytes.subarray(0, -500), [700], end)).toBe(500)
  expect(lackOf(bytes, [700], end)).toBe(0)
  const live = await made('live.webm', '-c:a', 'libopus', '-live', '1')
  expect(lackOf(live.subarray(0, -500), [700], end)).toBe(0)
})

it('takes whatever comes', () => {
  const start = fc.constantFrom(
    '',
    '\0\0\0\x18ftypM4A ',
    '\x1a\x45\xdf\xa3\x80',
    '\0\0\0\x10ftypisom\0\0\0\0\0\0\0\0mdat',
  )
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 400 }), cuts, (text, rest, lengths) => {
      const lack = lackOf(Buffer.concat([Buffer.from(text, 'latin1'), rest]), lengths)
      expect(lack).toBeGreaterThanOrEqual(0)
      expect(Number.isFinite(lack)).toBe(true)
    }),
  )
})

it('finds where a file of another kind begins, however the bytes come', async () => {
  const how = { mp4: ['before.mp4'], matroska: ['before.mkv', '-c:a', 'aac'] } as const
  for (const [name, ...codec] of Object.values(how)) {
    const first = await made(name, ...codec)
    const readIn = (bytes: Buffer) => (offset: number, size: number) => bytes.subarray(offset, offset + size)
    expect(filesIn(readIn(first), first.length)).toBe('one')
    for (const behind of ['behind.wav', 'behind.mp3', 'behind.aac', 'behind.flac', 'behind.ogg']) {
      const second = await made(behind)
      const all = Buffer.concat([first, second])
      expect(filesIn(readIn(all), all.length)).toBe('several')
      for (let length = 1; length < 40; length += 6) {
        const end = new ElementsEnd()
        const found: Buffer[] = []
        for (const piece of cut(all, [length])) {
          const more = end.push(Buffer.from(piece))
          if (found.length > 0) found.push(Buffer.from(piece))
          else if (more !== undefined) found.push(more)
        }
        expect(Buffer.concat(found).equals(second), `${name}, ${behind}, ${length}`).toBe(true)
      }
    }
  }
})
