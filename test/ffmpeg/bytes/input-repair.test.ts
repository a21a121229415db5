import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mpegFrame, tagLength } from '../../../src/ffmpeg/bytes/frames.ts'
import { InputRepair } from '../../../src/ffmpeg/bytes/input-repair.ts'
import { cut } from '../../audio/signals.ts'
import { createMedia, type Media } from '../../helpers/media.ts'
import { runs } from '../../helpers/runs.ts'

let media: Media
let wav: Buffer
let mp3: Buffer
beforeAll(async () => {
  media = await createMedia()
  wav = await readFile(media.wav)
  mp3 = await readFile(media.mp3)
})
afterAll(() => media.remove())

const cuts = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 })

function repaired(bytes: Buffer, lengths: readonly number[] = [1000]): { out: Buffer; repair: InputRepair } {
  const repair = new InputRepair()
  const pieces = cut(bytes, lengths).map((piece) => repair.push(Buffer.from(piece)))
  return { out: Buffer.concat([...pieces, repair.flush()]), repair }
}

function id3(length: number): Buffer {
  const tag = Buffer.alloc(length, 0xff)
  tag.write('ID3\x03\0\0', 'latin1')
  const size = length - 10
  tag.set([(size >> 21) & 127, (size >> 14) & 127, (size >> 7) & 127, size & 127], 6)
  return tag
}

describe('anything but WAV and MP3', () => {
  it('passes as it is, however it is cut', () => {
    const start = fc.constantFrom('', 'R', 'RIFF', 'RIFF1234AVI ', 'RIFF1234WAVE', 'fLaC', 'ID3', '\xff\xf1')
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 200 }), cuts, (text, rest, lengths) => {
        const bytes = Buffer.concat([Buffer.from(text, 'latin1'), rest.map((byte) => byte & 0x7f)])
        expect(repaired(bytes, lengths).out.equals(bytes)).toBe(true)
      }),
    )
  })
})

describe('WAV', () => {
  it('has all its samples behind a header without sizes, whatever that said', () => {
    const data = wav.indexOf('data') + 8
    const samples = wav.subarray(data)
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1001, 8000, samples.length, samples.length + 4, 0xffff_ffff),
        cuts,
        (size, lengths) => {
          const changed = Buffer.from(wav)
          changed.writeUInt32LE(size, data - 4)
          const { out, repair } = repaired(changed, lengths)
          expect(out.subarray(data).equals(samples)).toBe(true)
          expect(out.readUInt32LE(data - 4)).toBe(0)
          expect(repair.sizeWarning('it') !== undefined).toBe(size < samples.length)
          expect(repair.lack?.missing).toBe(size === samples.length + 4 ? 4 : 0)
        },
      ),
      { numRuns: runs(30) },
    )
  })

  it('has no titles, and no half sample, at its end', () => {
    const titles = Buffer.from('LIST\x0e\0\0\0INFOISFT\x02\0\0\0ab', 'latin1')
    expect(repaired(Buffer.concat([wav, titles])).out.length).toBe(wav.length)
    expect(repaired(wav.subarray(0, wav.length - 1)).out.length).toBe(wav.length - 4)
    const { repair } = repaired(wav.subarray(0, wav.length - 17_640))
    expect([repair.lack?.missing, repair.lack?.missingMs]).toEqual([17_640, 100])
  })
})

