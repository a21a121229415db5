import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readingMode } from '../../../src/ffmpeg/bytes/reading-mode.ts'
import { headLimit } from '../../../src/ffmpeg/probe.ts'
import { createMedia, type Media } from '../../helpers/media.ts'

let media: Media
beforeAll(async () => {
  media = await createMedia()
})
afterAll(() => media.remove())

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

  it('spools an AIFF that says behind its samples what they are, and a WTV', () => {
    const chunk = (type: string, size: number): Buffer => {
      const bytes = Buffer.alloc(8 + size + (size % 2))
      bytes.write(type, 0, 'latin1')
      bytes.writeUInt32BE(size, 4)
      return bytes
    }
    const aiff = (...chunks: Buffer[]): Buffer =>
      Buffer.concat([Buffer.from('FORM\0\x01\0\0AIFF', 'latin1'), ...chunks])
    const [said, name, samples] = [chunk('COMM', 18), chunk('NAME', 7), chunk('SSND', 4000)]
    expect(readingMode(aiff(name, said, samples), false)).toBe('inOrder')
    expect(readingMode(aiff(name, samples).subarray(0, 50), false)).toBe('spooled')
    expect(readingMode(aiff(name).subarray(0, 20), false)).toBeUndefined()
    expect(readingMode(aiff(name), true)).toBe('spooled')
    expect(readingMode(Buffer.from('FORM\0\0\x01\x008SVXVHDR', 'latin1'), false)).toBe('inOrder')
    expect(readingMode(Buffer.from('b7d800203749da11a64e0007e95ead8d', 'hex'), false)).toBe('spooled')
  })

  it('spools a CAF whose packets are of any length, unless the table of them comes first', () => {
    const chunk = (type: string, content: Buffer, size = content.length): Buffer => {
      const head = Buffer.alloc(12)
      head.write(type, 0, 'latin1')
      head.writeBigInt64BE(BigInt(size), 4)
      return Buffer.concat([head, content])
    }
    const caf = (packetBytes: number, packetFrames: number, ...chunks: Buffer[]): Buffer => {
      const description = Buffer.alloc(32)
      description.writeUInt32BE(packetBytes, 16)
      description.writeUInt32BE(packetFrames, 20)
      return Buffer.concat([Buffer.from('caff\0\x01\0\0', 'latin1'), chunk('desc', description), ...chunks])
    }
    const [cookie, data, table] = [
      chunk('kuki', Buffer.alloc(30)),
      chunk('data', Buffer.alloc(9), -1),
      chunk('pakt', Buffer.alloc(24)),
    ]
    expect(readingMode(caf(4, 1, data), false)).toBe('inOrder')
    for (const [bytes, frames] of [
      [0, 4096],
      [0, 0],
      [160, 0],
    ] as const) {
      expect(readingMode(caf(bytes, frames, cookie, data), false)).toBe('spooled')
      expect(readingMode(caf(bytes, frames, cookie, table, data), false)).toBe('inOrder')
      const whole = caf(bytes, frames, cookie)
      for (let length = 0; length <= whole.length; length++) {
        expect(readingMode(whole.subarray(0, length), false)).toBeUndefined()
        expect(readingMode(whole.subarray(0, length), true)).toBeDefined()
      }
      const long = caf(bytes, frames, chunk('free', Buffer.alloc(2 * headLimit))).subarray(0, headLimit)
      expect(readingMode(long, false)).toBe('spooled')
    }
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
