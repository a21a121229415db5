import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { fileInput } from '../../src/ffmpeg/arguments.ts'
import { type AudioTrack, FfmpegLog } from '../../src/ffmpeg/log.ts'
import { chooseTrack } from '../../src/ffmpeg/tracks.ts'
import { ffmpeg } from '../helpers/media.ts'
import { stream, useWorkbench, warningsOf } from './workbench.ts'

const bench = useWorkbench()

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

describe('a track that is not for all', () => {
  const aac = 'Audio: aac (LC) (mp4a / 0x6134706D), 48000 Hz, mono, fltp, 30 kb/s'

  it.each(['(default) (visual impaired) (descriptions)', '(hearing impaired)', '(comment)'])(
    'is not taken where another one can be: %s',
    (marks) => {
      const tracks = tracksOf(`1[0x2](eng): ${aac} ${marks}`, `2[0x3](eng): ${aac}`, `3[0x4](deu): ${aac} (default)`)
      expect(chooseTrack(tracks, anyone, 'a.mp4').index).toBe(2)
      expect(chooseTrack(tracks, { ...anyone, language: 'en' }, 'a.mp4').index).toBe(1)
      expect(chooseTrack(tracks, { audioTrack: 'en' }, 'a.mp4').index).toBe(1)
      expect(chooseTrack(tracks, { audioTrack: 0 }, 'a.mp4').index).toBe(0)
      expect(chooseTrack(tracks.slice(0, 1), anyone, 'a.mp4').index).toBe(0)
    },
  )

  it('is said to be none, and is taken where there is no other in the language', () => {
    const tracks = tracksOf(`0(eng): ${aac} (visual impaired)`, `1(deu): ${aac}`)
    const { index, message } = chooseTrack(tracks, anyone, 'a.mp4')
    expect(index).toBe(1)
    expect(message).toContain('taken was 1 (deu, aac, 48000 Hz, mono, fltp), the first that is for all')
    expect(message).toContain('Not taken: 0 (eng, aac, 48000 Hz, mono, fltp, visual impaired)')
    expect(chooseTrack(tracks, { ...anyone, language: 'en' }, 'a.mp4').index).toBe(0)
  })
})

describe('a track that cannot be heard', () => {
  const undecodable = 'Audio: mpegh_3d_audio (mhm1 / 0x316D686D), 48000 Hz, mono, 12 kb/s (default)'
  const silent = 'Audio: mp3 ([3][0][0][0] / 0x0003), 0 channels, fltp'
  const aac = 'Audio: aac (LC) (mp4a / 0x6134706D), 48000 Hz, mono, fltp, 16 kb/s'

  it('is not taken where another one can be', () => {
    const tracks = tracksOf(`0(eng): ${undecodable}`, `1(eng): ${silent}`, `2(deu): ${aac}`, `3(eng): ${aac}`)
    const { index, message } = chooseTrack(tracks, anyone, 'a.mov')
    expect(index).toBe(2)
    expect(message).toContain('taken was 2 (deu, aac, 48000 Hz, mono, fltp), the first that can be heard')
    expect(message).toContain('0 (eng, mpegh_3d_audio, 48000 Hz, mono: FFmpeg has no decoder for it)')
    expect(message).toContain('1 (eng, mp3, 0 channels, fltp: FFmpeg finds no sound in it)')
    expect(chooseTrack(tracks, { ...anyone, language: 'en' }, 'a.mov').index).toBe(3)
    expect(chooseTrack(tracks, { audioTrack: 'en' }, 'a.mov').index).toBe(3)
    expect(chooseTrack(tracks, { audioTrack: 0 }, 'a.mov').index).toBe(0)
  })

  it('is taken where there is no other, or none that is asked for', () => {
    const tracks = tracksOf(`0(eng): ${silent}`, `1(deu): ${undecodable}`)
    expect(chooseTrack(tracks, anyone, 'a.mov').index).toBe(1)
    expect(chooseTrack([...tracks, ...tracksOf(`2: ${aac}`)], { audioTrack: 'eng' }, 'a.mov').index).toBe(0)
  })

  it('is one that television announces and does not send', async () => {
    const [both, file] = ['both.ts', 'silent.ts'].map((name) => join(bench.directory, name)) as [string, string]
    const tones = [300, 1000].flatMap((hz) => ['-f', 'lavfi', '-i', `sine=${hz}:r=48000:d=2`])
    await ffmpeg(...tones, '-map', '0', '-map', '1', '-c:a', 'mp2', both)
    const bytes = await readFile(both)
    const packets = Array.from({ length: bytes.length / 188 }, (_, at) => bytes.subarray(188 * at, 188 * at + 188))
    await writeFile(file, Buffer.concat(packets.filter((packet) => (packet.readUInt16BE(1) & 0x1fff) !== 0x100)))

    const source = stream({ input: fileInput(file), audioTrack: undefined })
    const warnings = warningsOf(source)
    const wav = await buffer(source)
    expect(Math.abs((wav.length - 44) / 2 - 96_000)).toBeLessThan(2400)
    expect(warnings).toMatchObject([
      { code: 'SEVERAL_AUDIO_TRACKS', message: expect.stringContaining('FFmpeg finds no sound in it') },
    ])
    await expect(buffer(stream({ input: fileInput(file) }))).rejects.toMatchObject({
      code: 'NO_AUDIO',
      message: expect.stringContaining('audio track 0 of the input (mp3, 0 channels, fltp) cannot be heard'),
    })
  })
})
