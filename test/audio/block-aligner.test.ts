import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BlockAligner } from '../../src/audio/block-aligner.ts'
import { cut } from './signals.ts'

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
