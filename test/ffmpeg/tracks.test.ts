import { describe, expect, it } from 'vitest'
import { type AudioTrack, FfmpegLog } from '../../src/ffmpeg/log.ts'
import { chooseTrack } from '../../src/ffmpeg/tracks.ts'

/** The tracks of an input, by what FFmpeg says of them behind `Stream #0:`. */
function tracksOf(...lines: string[]): readonly AudioTrack[] {
  let tracks: readonly AudioTrack[] = []
  const log = new FfmpegLog(
    () => {},
    (input) => (tracks = input.tracks),
  )
  log.push("[info] Input #0, mpegts, from 'pipe:0':\n")
  for (const line of lines) log.push(`[info]   Stream #0:${line}\n`)
  log.end()
  return tracks
}

const anyone = { audioTrack: undefined }

describe('a track whose language is no bare word', () => {
  const mp2 = 'Audio: mp2 ([3][0][0][0] / 0x0003), 48000 Hz, mono, fltp, 384 kb/s'

  it('is counted as FFmpeg counts it, whatever it says', () => {
    const tracks = tracksOf(`0(en-US): ${mp2}`, `1(eng,): ${mp2}`, `2(de (CH)): ${mp2}`, `3(deu): ${mp2} (default)`)
    expect(tracks.map(({ language }) => language)).toEqual(['en-US', 'eng', undefined, 'deu'])
    expect(chooseTrack(tracks, anyone, 'a.ts').index).toBe(3)
    expect(chooseTrack(tracks, { audioTrack: 'de' }, 'a.ts').index).toBe(3)
    expect(chooseTrack(tracks, { audioTrack: 'eng' }, 'a.ts').index).toBe(0)
  })

  it('is in each of its languages, behind one that is in no other', () => {
    const tracks = tracksOf(`1[0x101](jpn,eng): ${mp2}`, `2[0x102](eng): ${mp2}`, `3[0x103](und): ${mp2}`)
    expect(tracks.map(({ language }) => language)).toEqual(['jpn,eng', 'eng', undefined])
    expect(chooseTrack(tracks, { audioTrack: 'eng' }, 'a.ts').index).toBe(1)
    expect(chooseTrack(tracks, { audioTrack: 'ja' }, 'a.ts').index).toBe(0)
    expect(chooseTrack(tracks, { ...anyone, language: 'en' }, 'a.ts').index).toBe(1)
    expect(() => chooseTrack(tracks, { audioTrack: 'fr' }, 'a.ts')).toThrow("no audio track in 'fr'")
  })

  it('is known by either code of its language', () => {
    const tracks = tracksOf(`0(fre): ${mp2}`, `1(ger): ${mp2}`, `2(zho): ${mp2}`)
    for (const language of ['de', 'ger', 'deu', 'de-AT'])
      expect(chooseTrack(tracks, { audioTrack: language }, 'a.ts').index).toBe(1)
    expect(chooseTrack(tracks, { audioTrack: 'chi' }, 'a.ts').index).toBe(2)
  })
})
