import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bunzip2 } from '../../../src/engine/models/bzip2.ts'
import { bzip2, whyNoBzip2 } from '../../helpers/tar.ts'

async function unpacked(data: Uint8Array, chunk = data.length || 1): Promise<Buffer> {
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < data.length; at += chunk) yield data.subarray(at, at + chunk)
  }
  const out: Uint8Array[] = []
  for await (const part of bunzip2(source())) out.push(part)
  return Buffer.concat(out)
}

/** What `bzip2` makes of "hello hello hello\n". */
const hello = Buffer.from('QlpoOTFBWSZTWeW18wkAAARRAAAQQAACRKAAIbUYDAKQacKjC7kinChIctr5hIA=', 'base64')

describe('bunzip2', () => {
  it('reads a small file, byte by byte, and several in a row', async () => {
    expect((await unpacked(hello, 1)).toString()).toBe('hello hello hello\n')
    expect((await unpacked(Buffer.concat([hello, hello]))).toString()).toBe('hello hello hello\n'.repeat(2))
  })

  it('refuses what is cut off or changed, wherever it is', async () => {
    for (let length = 0; length < hello.length; length++) {
      await expect(unpacked(hello.subarray(0, length))).rejects.toThrow('damaged')
    }
    const outcomes = new Set<string>()
    for (let bit = 0; bit < hello.length * 8; bit++) {
      const changed = Buffer.from(hello)
      changed[bit >> 3]! ^= 128 >> (bit & 7)
      // Some bits mean nothing: those of a table that no group uses, and the last ones.
      outcomes.add(await unpacked(changed).then(String, (error: Error) => error.message.replace(/:.*/, '')))
    }
    expect(outcomes).toEqual(new Set(['the bzip2 data is damaged', 'hello hello hello\n']))
    await expect(unpacked(Buffer.concat([hello, Buffer.from('more')]))).rejects.toThrow('damaged')
  })

  it.skipIf(whyNoBzip2 !== undefined)('gives what was packed, of any kind', async () => {
    const runs = fc
      .array(fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 700 })), { maxLength: 40 })
      .map((list) => Buffer.concat(list.map(([byte, count]) => Buffer.alloc(count, byte))))
    const any = fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes))
    await fc.assert(
      fc.asyncProperty(fc.oneof(runs, any), async (data) => {
        expect((await unpacked(bzip2(data, 1), 777)).equals(data)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  it.skipIf(whyNoBzip2 !== undefined)('gives several blocks back', async () => {
    let state = 1
    const noise = Buffer.from(
      Uint8Array.from({ length: 1_200_000 }, () => (state = (state * 48_271) % 2_147_483_647) >> 8),
    )
    const data = Buffer.concat([noise, Buffer.alloc(3_000_000, 7), Buffer.from('abcd'.repeat(100_000))])
    for (const level of [1, 9]) expect((await unpacked(bzip2(data, level), 65_536)).equals(data)).toBe(true)
  })
})
