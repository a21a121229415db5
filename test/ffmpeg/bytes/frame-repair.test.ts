import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { frameKind } from '../../../src/ffmpeg/bytes/frames.ts'
import { FrameRepair } from '../../../src/ffmpeg/bytes/frame-repair.ts'
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

describe.each([
  ['MP3 without an index', 'mp3', ['-c:a', 'libmp3lame', '-b:a', '64k', '-write_xing', '0', '-id3v2_version', '0']],
  ['MP2', 'mp2', ['-c:a', 'mp2', '-ac', '2']],
  ['ADTS', 'aac', ['-c:a', 'aac', '-b:a', '64k']],
  ['ADTS of two channels', 'aac', ['-c:a', 'aac', '-b:a', '64k', '-ac', '2']],
])('%s with a stretch that is damaged', (name, ending, codec) => {
  const file = (): string => join(directory, `damaged ${name}.${ending}`)
  /** Samples that FFmpeg makes of it. */
  const heard = async (bytes: Buffer): Promise<number> => {
    await writeFile(file(), bytes)
    await ffmpeg('-y', '-i', file(), '-ac', '1', '-ar', '48000', '-f', 's16le', `${file()}.pcm`)
    return (await readFile(`${file()}.pcm`)).length / 2
  }

  it.each([
    ['zeros', 0],
    ['ones', 0xff],
  ])('has as many frames as before, and says where: %s', async (_, filling) => {
    await ffmpeg('-y', '-f', 'lavfi', '-i', 'anoisesrc=d=20:r=48000:c=pink:seed=1', ...codec, file())
    const whole = await readFile(file())
    const samples = await heard(whole)
    const damaged = Buffer.from(whole)
    damaged.fill(filling, Math.floor(whole.length * 0.4), Math.floor(whole.length * 0.5))
    const repair = new FrameRepair(frameKind(whole)!)
    const pieces = cut(damaged, [1, 700, 30_000]).map((piece) => repair.push(Buffer.from(piece)))
    const bytes = Buffer.concat([...pieces, repair.flush()])
    expect(Math.abs((await heard(bytes)) - samples)).toBeLessThan(48 * 50)
    const [hole, ...others] = repair.takeHoles()
    expect(others).toEqual([])
    expect(Math.abs(hole!.start - 8000)).toBeLessThan(150)
    expect(Math.abs(hole!.end - 10_000)).toBeLessThan(150)
    expect(hole!.bytes).toBeGreaterThan(whole.length * 0.09)
    expect(bytes.length - hole!.given).toBe(whole.length - hole!.bytes)
  })

  it('may be damaged from the middle of a head on', async () => {
    await ffmpeg('-y', '-f', 'lavfi', '-i', 'anoisesrc=d=2:r=48000:c=pink:seed=1', ...codec, file())
    const whole = await readFile(file())
    const kind = frameKind(whole)!
    let head = 0
    while (head < whole.length / 2) head += kind.length(whole, head)!
    const damaged = Buffer.from(whole).fill(0, head + 1, head + 5000)
    const repair = new FrameRepair(kind)
    for (const piece of cut(damaged, [10])) repair.push(piece)
    const [hole, ...others] = repair.takeHoles()
    expect(others).toEqual([])
    expect(hole!.end).toBeGreaterThan(hole!.start)
  })

  it('stays as it is where something else is in it, which is told, or behind it', async () => {
    await ffmpeg('-y', '-f', 'lavfi', '-i', 'anoisesrc=d=2:r=48000:c=pink:seed=1', ...codec, file())
    const whole = await readFile(file())
    const other = Buffer.alloc(50_000, 0x5a)
    const hole = { at: whole.length, bytes: 50_000, given: 50_000, start: 2000, end: 2000 }
    for (const [bytes, holes] of [
      [Buffer.concat([whole, other]), []],
      [Buffer.concat([whole, other, whole]), [hole]],
    ] as const) {
      const repair = new FrameRepair(frameKind(whole)!)
      const pieces = cut(bytes, [999]).map((piece) => repair.push(piece))
      expect(Buffer.concat([...pieces, repair.flush()]).equals(bytes)).toBe(true)
      const found = repair.takeHoles().map((one) => ({ ...one, start: Math.round(one.start / 100) * 100 }))
      expect(found.map((one) => ({ ...one, end: one.start }))).toEqual(holes)
    }
  })
})

