import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { isOneFlac } from '../../../src/ffmpeg/bytes/flac.ts'
import { ffmpeg } from '../../helpers/media.ts'

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
