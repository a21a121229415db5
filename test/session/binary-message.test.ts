import { randomBytes } from 'node:crypto'
import type { Writable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as ws from 'ws'
import { BinaryMessage } from '../../src/session/binary-message.ts'

// It is exported, but has no types.
const { Receiver } = ws as unknown as { Receiver: new (options: { isServer: boolean }) => Writable }

/** What a server makes of these bytes; it refuses those that are not masked. */
function received(bytes: Buffer): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const receiver = new Receiver({ isServer: true })
    const messages: Buffer[] = []
    receiver.on('message', (data: Buffer, binary: boolean) => {
      if (binary) messages.push(data)
    })
    receiver.on('error', reject)
    receiver.end(bytes, () => resolve(messages))
  })
}

describe('a binary message', () => {
  it('is read by a server as what went in, whatever its length and place in memory', async () => {
    const length = fc.oneof(fc.constantFrom(0, 125, 126, 65_535, 65_536), fc.integer({ min: 0, max: 20_000 }))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(length, fc.nat(9)), { minLength: 1, maxLength: 5 }), async (lengths) => {
        const message = new BinaryMessage()
        const payloads = lengths.map(([bytes, offset]) => randomBytes(bytes + offset).subarray(offset))
        // Copied: the memory is used again for the next.
        const sent = payloads.map((payload) => Buffer.from(message.wrap(payload)))
        const messages = await received(Buffer.concat(sent))
        expect(messages.map((data) => data.length)).toEqual(payloads.map((data) => data.length))
        expect(Buffer.concat(messages).equals(Buffer.concat(payloads))).toBe(true)
      }),
    )
  })

  it('leaves the audio that it is given as it is', () => {
    const audio = Buffer.alloc(1600, 7)
    new BinaryMessage().wrap(audio)
    expect(audio).toEqual(Buffer.alloc(1600, 7))
  })

  it('is masked with another key each time', () => {
    const message = new BinaryMessage()
    const keys = new Set<number>()
    for (let count = 0; count < 5000; count++) keys.add(message.wrap(Buffer.alloc(200)).readUInt32BE(4))
    expect(keys.size).toBeGreaterThan(4990)
  })
})
