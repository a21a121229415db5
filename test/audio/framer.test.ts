import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BlockAligner, Framer } from '../../src/audio/framer.ts'
import { cut } from './signals.ts'

describe('Framer', () => {
  it('gives frames of one length and every byte once, however the input is cut', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(0x00, 0x80, 0xff),
        (bytes, frameBytes, lengths, silence) => {
          const framer = new Framer(frameBytes, silence)
          const frames = cut(Buffer.from(bytes), lengths).flatMap((piece) => framer.push(piece))
          const last = framer.flush()
          if (last !== undefined) frames.push(last)
          expect(frames.every((frame) => frame.length === frameBytes)).toBe(true)
          expect(frames.length).toBe(Math.ceil(bytes.length / frameBytes))
          const padding = Buffer.alloc(frames.length * frameBytes - bytes.length, silence)
          expect(Buffer.concat(frames).equals(Buffer.concat([bytes, padding]))).toBe(true)
        },
      ),
    )
  })

  it('does not copy a chunk that is a frame', () => {
    const framer = new Framer(4)
    const chunk = Buffer.from('abcd')
    const [frame] = framer.push(chunk)
    expect(frame?.buffer).toBe(chunk.buffer)
    expect(frame?.byteOffset).toBe(chunk.byteOffset)
  })

  it('copies what it holds, so that a caller may use its buffer again', () => {
    const framer = new Framer(4)
    const chunk = Buffer.from('ab')
    framer.push(chunk)
    chunk.fill(0)
    expect(framer.push(Buffer.from('cd')).map(String)).toEqual(['abcd'])
  })

  it('pads nothing when the input ends with a frame, and is as new after flush', () => {
    const framer = new Framer(2, 0x80)
    expect(framer.push(Buffer.from('abcd'))).toHaveLength(2)
    expect(framer.flush()).toBeUndefined()
    framer.push(Buffer.from('x'))
    expect(framer.flush()).toEqual(Buffer.from([0x78, 0x80]))
    expect(framer.flush()).toBeUndefined()
  })
})

describe('BlockAligner', () => {
  it('gives whole blocks and holds less than one, however the input is cut', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.integer({ min: 1, max: 32 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 }),
        (bytes, blockBytes, lengths) => {
          const aligner = new BlockAligner(blockBytes)
          const pieces = cut(Buffer.from(bytes), lengths).map((piece) => aligner.push(piece))
          expect(pieces.every((piece) => piece.length % blockBytes === 0)).toBe(true)
          expect(aligner.heldBytes).toBe(bytes.length % blockBytes)
          expect(Buffer.concat(pieces).equals(bytes.subarray(0, bytes.length - aligner.heldBytes))).toBe(true)
        },
      ),
    )
  })

  it('neither copies aligned chunks nor follows later changes to what it holds', () => {
    const aligner = new BlockAligner(2)
    const aligned = Buffer.from('abcd')
    expect(aligner.push(aligned).buffer).toBe(aligned.buffer)
    const odd = Buffer.from('efg')
    aligner.push(odd)
    odd.fill(0)
    expect(aligner.push(Buffer.from('h')).toString()).toBe('gh')
  })
})
