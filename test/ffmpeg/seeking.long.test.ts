import path from 'node:path'
import type { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { fileSource, resample } from '../../src/index.ts'
import { canSeek, seekTo } from '../../src/stage.ts'
import { ffmpeg } from '../helpers/media.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'

const directory = temporaryDirectories()
/** Samples in a millisecond. */
const PER_MS = 16
/** Half a minute of noise, no part of which is like another. */
const SOUND = ['-f', 'lavfi', '-i', 'anoisesrc=d=30:r=44100:c=pink:seed=5:a=0.5']
const PICTURE = ['-f', 'lavfi', '-i', 'testsrc=s=64x48:r=10:d=30']
const WITH_PICTURE = ['-map', '0:v', '-map', '1:a', '-c:v', 'mpeg4', '-g', '100']

interface Heard {
  samples: Int16Array
  beginsAt: number
  canSeek: boolean
}

async function hear(file: string, from?: number): Promise<Heard> {
  const source = fileSource(file) as Readable & { [seekTo]?: (ms: number) => number; [canSeek]?: () => boolean }
  const beginsAt = from === undefined ? 0 : (source[seekTo]?.(from) ?? 0)
  const parts: Buffer[] = []
  for await (const part of source.pipe(resample()) as AsyncIterable<Buffer>) parts.push(part)
  const all = Buffer.concat(parts)
  return {
    samples: new Int16Array(all.buffer, all.byteOffset, all.length / 2),
    beginsAt,
    canSeek: source[canSeek]?.() === true,
  }
}

/** By how many ms a part that was sought is beside its place: where 100 ms of it are most like the whole, up to 60 ms away. */
function lagOf(whole: Int16Array, { samples, beginsAt }: Heard, after: number): number {
  const window = 100 * PER_MS
  const at = (beginsAt + after) * PER_MS
  let [best, lag] = [-Infinity, 0]
  for (let shift = -60 * PER_MS; shift <= 60 * PER_MS; shift++) {
    let [product, power] = [0, 1]
    for (let i = 0; i < window; i++) {
      const sample = whole[at + shift + i] ?? 0
      product += sample * samples[after * PER_MS + i]!
      power += sample * sample
    }
    const likeness = product / Math.sqrt(power)
    if (likeness > best) [best, lag] = [likeness, shift]
  }
  return lag / PER_MS
}

describe('a file that is begun in the middle', () => {
  it.each([
    ['wav', [...SOUND], 'a.wav'],
    ['MP4 without a picture', [...SOUND, '-c:a', 'aac'], 'a.m4a'],
    [
      'MP4 whose sound begins late',
      [...PICTURE, '-itsoffset', '1.3', ...SOUND, ...WITH_PICTURE, '-c:a', 'aac'],
      'late.mp4',
    ],
    [
      'MP4 whose picture begins late',
      ['-itsoffset', '25', ...PICTURE, ...SOUND, ...WITH_PICTURE, '-c:a', 'aac', '-t', '40'],
      'picture.mp4',
    ],
    [
      'Matroska whose picture begins late',
      ['-itsoffset', '25', ...PICTURE, ...SOUND, ...WITH_PICTURE, '-c:a', 'libopus', '-t', '40'],
      'picture.mkv',
    ],
    [
      'MP4 in fragments',
      [...SOUND, '-c:a', 'aac', '-movflags', 'frag_keyframe+empty_moov', '-frag_duration', '2000000'],
      'f.mp4',
    ],
    ['Matroska with few pictures to seek to', [...PICTURE, ...SOUND, ...WITH_PICTURE, '-c:a', 'aac'], 'v.mkv'],
    ['WebM', [...SOUND, '-c:a', 'libopus'], 'a.webm'],
  ])('has every sample at its time: %s', async (_what, make, name) => {
    const file = path.join(directory(), name)
    await ffmpeg(...make, file)
    const whole = await hear(file)
    expect(whole.canSeek).toBe(true)
    for (const ms of [7000, 21_000]) {
      const part = await hear(file, ms)
      expect(part.beginsAt).toBe(ms)
      // Two samples more or less come of rounding, where samples are converted from another rate.
      expect(Math.abs(part.samples.length + ms * PER_MS - whole.samples.length)).toBeLessThanOrEqual(2 * PER_MS)
      expect(Math.abs(lagOf(whole.samples, part, 3000))).toBeLessThanOrEqual(2)
    }
  })

  it.each([
    ['mp3', ['-c:a', 'libmp3lame'], 'a.mp3'],
    ['transport stream', ['-c:a', 'aac'], 'a.ts'],
    ['AVI', ['-c:a', 'libmp3lame'], 'a.avi'],
    ['WAV of ADPCM', ['-c:a', 'adpcm_ima_wav'], 'a.wav'],
  ])('is decoded from its beginning where that is not known to be exact: %s', async (_what, codec, name) => {
    const file = path.join(directory(), name)
    await ffmpeg(...SOUND, '-t', '2', ...codec, file)
    expect((await hear(file)).canSeek).toBe(false)
  })
})
