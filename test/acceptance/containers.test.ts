import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ffmpeg } from '../helpers/media.ts'
import { onsets, tones } from '../helpers/onsets.ts'

/**
 * Where sound lies in what is decoded, by container and by what happens in it: always where a player has it, which is the
 * time of its packets less the earliest of all tracks.
 */

interface Container {
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
const containers: Record<string, Container> = {
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

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'diarize-stream-containers-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const film = (seconds: number): string[] => ['-f', 'lavfi', '-i', `testsrc=d=${seconds}:s=64x48:r=25`]

async function make(
  name: string,
  { ending, picture, sound, more = [] }: Container,
  seconds: number,
  input: string[],
  pictureOffset: string[] = [],
): Promise<string> {
  const file = join(folder, `${name}.${ending}`)
  const shown = picture === undefined ? [] : [...pictureOffset, ...film(seconds)]
  const maps = picture === undefined ? [] : ['-map', '1:v', '-map', '0:a', ...picture]
  await ffmpeg('-y', ...input, ...shown, ...maps, ...sound, ...more, file)
  return file
}

/** A tone may begin this much off, in ms. */
const tolerance = 50

/** What came of a file, from a file and from a pipe: how far off tones begin where that is too far, warnings, and gaps. */
async function heardIn(file: string, expected: readonly number[]) {
  const ways = []
  for (const piped of [false, true]) {
    const { found, ...rest } = await onsets(file, piped)
    const off = found.map((ms, index) => ms - (expected[index] ?? 0)).filter((ms) => Math.abs(ms) > tolerance)
    ways.push({ tones: found.length, off, ...rest })
  }
  return ways
}

/** What {@link heardIn} says where all is right. */
function right(count: number, gaps = 0) {
  const one = {
    tones: count,
    off: [],
    warnings: [],
    gaps: Array.from({ length: gaps }, () => expect.any(Array) as unknown),
  }
  return [one, one]
}

const withPicture = Object.entries(containers).filter(([, { picture, hasClock }]) => picture !== undefined && hasClock)
const withClock = Object.entries(containers).filter(([, { hasClock }]) => hasClock)

describe('sound lies where it was recorded', () => {
  it.each(Object.entries(containers))('%s: from the start', async (name, container) => {
    const file = await make(`plain ${name}`, container, 3, tones(3, [1, 2]))
    expect(await heardIn(file, [1000, 2000])).toEqual(right(2))
  })

  it.each(withPicture)('%s: sound that begins 2 s after the picture', async (name, container) => {
    const late = ['-itsoffset', '2', ...tones(2, [1])]
    const file = await make(`late ${name}`, container, 4, late)
    expect(await heardIn(file, [3000])).toEqual(right(1))
  })

  it.each(withPicture)('%s: a picture that begins 1 s after the sound', async (name, container) => {
    const file = await make(`early ${name}`, container, 3, tones(3, [1, 2]), ['-itsoffset', '1'])
    expect(await heardIn(file, [1000, 2000])).toEqual(right(2))
  })

  it.each(withClock.flatMap(([name, container]) => [5, 15].map((hole) => [name, hole, container] as const)))(
    '%s: a hole of %i s in the sound',
    async (name, hole, container) => {
      const end = 2 + hole
      const gone = String.raw`,aselect=lt(t\,2)+gt(t\,${end})`
      const input = tones(end + 2, [1, end + 1], gone)
      const file = await make(`hole ${hole} ${name}`, container, end + 2, input)
      expect(await heardIn(file, [1000, 1000 * (end + 1)])).toEqual(right(2, 1))
    },
  )
})

describe('a change in the middle moves nothing', () => {
  const joined = async (name: string, parts: string[]): Promise<string> => {
    const file = join(folder, name)
    await writeFile(file, Buffer.concat(await Promise.all(parts.map((part) => readFile(part)))))
    return file
  }
  const part = async (name: string, ...how: string[]): Promise<string> => {
    const file = join(folder, name)
    await ffmpeg('-y', ...tones(2, [1]), ...how, file)
    return file
  }

  it.each(['ts', 'mkv', 'mp4', 'vob'])('from stereo to 5.1 and back: %s', async (ending) => {
    const stereo = await part(`stereo-${ending}.ac3`, '-ac', '2')
    const surround = await part(`surround-${ending}.ac3`, '-ac', '6')
    const all = await joined(`all-${ending}.ac3`, [stereo, surround, stereo])
    const file = join(folder, `channels.${ending}`)
    await ffmpeg('-y', '-i', all, '-c', 'copy', file)
    for (const each of [all, file]) expect(await heardIn(each, [1000, 3000, 5000])).toEqual(right(3))
  })

  it.each([
    ['mp3', 'from mono to stereo', ['-ac', '1', '-ar', '44100'], ['-ac', '2', '-ar', '44100']],
    ['mp3', 'of the sample rate', ['-ar', '44100'], ['-ar', '48000']],
    ['aac', 'of the sample rate', ['-ar', '44100'], ['-ar', '48000']],
  ] as const)('%s, %s', async (ending, what, one, other) => {
    const first = await part(`one ${what}.${ending}`, ...one)
    const second = await part(`other ${what}.${ending}`, ...other)
    // The first is 2.04 s long, by what its codec makes of 2 s.
    const file = await joined(`both ${what}.${ending}`, [first, second])
    expect(await heardIn(file, [1000, 3030])).toEqual(right(2))
  })

  it('ogg, of the sample rate, or it is said', async () => {
    const [first, second] = [await part('44.ogg', '-ar', '44100'), await part('48.ogg', '-ar', '48000')]
    const heard = await heardIn(await joined('rates.ogg', [first, second]), [1000, 3000])
    // FFmpeg 9 does not read on: "Sample rate change is not supported".
    const unread = heard.filter(({ warnings }) => warnings.length > 0)
    expect(unread.every(({ warnings }) => warnings.includes('FFMPEG_WARNING'))).toBe(true)
    expect(heard.filter(({ warnings }) => warnings.length === 0)).toEqual(right(2).slice(unread.length))
  })

  it.each(['ts', 'm2ts', 'ps', 'mpeg-1', 'audio in ts'])('recordings that were joined: %s', async (name) => {
    const one = await make(`part ${name}`, containers[name]!, 2, tones(2, [1]))
    const file = await joined(`joined ${name}.${containers[name]!.ending}`, [one, one, one])
    // Sound alone goes on right behind itself: 1.99 to 2.03 s, what the codec makes of 2 s.
    const each = containers[name]!.picture === undefined ? 2025 : 2000
    expect(await heardIn(file, [1000, 1000 + each, 1000 + 2 * each])).toEqual(right(3))
  })

  it('a clock that runs out after 26.5 hours', async () => {
    const wrapped = { ...containers['ts']!, more: ['-output_ts_offset', String(2 ** 33 / 90_000 - 3)] }
    const file = await make('wrap', wrapped, 4, tones(4, [1, 3]))
    expect(await heardIn(file, [1000, 3000])).toEqual(right(2))
  })
})
