import { describe, expect, it } from 'vitest'
import { DeclaredLength } from '../../../src/ffmpeg/bytes/declared-length.ts'
import { headLimit } from '../../../src/ffmpeg/probe.ts'

const au = Buffer.alloc(32)
au.write('.snd', 0, 'latin1')
au.writeUInt32BE(28, 4)
au.writeUInt32BE(1000, 8)

/** A tag of `size` bytes behind its head. */
const tag = (size: number): Buffer => {
  const bytes = Buffer.alloc(10 + size, 0x41)
  bytes.write('ID3\x04\0\0', 0, 'latin1')
  bytes.set(
    [21, 14, 7, 0].map((shift) => (size >> shift) & 0x7f),
    6,
  )
  return bytes
}

const read = (bytes: Buffer, size: number): number | undefined => {
  const declared = new DeclaredLength()
  for (let at = 0; at < bytes.length; at += size) declared.push(bytes.subarray(at, at + size))
  return declared.length
}

describe('DeclaredLength', () => {
  it.each([1, 7, 100_000, 1_000_000])('is known of what comes in pieces of %d bytes, behind tags', (size) => {
    expect(read(au, size)).toBe(1028)
    expect(read(Buffer.concat([tag(200_000), au]), size)).toBe(200_010 + 1028)
    expect(read(Buffer.concat([tag(200), tag(0), tag(70_000), au]), size)).toBe(210 + 10 + 70_010 + 1028)
    expect(read(tag(200_000), size)).toBeUndefined()
  })

  it('is looked for at the beginning only', () => {
    expect(read(Buffer.concat([Buffer.alloc(headLimit, 1), au]), 4096)).toBeUndefined()
    expect(read(Buffer.alloc(0), 1)).toBeUndefined()
  })
})
