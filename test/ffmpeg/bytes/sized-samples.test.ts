import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { SizedSamples } from '../../../src/ffmpeg/bytes/sized-samples.ts'
import { mediaFolder } from '../../acceptance/containers.ts'
import { ffmpeg } from '../../helpers/media.ts'
import { onsets, tones } from '../../helpers/onsets.ts'

const { at } = mediaFolder()

/** Bytes of samples that the headers say in these tests; there are more. */
const said = 20_001

const wave64Chunk = Buffer.from('6c657665f3acd3118cd100c04f8edb8a2000000000000000', 'hex')
/** A file of each kind, made to say what is wrong, and a chunk that may be behind its samples. */
const kinds = {
  aiff: {
    unsaid: 0,
    say: (bytes: Buffer, size: number): void => {
      bytes.writeUInt32BE(size === 0 ? 0 : size + 46, 4)
      bytes.writeUInt32BE(size === 0 ? 0 : size + 8, bytes.indexOf('SSND') + 4)
    },
    chunk: Buffer.from('ANNO\0\0\0\x08chunk...'),
  },
  caf: {
    unsaid: -5,
    say: (bytes: Buffer, size: number) => void bytes.writeBigInt64BE(BigInt(size + 4), bytes.indexOf('data') + 4),
    chunk: Buffer.from('uuid\0\0\0\0\0\0\0\x08chunk...'),
  },
  w64: {
    unsaid: -25,
    say: (bytes: Buffer, size: number): void => {
      bytes.writeBigInt64LE(BigInt(size + 24), bytes.indexOf('data') + 16)
      bytes.writeBigInt64LE(BigInt(size < 0 ? -1 : size + 128), 16)
    },
    chunk: Buffer.concat([wave64Chunk, Buffer.alloc(8, 1)]),
  },
}

describe.each(Object.entries(kinds))('samples of %s', (ending, { unsaid, say, chunk }) => {
  async function made(name: string, change: (bytes: Buffer) => Buffer | void): Promise<string> {
    const path = at(`${name}.${ending}`)
    await ffmpeg('-y', ...tones(3, [1, 2]), path)
    const bytes = readFileSync(path)
    await writeFile(path, change(bytes) ?? bytes)
    return path
  }

  async function heard(path: string) {
    const ways = await Promise.all([onsets(path, false), onsets(path, true)])
    return ways.map(({ found, warnings }) => ({ found, warnings }))
  }
  const both = (warnings: string[], found = [1000, 2000]) => [
    { found, warnings },
    { found, warnings },
  ]

  it('go on behind what the header says, as of a recorder that died', async () => {
    const path = await made('stale', (bytes) => say(bytes, said))
    expect(await heard(path)).toEqual(both(['WAV_SIZE_WRONG']))
  })

  it('go to the end where it says nothing, as behind a pipe', async () => {
    const path = await made('piped', (bytes) => say(bytes, unsaid))
    expect(await heard(path)).toEqual(both([]))
  })

  it('end where it says, with chunks, tags or filling behind them', async () => {
    const behind = [chunk, chunk, Buffer.from('TAG'.padEnd(128, 'x'))]
    const path = await made('whole', (bytes) => Buffer.concat([bytes, ...behind, Buffer.alloc(5000)]))
    expect(await heard(path)).toEqual(both([]))
    const filled = await made('filled', (bytes) => Buffer.concat([bytes, Buffer.alloc(5000)]))
    expect(await heard(filled)).toEqual(both([]))
  })

  it('lack what is cut off', async () => {
    const path = await made('cut', (bytes) => bytes.subarray(0, 150_000))
    expect(await heard(path)).toEqual(both(['INPUT_TRUNCATED'], [1000]))
  })

  it('come out the same, whatever pieces they come in', async () => {
    const bytes = readFileSync(await made('pieces', (whole) => say(whole, said)))
    const all = new SizedSamples()
    const expected = Buffer.concat([all.push(bytes), all.flush()])
    expect(expected.length).toBe(bytes.length)
    for (const size of [1, 7, 4096]) {
      const samples = new SizedSamples()
      const out: Buffer[] = []
      for (let from = 0; from < bytes.length; from += size) out.push(samples.push(bytes.subarray(from, from + size)))
      expect(Buffer.concat([...out, samples.flush()]).equals(expected)).toBe(true)
      expect(samples.exceeded).toBe(all.exceeded)
    }
  })
})
