import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameReader } from '../../../bench/light-server/frame-reader.ts'

/** A frame as a client sends it. */
function frame(opcode: number, payload: Buffer): Buffer {
  const long = payload.length >= 126
  const head = long
    ? [0x80 | opcode, 0x80 | 126, payload.length >> 8, payload.length & 255]
    : [0x80 | opcode, 0x80 | payload.length]
  const mask = Buffer.from([7, 77, 177, 255])
  const masked = payload.map((byte, index) => byte ^ mask[index & 3]!)
  return Buffer.concat([Buffer.from(head), mask, masked])
}

describe('FrameReader', () => {
  it('tells frames apart however the bytes are cut', () => {
    const sent = fc.array(fc.tuple(fc.constantFrom(1, 2, 9), fc.uint8Array({ maxLength: 300 })), { maxLength: 8 })
    fc.assert(
      fc.property(sent, fc.integer({ min: 1, max: 400 }), fc.nat(200), (frames, size, kept) => {
        const bytes = Buffer.concat(frames.map(([opcode, payload]) => frame(opcode, Buffer.from(payload))))
        const seen: [number, string][] = []
        const reader = new FrameReader((opcode, payload) => seen.push([opcode, payload.toString('hex')]), kept)
        for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
        expect(seen).toEqual(
          frames.map(([opcode, payload]) => {
            const whole = Buffer.from(payload)
            return [opcode, (whole.length < 126 ? whole : whole.subarray(0, kept)).toString('hex')]
          }),
        )
      }),
    )
  })
})
