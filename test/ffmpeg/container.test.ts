import fc from 'fast-check'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { declaredLength, headLimit, readingMode } from '../../src/ffmpeg/container.ts'
import { createMedia, ffmpeg, type Media } from '../helpers/media.ts'

function box(type: string, payload = 0): Buffer {
  const bytes = Buffer.alloc(8 + payload)
  bytes.writeUInt32BE(bytes.length, 0)
  bytes.write(type, 4, 'latin1')
  return bytes
}

function largeBox(type: string): Buffer {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32BE(1, 0)
  bytes.write(type, 4, 'latin1')
  bytes.writeBigUInt64BE(16n, 8)
  return bytes
}

let media: Media
beforeAll(async () => {
  media = await createMedia()
})
afterAll(() => media.remove())

describe('readingMode', () => {
  it('knows real files', async () => {
    const mode = async (path: string): Promise<string | undefined> =>
      readingMode((await readFile(path)).subarray(0, headLimit), false)
    expect(await mode(media.m4a)).toBe('spooled')
    expect(await mode(media.video)).toBe('spooled')
    expect(await mode(media.fastM4a)).toBe('inOrder')
    for (const path of [media.wav, media.mp3, media.ogg, media.webm, media.flac, media.corrupt]) {
      expect(await mode(path)).toBe('inOrder')
    }
  })

  it('reads in order once the index has come first, also in fragments', () => {
    expect(readingMode(Buffer.concat([box('ftyp', 20), box('moov')]), false)).toBe('inOrder')
    expect(readingMode(Buffer.concat([box('ftyp', 20), box('free', 99), box('moov')]), false)).toBe('inOrder')
    expect(readingMode(Buffer.concat([box('styp', 4), box('moof')]), false)).toBe('inOrder')
  })

  it('spools when audio comes before the index', () => {
    expect(readingMode(Buffer.concat([box('ftyp', 20), box('mdat')]), false)).toBe('spooled')
    expect(readingMode(Buffer.concat([box('wide'), box('mdat')]), false)).toBe('spooled')
    expect(readingMode(Buffer.concat([largeBox('free'), box('mdat')]), false)).toBe('spooled')
    expect(readingMode(box('mdat'), false)).toBe('spooled')
  })

  it('waits for more while it cannot tell, and no longer than the limit', () => {
    expect(readingMode(Buffer.alloc(0), false)).toBeUndefined()
    expect(readingMode(Buffer.from('RIFF'), false)).toBeUndefined()
    expect(readingMode(box('ftyp', 20), false)).toBeUndefined()
    expect(readingMode(Buffer.concat([box('ftyp', 20), box('free', 1000).subarray(0, 500)]), false)).toBeUndefined()
    const long = Buffer.concat([box('ftyp', 20), box('free', headLimit * 2)]).subarray(0, headLimit)
    expect(readingMode(long, false)).toBe('spooled')
  })

  it('always decides when nothing more will come', () => {
    expect(readingMode(Buffer.from('abc'), true)).toBe('inOrder')
    expect(readingMode(box('ftyp', 20), true)).toBe('spooled')
  })

  it('takes a box that cannot be for one that needs spooling, and never loops', () => {
    const broken = Buffer.concat([box('ftyp', 4), Buffer.from([0, 0, 0, 3, 0x66, 0x72, 0x65, 0x65])])
    expect(readingMode(broken, false)).toBe('spooled')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom('ftyp', 'free', 'moov', 'none'), (rest, type) => {
        const head = Buffer.concat([box(type), rest])
        expect(['inOrder', 'spooled']).toContain(readingMode(head, true))
        expect(['inOrder', 'spooled', undefined]).toContain(readingMode(head, false))
      }),
    )
  })

  it('never changes its mind as more bytes come', () => {
    const boxes = fc.array(fc.tuple(fc.constantFrom('free', 'skip', 'moov', 'mdat', 'uuid'), fc.nat(30)))
    fc.assert(
      fc.property(boxes, fc.nat(300), (list, length) => {
        const whole = Buffer.concat([box('ftyp', 8), ...list.map(([type, payload]) => box(type, payload))])
        const late = readingMode(whole, false)
        expect([undefined, late]).toContain(readingMode(whole.subarray(0, length), false))
      }),
    )
  })
})

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
