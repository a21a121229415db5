import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { seededRandom } from '../../helpers/random.ts'
import { Spool } from '../../../src/transforms/transcribe/spool.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'diarize-stream-spool-'))
  folders.push(made)
  return made
}

async function all(spool: Spool): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of spool.read()) pieces.push(piece)
  return Buffer.concat(pieces)
}

describe('a spool', () => {
  it('gives back what was written, in pieces of any length, as often as it is asked', async () => {
    const random = seededRandom(5)
    const spool = await Spool.create(folder())
    const written: Buffer[] = []
    for (const length of [0, 1, 1600, 262_143, 262_144, 262_145, 700_000, 3200]) {
      const piece = Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)))
      await spool.write(piece)
      written.push(piece)
      // What was handed over may be used again.
      written[written.length - 1] = Buffer.from(piece)
      piece.fill(0)
    }
    const expected = Buffer.concat(written)
    expect(spool.bytes).toBe(expected.length)
    expect((await all(spool)).equals(expected)).toBe(true)
    expect((await all(spool)).equals(expected)).toBe(true)
    await spool.close()
  })

  it('has two readers at once', async () => {
    const spool = await Spool.create(folder())
    const written = Buffer.from(Array.from({ length: 200_000 }, (_item, at) => at % 251))
    await spool.write(written)
    const copies = await Promise.all([all(spool), all(spool)])
    expect(copies.map((copy) => copy.equals(written))).toEqual([true, true])
    await spool.close()
  })

  it('has nothing to wait for where it only gathers', async () => {
    const spool = await Spool.create(folder())
    expect(spool.write(Buffer.alloc(1600))).toBeUndefined()
    expect(spool.write(Buffer.alloc(262_144))).toBeInstanceOf(Promise)
    await spool.read().next()
    await spool.close()
    const empty = await Spool.create(folder())
    expect(await all(empty)).toHaveLength(0)
    await empty.close()
  })

  it.runIf(process.platform !== 'win32')('has no name, also while it is used', async () => {
    const place = folder()
    const spool = await Spool.create(place)
    await spool.write(Buffer.alloc(300_000))
    expect(readdirSync(place)).toEqual([])
    await spool.close()
  })

  it('leaves no file behind', async () => {
    const place = folder()
    const spool = await Spool.create(place)
    await spool.close()
    expect(readdirSync(place)).toEqual([])
    await expect(Spool.create(path.join(place, 'missing'))).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      target: path.join(place, 'missing'),
    })
  })
})
