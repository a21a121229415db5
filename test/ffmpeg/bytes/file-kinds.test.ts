import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { declaredLength } from '../../../src/ffmpeg/bytes/file-kinds.ts'
import { headLimit } from '../../../src/ffmpeg/probe.ts'
import { createMedia, ffmpeg, type Media } from '../../helpers/media.ts'

let media: Media
beforeAll(async () => {
  media = await createMedia()
})
afterAll(() => media.remove())

describe('declaredLength', () => {
  it('is the length of a complete WAV, and about that of a complete MP3', async () => {
    const wav = await readFile(media.wav)
    expect(declaredLength(wav.subarray(0, 12))).toBe(wav.length)
    const mp3 = await readFile(media.mp3)
    const declared = declaredLength(mp3) ?? 0
    expect(declared).toBeLessThanOrEqual(mp3.length)
    expect(declared).toBeGreaterThan(mp3.length * 0.9)
  })

  it('is more than there is of a cut WAV or MP3', async () => {
    for (const path of [media.cutWav, media.cutMp3]) {
      const bytes = await readFile(path)
      expect(declaredLength(bytes)).toBeGreaterThan(bytes.length)
    }
  })

  it('is that of TTA, by the table of its frames, where all of that is there', async () => {
    const path = join(media.directory, 'tone.tta')
    await ffmpeg('-f', 'lavfi', '-i', 'anoisesrc=d=5:r=16000', path)
    const bytes = await readFile(path)
    const head = 22 + 4 * 5 + 4
    const end = bytes.indexOf('APETAGEX')
    for (const length of [head, bytes.length]) expect(declaredLength(bytes.subarray(0, length))).toBe(end)
    expect(declaredLength(bytes.subarray(0, head - 1))).toBeUndefined()
  })

  it.each(['filesize', 'fileSize'])('is that of an FLV, which says it as %s', async (name) => {
    const path = join(media.directory, 'tone.flv')
    await ffmpeg('-y', '-i', media.wav, '-ar', '44100', path)
    const bytes = await readFile(path)
    bytes.write(name, bytes.indexOf('filesize'))
    expect(declaredLength(bytes.subarray(0, headLimit))).toBe(bytes.length)
  })

  it.each(['aiff', 'au', 'caf', 'w64'])('is that of %s, too, and unknown where it came by a pipe', async (kind) => {
    const path = join(media.directory, `tone.${kind}`)
    await ffmpeg('-i', media.wav, path)
    const bytes = await readFile(path)
    const length = declaredLength(bytes.subarray(0, headLimit)) ?? 0
    // The last chunk may be filled up.
    expect(bytes.length - length).toBeGreaterThanOrEqual(0)
    expect(bytes.length - length).toBeLessThanOrEqual(32)
    const sizes = {
      aiff: [4, 'ffffffff'],
      au: [8, 'ffffffff'],
      caf: [bytes.indexOf('data') + 4, 'ffffffffffffffff'],
      w64: [16, '0000000000000000'],
    }
    const [at, size] = sizes[kind as keyof typeof sizes] as [number, string]
    bytes.write(size, at, 'hex')
    expect(declaredLength(bytes.subarray(0, headLimit))).toBeUndefined()
  })

  it('is unknown where the header does not say', async () => {
    const streamed = Buffer.from(await readFile(media.wav))
    for (const size of [0, 0xffff_ffff, 0x7fff_ffff, 0x8000_0024]) {
      streamed.writeUInt32LE(size, 4)
      expect(declaredLength(streamed)).toBeUndefined()
    }
    for (const path of [media.ogg, media.m4a, media.corrupt, media.empty]) {
      expect(declaredLength(await readFile(path))).toBeUndefined()
    }
    expect(declaredLength(Buffer.from('RIFF'))).toBeUndefined()
  })

  it('survives any bytes', () => {
    const start = fc.constantFrom('', 'ID3', 'RIFF', 'FORM', '.snd', 'caff', 'riff', '\u00ff\u00fb')
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 200 }), (text, rest) => {
        const length = declaredLength(Buffer.concat([Buffer.from(text, 'latin1'), rest]))
        expect(length === undefined || length >= 0).toBe(true)
      }),
    )
  })
})
