import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { isSteady } from '../../src/ffmpeg/steady.ts'
import { ffmpeg } from '../helpers/media.ts'
import { tones } from '../helpers/onsets.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diarize-stream-steady-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const hole = String.raw`,aselect=lt(t\,1)+gt(t\,2)`

it.each([
  [true, 'sound.m4a', '', []],
  [true, 'first.m4a', '', ['-movflags', '+faststart']],
  [true, 'sound.mp3', '', []],
  [true, 'sound.flac', '', []],
  [true, 'sound.wav', '', []],
  [false, 'hole.m4a', hole, []],
  [false, 'parts.mp4', '', ['-movflags', '+frag_keyframe+empty_moov']],
  [false, 'sound.mkv', '', []],
  [false, 'sound.ts', '', []],
  [false, 'sound.ogg', '', []],
] as const)('is %s of %s', async (steady, name, filters, more) => {
  const file = join(folder, name)
  await ffmpeg(...tones(3, [1], filters), ...more, file)
  const bytes = await readFile(file)
  const readAt = (offset: number, length: number): Buffer => bytes.subarray(offset, offset + length)
  expect(isSteady(readAt, bytes.length)).toBe(steady)
  // A piece of it, or damage, is no reason to fail.
  for (let size = 0; size < bytes.length; size += Math.ceil(bytes.length / 50)) {
    const part = bytes.subarray(0, size)
    expect(typeof isSteady((offset, length) => part.subarray(offset, offset + length), size)).toBe('boolean')
  }
})
