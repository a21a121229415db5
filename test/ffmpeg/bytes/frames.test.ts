import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FrameRepair } from '../../../src/ffmpeg/bytes/frame-repair.ts'
import { frameKind } from '../../../src/ffmpeg/bytes/frames.ts'
import { cut } from '../../audio/signals.ts'
import { ffmpeg } from '../../helpers/media.ts'
import { runs } from '../../helpers/runs.ts'

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'diarize-stream-frames-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const cuts = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 })

function repaired(bytes: Buffer, lengths: readonly number[]): Buffer {
  const repair = new FrameRepair(frameKind(bytes)!)
  return Buffer.concat([...cut(bytes, lengths).map((piece) => repair.push(Buffer.from(piece))), repair.flush()])
}

const old = Buffer.alloc(128)
old.write('TAG')
const ape = Buffer.alloc(64 + 19)
ape.write('APETAGEX\xd0\x07', 'latin1')
ape.writeUInt32LE(32 + 19, 12)
ape.writeUInt32LE(0xa000_0000, 20)
ape.write('APETAGEX\xd0\x07', 32 + 19, 'latin1')
ape.writeUInt32LE(32 + 19, 32 + 19 + 12)

describe.each([
  ['MP2', 'mp2', ['-c:a', 'mp2']],
  ['ADTS', 'aac', ['-c:a', 'aac']],
  ['AC-3', 'ac3', ['-ar', '44100']],
  ['AC-3 of 32 kHz', 'ac3', ['-ar', '32000']],
  ['E-AC-3', 'eac3', []],
  ['WavPack', 'wv', []],
  ['FLV', 'flv', ['-c:a', 'aac']],
])('%s', (name, ending, codec) => {
  let one: Buffer
  beforeAll(async () => {
    const file = join(directory, `${name}.${ending}`)
    await ffmpeg('-f', 'lavfi', '-i', 'sine=d=1:r=48000', '-map_metadata', '-1', ...codec, file)
    one = await readFile(file)
    // Its encoder leaves its name behind.
    const tag = one.indexOf('APETAGEX')
    if (tag > 0) one = one.subarray(0, tag)
  })

  it('stays as it is', () => {
    fc.assert(
      fc.property(cuts, (lengths) => {
        expect(repaired(one, lengths).equals(one)).toBe(true)
      }),
      { numRuns: runs(5) },
    )
  })

  it.each([
    ['zeros', Buffer.alloc(3000)],
    ['ones', Buffer.alloc(3000, 0xff)],
    ['a tag', old],
    ['a tag of the other kind, and zeros', Buffer.concat([ape, Buffer.alloc(300)])],
  ])('loses %s behind it', (_, filling) => {
    fc.assert(
      fc.property(cuts, (lengths) => {
        expect(repaired(Buffer.concat([one, filling]), lengths).equals(one)).toBe(true)
      }),
      { numRuns: runs(5) },
    )
  })

  it('loses tags between those that were joined', () => {
    const two = Buffer.concat([one, one])
    expect(repaired(Buffer.concat([one, old, one, ape]), [777]).equals(two)).toBe(true)
  })

  it('keeps what is damaged, or cut short, for FFmpeg to judge', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: one.length - 1 }), cuts, (length, lengths) => {
        const short = one.subarray(0, length)
        expect(repaired(short, lengths).equals(short)).toBe(true)
        const damaged = Buffer.from(one)
        damaged.fill(0x55, length - 60, length)
        expect(repaired(damaged, lengths).equals(damaged)).toBe(true)
      }),
      { numRuns: runs(20) },
    )
  })
})
