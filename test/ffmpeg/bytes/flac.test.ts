import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FlacEnd, isOneFlac } from '../../../src/ffmpeg/bytes/flac.ts'
import type { Lack } from '../../../src/ffmpeg/bytes/ogg-end.ts'
import { cut } from '../../audio/signals.ts'
import { ffmpeg } from '../../helpers/media.ts'
import { runs } from '../../helpers/runs.ts'

let directory = ''
let noise: Buffer
let silence: Buffer
let fine: Buffer
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'diarize-stream-flac-'))
  const make = async (name: string, sound: string, ...more: string[]): Promise<Buffer> => {
    const file = join(directory, `${name}.flac`)
    await ffmpeg('-f', 'lavfi', '-i', sound, ...more, file)
    return readFile(file)
  }
  noise = await make('noise', 'anoisesrc=d=6:a=0.3:r=44100')
  silence = await make('silence', 'anullsrc=d=6:r=44100:cl=mono')
  fine = await make('fine', 'anoisesrc=d=3:a=0.3:r=48000', '-ac', '2', '-sample_fmt', 's32')
})
afterAll(() => rm(directory, { recursive: true, force: true }))

function isOne(...parts: Buffer[]): boolean {
  const bytes = Buffer.concat(parts)
  return isOneFlac((offset, length) => bytes.subarray(offset, offset + length), bytes.length)
}

it('is one where it is by itself, whatever is in it and behind it', () => {
  const tag = Buffer.alloc(128)
  tag.write('TAG')
  for (const one of [noise, silence, fine]) expect([isOne(one), isOne(one, tag)]).toEqual([true, true])
})

it('is not where others were joined to it, or it is cut short', () => {
  for (const one of [noise, silence, fine]) {
    for (const other of [noise, silence, fine]) expect(isOne(one, other)).toBe(false)
    expect(isOne(one, one, one)).toBe(false)
    expect(isOne(one.subarray(0, one.length / 2))).toBe(false)
  }
})

it('is not known of bytes that are not there, nor of what is no FLAC', () => {
  expect(isOneFlac((offset, length) => noise.subarray(offset, Math.min(offset + length, 65_536)), Infinity)).toBe(false)
  expect(isOne(Buffer.alloc(100))).toBe(false)
  expect(isOne(Buffer.from('fLaC'))).toBe(false)
  expect(isOne(noise.subarray(0, 60), Buffer.alloc(1000, 0xff))).toBe(false)
})

describe('the end', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 })

  function lackOf(bytes: Buffer, lengths: readonly number[] = [700], end = new FlacEnd()): Lack | undefined {
    for (const piece of cut(bytes, lengths)) end.push(Buffer.from(piece))
    return end.end()
  }

  it('is known by frames, wherever it is cut, however its bytes come, and behind a tag', () => {
    const tag = Buffer.alloc(2000)
    tag.write('ID3\x03\0\0\0\0\x0f\x46', 'latin1')
    const frame = (1000 * 4608) / 44_100
    fc.assert(
      fc.property(fc.double({ min: 0.2, max: 1, noNaN: true }), cuts, fc.boolean(), (part, lengths, isTagged) => {
        const there = noise.subarray(0, Math.floor(noise.length * part))
        const lack = lackOf(isTagged ? Buffer.concat([tag, there]) : there, lengths)
        // Noise takes as many bytes everywhere; a frame that has begun counts as there.
        const missingMs = 6000 * (1 - part)
        expect(lack?.missingMs ?? 0).toBeLessThan(missingMs + frame)
        expect(lack?.missingMs ?? 0).toBeGreaterThan(missingMs - 2 * frame)
        const missing = noise.length - there.length
        expect(Math.abs((lack?.missing ?? 0) - missing)).toBeLessThan(0.1 * noise.length)
      }),
      { numRuns: runs(50) },
    )
  })

  it('is where its head says: nothing is missing, whatever is behind it, and of each that was joined', () => {
    const end = new FlacEnd()
    for (const one of [noise, silence, fine]) expect(lackOf(one, [700], end)).toBeUndefined()
    expect(lackOf(Buffer.concat([noise, Buffer.alloc(128, 'TAG')]), [700], end)).toBeUndefined()
    expect(lackOf(fine.subarray(0, fine.length / 2), [700], end)?.missingMs).toBeGreaterThan(1000)
    expect(lackOf(silence, [700], end)).toBeUndefined()
  })

  it('is behind that which its head says, where frames go on: nothing is missing', () => {
    for (const samples of [100_000, 50_000, 4608, 1]) {
      const stale = Buffer.from(noise)
      stale.writeUInt32BE(samples, 22)
      expect(lackOf(stale)).toBeUndefined()
    }
  })

  it('is not known where the head does not say, nor of what is no FLAC', () => {
    const unknown = Buffer.from(noise.subarray(0, noise.length / 2))
    unknown.fill(0, 22, 26)
    unknown[21]! &= 0xf0
    expect(lackOf(unknown)).toBeUndefined()
    expect(lackOf(noise.subarray(0, 60))).toBeUndefined()
    expect(lackOf(Buffer.concat([Buffer.from('RIFF'), noise.subarray(0, noise.length / 2)]))).toBeUndefined()
  })
})