describe('MP3', () => {
  it('stays as it is where it is one', () => {
    fc.assert(
      fc.property(cuts, (lengths) => {
        expect(repaired(mp3, lengths).out.equals(mp3)).toBe(true)
      }),
      { numRuns: 20 },
    )
  })

  it('loses tags, pictures and indexes between those that were joined', () => {
    const frames = repaired(Buffer.concat([mp3, mp3])).out
    // The second begins with a tag and an index.
    expect(frames.length).toBeLessThan(2 * mp3.length)
    expect(frames.subarray(0, mp3.length).equals(mp3)).toBe(true)
    const old = Buffer.alloc(128)
    old.write('TAG')
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 9000 }), cuts, (length, lengths) => {
        const joined = Buffer.concat([mp3, old, id3(length), mp3])
        expect(repaired(joined, lengths).out.equals(frames)).toBe(true)
      }),
      { numRuns: runs(30) },
    )
  })

  const item = Buffer.from(`\x04\0\0\0\0\0\0\0Title\0abcd`, 'latin1')
  const foot = Buffer.alloc(32)
  foot.write('APETAGEX\xd0\x07', 'latin1')
  foot.writeUInt32LE(item.length + foot.length, 12)
  const fillings: [string, Buffer][] = [
    ['zeros', Buffer.alloc(5000)],
    ['an APE tag that only its foot tells', Buffer.concat([item, foot])],
    ['Lyrics3', Buffer.from('LYRICSBEGININD0000200LYR00004word000038LYRICS200')],
    ['Lyrics3 of the first version', Buffer.from('LYRICSBEGIN[00:01]wordLYRICSEND')],
  ]
  it.each(fillings)('loses %s between those that were joined, and behind', (_, filling) => {
    const frames = repaired(Buffer.concat([mp3, mp3])).out
    fc.assert(
      fc.property(cuts, (lengths) => {
        expect(repaired(Buffer.concat([mp3, filling]), lengths).out.equals(mp3)).toBe(true)
        expect(repaired(Buffer.concat([mp3, filling, mp3, filling]), lengths).out.equals(frames)).toBe(true)
      }),
      { numRuns: runs(10) },
    )
  })

  it('keeps zeros that stand for frames which are lost', () => {
    const damaged = Buffer.from(mp3)
    const { bytes: first } = mpegFrame(mp3, tagLength(mp3))!
    damaged.fill(0, mp3.length - 3 * first, mp3.length - 2 * first)
    expect(repaired(damaged).out.equals(damaged)).toBe(true)
  })

  it('keeps what is damaged for FFmpeg to judge', async () => {
    const damaged = await readFile(media.damagedMp3)
    expect(repaired(damaged).out.equals(damaged)).toBe(true)
  })
})

describe('MP4', () => {
  const box = (type: string, length: number, filling: number): Buffer => {
    const bytes = Buffer.alloc(length, filling)
    bytes.writeUInt32BE(length)
    bytes.write(type, 4)
    return bytes
  }
  const head = [box('ftyp', 24, 0x20), box('moov', 500, 7)]
  const fragment = [box('moof', 90, 1), box('mdat', 3000, 2)]
  const damaged = (filling: number): Buffer => Buffer.alloc(90 + 3000, filling)

  it.each([
    ['is', [...head, ...fragment, ...fragment, ...fragment]],
    ['is, with something behind it,', [...head, ...fragment, Buffer.from('Ask for more at the desk.')]],
    ['is in one piece, and damaged,', [...head, damaged(0), box('mdat', 3000, 3), damaged(0x91)]],
  ])('stays as it %s', (_, parts) => {
    const bytes = Buffer.concat(parts)
    fc.assert(
      fc.property(cuts, (lengths) => {
        expect(repaired(bytes, lengths).out.equals(bytes)).toBe(true)
      }),
    )
  })

  it('has in the place of a damaged fragment boxes that mean nothing, as long as that', () => {
    // A box with a length of 64 bits, which is shorter than its own head.
    const endless = damaged(0)
    endless.write('\0\0\0\x01mdat', 'latin1')
    fc.assert(
      fc.property(cuts, fc.constantFrom(damaged(0), damaged(0x91), endless), (lengths, part) => {
        const bytes = Buffer.concat([...head, ...fragment, part, ...fragment])
        const { out, repair } = repaired(bytes, lengths)
        expect(out.length).toBe(bytes.length)
        const types: string[] = []
        for (let at = 0; at < out.length; at += out.readUInt32BE(at)) types.push(out.toString('latin1', at + 4, at + 8))
        expect(types.filter((type) => type !== 'free').join()).toBe('ftyp,moov,moof,mdat,moof,mdat')
        expect(repair.takeHoles()).toMatchObject([{ at: 24 + 500 + 3090, bytes: 3090, given: 3090 }])
      }),
    )
  })
})