const zeros = Buffer.alloc(1_100_000)
it.each([
  ['nothing', zeros, ''],
  ['something else', Buffer.concat([zeros.subarray(0, 500), Buffer.alloc(50_000, 0x5a)]), ''],
  ['something else and more of it', Buffer.concat([zeros.subarray(0, 500), Buffer.alloc(50_000, 0x5a)]), 'more'],
])('an erased stretch of MP3 with %s behind is told, and is no silence', async (_, other, more) => {
  const file = join(directory, 'erased.mp3')
  await ffmpeg('-y', '-f', 'lavfi', '-i', 'sine=d=2', '-write_xing', '0', '-id3v2_version', '0', file)
  const whole = await readFile(file)
  const repair = new FrameRepair(frameKind(whole)!)
  const bytes = Buffer.concat([whole, other, more === '' ? Buffer.alloc(0) : whole])
  for (const piece of cut(bytes, [5000])) repair.push(piece)
  repair.flush()
  const [hole, ...others] = repair.takeHoles()
  expect(others).toEqual([])
  expect(hole).toMatchObject({ at: whole.length, bytes: other.length, end: hole!.start })
})

describe('behind a tag', () => {
  const tag = Buffer.from(`ID3\x04\0\0\0\0\0\x20${'\0'.repeat(32)}`, 'latin1')

  it.each(['fLaC\0\0\0\x22', 'TTA1\x01\0\x02\0'])('%j stays as it is, and no damage is found in it', (head) => {
    const frame = Buffer.alloc(417)
    frame.write('fffb9000', 'hex')
    const chance = [frame, frame, Buffer.alloc(9000, 0x5a)]
    const bytes = Buffer.concat([tag, Buffer.from(head, 'latin1'), Buffer.alloc(500, 0x5a), ...chance, ...chance])
    fc.assert(
      fc.property(cuts, (lengths) => {
        const repair = new FrameRepair(frameKind(bytes)!)
        const pieces = cut(bytes, lengths).map((piece) => repair.push(Buffer.from(piece)))
        expect(Buffer.concat([...pieces, repair.flush()]).equals(bytes)).toBe(true)
        expect(repair.takeHoles()).toEqual([])
      }),
    )
  })

  it('ADTS is known, and loses tags between those that were joined', () => {
    const frames = Buffer.concat(Array.from({ length: 9 }, () => Buffer.from('fff15080012ffc00c8', 'hex')))
    fc.assert(
      fc.property(cuts, (lengths) => {
        const joined = Buffer.concat([tag, frames, tag, frames])
        expect(repaired(joined, lengths).equals(Buffer.concat([tag, frames, frames]))).toBe(true)
      }),
    )
  })
})

/** The chunks of an AVI, lists as far as their chunks. */
function chunksOf(avi: Buffer): Buffer[] {
  const kind = frameKind(avi)!
  const chunks: Buffer[] = []
  for (let at = 0; at < avi.length; at += chunks.at(-1)!.length) {
    chunks.push(avi.subarray(at, at + (kind.length(avi, at) ?? avi.length)))
  }
  return chunks
}

describe('AVI', () => {
  it('stays as it is, however it is cut; what is damaged in it is told', async () => {
    const file = join(directory, 'a.avi')
    const picture = ['-f', 'lavfi', '-i', 'testsrc=d=2:s=64x48:r=25']
    await ffmpeg('-y', ...picture, '-f', 'lavfi', '-i', 'sine=d=2', '-c:v', 'mpeg4', '-c:a', 'pcm_s16le', file)
    const whole = await readFile(file)
    const damaged = Buffer.from(whole).fill(0x5a, 100_000, 150_000)
    const erased = Buffer.from(whole).fill(0, 100_000, 110_000)
    // DV has sound and picture in chunks of one kind.
    const dv = Buffer.from(whole.toString('latin1').replaceAll('00dc', '00__'), 'latin1')
    fc.assert(
      fc.property(cuts, fc.constantFrom(whole, dv, damaged, erased), (lengths, bytes) => {
        const repair = new FrameRepair(frameKind(whole)!)
        const pieces = cut(bytes, lengths).map((piece) => repair.push(Buffer.from(piece)))
        expect(Buffer.concat([...pieces, repair.flush()]).equals(bytes)).toBe(true)
        expect(repair.takeHoles().length).toBe([whole, dv].includes(bytes) ? 0 : 1)
      }),
      { numRuns: runs(5) },
    )
    // Filling without a head, of which FFmpeg makes nothing.
    const filled = Buffer.concat(chunksOf(whole).flatMap((chunk) => [chunk, Buffer.alloc(512)]))
    expect(repaired(filled, [5000]).equals(filled)).toBe(true)
  })
})
