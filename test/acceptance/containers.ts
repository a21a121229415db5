import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ffmpeg } from '../helpers/media.ts'
import { onsets, tones } from '../helpers/onsets.ts'
import { some } from '../helpers/runs.ts'

/** A container, and what FFmpeg puts into it. */
export interface Container {
  ending: string
  /** Codecs of picture and sound; no picture where the first is absent. */
  picture?: readonly string[]
  sound: readonly string[]
  more?: readonly string[]
  /** Whether packets have times: without, what is missing is missing, and all begin at 0. */
  hasClock: boolean
}

const mpeg4 = ['-c:v', 'mpeg4', '-q:v', '8']
const aac = ['-c:a', 'aac']
export const containers: Record<string, Container> = {
  mp4: { ending: 'mp4', picture: mpeg4, sound: aac, hasClock: true },
  'fragmented mp4': {
    ending: 'mp4',
    picture: mpeg4,
    sound: aac,
    more: ['-movflags', '+frag_keyframe+delay_moov'],
    hasClock: true,
  },
  mov: { ending: 'mov', picture: mpeg4, sound: aac, hasClock: true },
  mkv: { ending: 'mkv', picture: mpeg4, sound: aac, hasClock: true },
  webm: {
    ending: 'webm',
    picture: ['-c:v', 'libvpx', '-deadline', 'realtime'],
    sound: ['-c:a', 'libopus'],
    hasClock: true,
  },
  ts: { ending: 'ts', picture: ['-c:v', 'mpeg2video'], sound: aac, hasClock: true },
  m2ts: { ending: 'm2ts', picture: ['-c:v', 'mpeg2video'], sound: ['-c:a', 'ac3'], hasClock: true },
  ps: { ending: 'vob', picture: ['-c:v', 'mpeg2video'], sound: ['-c:a', 'mp2'], hasClock: true },
  'mpeg-1': { ending: 'mpg', picture: ['-c:v', 'mpeg1video'], sound: ['-c:a', 'mp2'], hasClock: true },
  flv: { ending: 'flv', picture: ['-c:v', 'flv1'], sound: aac, hasClock: true },
  asf: { ending: 'asf', picture: mpeg4, sound: ['-c:a', 'wmav2'], hasClock: true },
  avi: { ending: 'avi', picture: mpeg4, sound: ['-c:a', 'libmp3lame'], hasClock: false },
  'audio in ts': { ending: 'ts', sound: aac, hasClock: true },
  ogg: { ending: 'ogg', sound: ['-c:a', 'libvorbis'], hasClock: false },
  mp3: { ending: 'mp3', sound: ['-c:a', 'libmp3lame'], hasClock: false },
  adts: { ending: 'aac', sound: aac, hasClock: false },
  wav: { ending: 'wav', sound: ['-c:a', 'pcm_s16le'], hasClock: false },
}

/** A folder for the tests of a file; its path is there once they run. */
export function mediaFolder(): { at: (name: string) => string } {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'diarize-stream-containers-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return { at: (name) => join(folder, name) }
}

const film = (seconds: number): string[] => ['-f', 'lavfi', '-i', `testsrc=d=${seconds}:s=64x48:r=25`]

/** Makes a file of a container, and gives its path, which is `path` and its ending. */
export async function make(
  path: string,
  { ending, picture, sound, more = [] }: Container,
  seconds: number,
  input: string[],
  pictureOffset: string[] = [],
): Promise<string> {
  const file = `${path}.${ending}`
  const shown = picture === undefined ? [] : [...pictureOffset, ...film(seconds)]
  const maps = picture === undefined ? [] : ['-map', '1:v', '-map', '0:a', ...picture]
  await ffmpeg('-y', ...input, ...shown, ...maps, ...sound, ...more, file)
  return file
}

/** A tone may begin this much off, in ms. */
const tolerance = 50

/** What came of a file, from a file and from a pipe: how far off tones begin where that is too far, warnings, and gaps. */
export async function heardIn(file: string, expected: readonly number[]) {
  const ways = []
  for (const piped of [false, true]) {
    const { found, ...rest } = await onsets(file, piped)
    const off = found.map((ms, index) => ms - (expected[index] ?? 0)).filter((ms) => Math.abs(ms) > tolerance)
    ways.push({ tones: found.length, off, ...rest })
  }
  return ways
}

/** What {@link heardIn} says where all is right. */
export function right(count: number, gaps = 0) {
  const one = {
    tones: count,
    off: [],
    warnings: [],
    gaps: Array.from({ length: gaps }, () => expect.any(Array) as unknown),
  }
  return [one, one]
}

type Row = [name: string, container: Container]
const all: Row[] = Object.entries(containers)
const withClock = all.filter(([, { hasClock }]) => hasClock)
const withPicture = withClock.filter(([, { picture }]) => picture !== undefined)

/** What most people have, and FFmpeg reads in different ways. */
const usual = new Set(['mp4', 'mkv', 'ts'])

/**
 * Where sound lies in what is decoded, by container and by what happens in it: always where a player has it, which is the
 * time of its packets less the earliest of all tracks. `npm test` tries some containers, and with `usual` ones what may
 * happen in it; `npm run test:long` all.
 */
export function describeSound(part: 'usual' | 'others'): void {
  const { at } = mediaFolder()
  const chosen = (rows: Row[]): Row[] => rows.filter(([name]) => usual.has(name) === (part === 'usual'))

  describe('sound lies where it was recorded', () => {
    it.each(part === 'usual' ? some(all, 6) : [])('%s: from the start', async (name, container) => {
      const file = await make(at(`plain ${name}`), container, 3, tones(3, [1, 2]))
      expect(await heardIn(file, [1000, 2000])).toEqual(right(2))
    })

    it.each(chosen(withPicture))('%s: sound that begins 2 s after the picture', async (name, container) => {
      const late = ['-itsoffset', '2', ...tones(2, [1])]
      const file = await make(at(`late ${name}`), container, 4, late)
      expect(await heardIn(file, [3000])).toEqual(right(1))
    })

    it.each(chosen(withPicture))('%s: a picture that begins 1 s after the sound', async (name, container) => {
      const file = await make(at(`early ${name}`), container, 3, tones(3, [1, 2]), ['-itsoffset', '1'])
      expect(await heardIn(file, [1000, 2000])).toEqual(right(2))
    })

    it.each(chosen(withClock).flatMap(([name, container]) => [5, 15].map((hole) => [name, hole, container] as const)))(
      '%s: a hole of %i s in the sound',
      async (name, hole, container) => {
        const end = 2 + hole
        const gone = String.raw`,aselect=lt(t\,2)+gt(t\,${end})`
        const input = tones(end + 2, [1, end + 1], gone)
        const file = await make(at(`hole ${hole} ${name}`), container, end + 2, input)
        expect(await heardIn(file, [1000, 1000 * (end + 1)])).toEqual(right(2, 1))
      },
    )
  })
}
