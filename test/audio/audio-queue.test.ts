import fc from 'fast-check'
import { expect, it } from 'vitest'
import { AudioQueue } from '../../src/audio/audio-queue.ts'

it('gives back all audio and silence in order, silence in small pieces of whole samples', () => {
  const pieces = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
      fc.nat(5000).map((blocks) => blocks * 4),
    ),
  )
  fc.assert(
    fc.property(pieces, (given) => {
      const queue = new AudioQueue()
      for (const piece of given) {
        if (typeof piece === 'number') queue.pushSilence(piece)
        else queue.push(piece)
      }
      const format = { sampleRate: 8000, channels: 2, encoding: 's16le' } as const
      const all: Buffer[] = []
      for (let next = queue.shift(format); next !== undefined; next = queue.shift(format)) {
        expect(next.length).toBeGreaterThan(0)
        expect(next.length).toBeLessThanOrEqual(3200)
        all.push(next)
      }
      const expected = given.map((piece) => (typeof piece === 'number' ? Buffer.alloc(piece) : piece))
      expect(Buffer.concat(all).equals(Buffer.concat(expected))).toBe(true)
    }),
  )
})
