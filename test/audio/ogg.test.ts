import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OggReader, OggWriter } from '../../src/audio/ogg.ts'
import { noise } from '../helpers/media.ts'

const packet = fc.uint8Array({ maxLength: 700 }).map((bytes) => Buffer.from(bytes))
const pages = fc.array(fc.array(packet, { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 8 })

function written(groups: readonly (readonly Buffer[])[]): Buffer {
  const writer = new OggWriter(77)
  return Buffer.concat(groups.map((packets, index) => writer.page(packets, index * 960)))
}

describe('OggReader', () => {
  it('reads what OggWriter writes, in any pieces', () => {
    fc.assert(
      fc.property(pages, fc.integer({ min: 1, max: 3000 }), (groups, size) => {
        const bytes = written(groups)
        const reader = new OggReader(700)
        const read = []
        for (let at = 0; at < bytes.length; at += size) read.push(...reader.push(bytes.subarray(at, at + size)))
        expect(read.map(({ packets }) => packets)).toEqual(groups)
        expect(read.map(({ serial, isFirst }) => ({ serial, isFirst }))).toEqual(
          groups.map((_, index) => ({ serial: 77, isFirst: index === 0 })),
        )
      }),
    )
  })

  it('refuses a page of which any bit is another', () => {
    const bytes = written([[noise(100), noise(300)]])
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const damaged = Buffer.from(bytes)
      damaged[bit >> 3]! ^= 1 << (bit & 7)
      // A page that says that it is longer waits for its end, which here never comes.
      const read = (): unknown[] => new OggReader(61_440).push(Buffer.concat([damaged, Buffer.alloc(66_000)]))
      expect(read).toThrow(/Ogg page/)
    }
  })

  it('refuses anything else at once, and never holds more than a page of it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        fc.pre(!'OggS'.startsWith(Buffer.from(bytes.subarray(0, 4)).toString('latin1')))
        expect(() => new OggReader(61_440).push(Buffer.from(bytes))).toThrow('this is no Ogg page')
      }),
    )
  })

  it('refuses a packet that is too long before it has all of it', () => {
    const writer = new OggWriter(1)
    const page = writer.page([noise(400)], 0)
    expect(() => new OggReader(399).push(page)).toThrow('an Ogg packet has more than 399 bytes')
    expect(new OggReader(400).push(page)).toHaveLength(1)
  })
})

it('OggWriter refuses packets that fill more than a page', () => {
  expect(() => new OggWriter(1).page([noise(255 * 255)], 0)).toThrow(RangeError)
  expect(new OggReader(70_000).push(new OggWriter(1).page([noise(255 * 255 - 1)], 0))).toHaveLength(1)
})
