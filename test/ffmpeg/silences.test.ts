import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, type Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { silencesOf } from '../../src/ffmpeg/probe.ts'
import { decode, fileSource } from '../../src/index.ts'
import { ffmpeg } from '../helpers/media.ts'

let directory = ''
let plain: Buffer
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'diarize-stream-silences-'))
  const file = join(directory, 'plain.m4a')
  await ffmpeg('-f', 'lavfi', '-i', 'sine=r=48000:d=6', '-c:a', 'aac', file)
  plain = await readFile(file)
})
afterAll(() => rm(directory, { recursive: true, force: true }))

/** The file with these edits, each of a length in ms and the sample that it begins with; its index is at its end. */
function edited(edits: readonly (readonly [number, number])[]): Buffer {
  // Units of a second: FFmpeg 9 takes as many as there are samples, not 1000.
  const scale = plain.readUInt32BE(plain.indexOf('mvhd') + 16)
  const list = Buffer.alloc(16 + 12 * edits.length)
  list.writeUInt32BE(list.length)
  list.write('elst', 4)
  list.writeUInt32BE(edits.length, 12)
  for (const [entry, [length, start]] of edits.entries()) {
    list.writeUInt32BE((length * scale) / 1000, 16 + 12 * entry)
    list.writeInt32BE(start, 20 + 12 * entry)
    list.writeUInt16BE(1, 24 + 12 * entry)
  }
  const at = plain.indexOf('elst') - 4
  const old = plain.readUInt32BE(at)
  const bytes = Buffer.concat([plain.subarray(0, at), list, plain.subarray(at + old)])
  for (const outer of ['moov', 'trak', 'edts']) {
    const box = bytes.indexOf(outer) - 4
    bytes.writeUInt32BE(bytes.readUInt32BE(box) + list.length - old, box)
  }
  return bytes
}

function silencesIn(bytes: Buffer): unknown {
  return silencesOf((offset, length) => bytes.subarray(offset, offset + length), bytes.length)
}

it('are the edits behind the first of sound in which there is nothing', () => {
  expect(silencesIn(plain)).toEqual([[]])
  expect(
    silencesIn(
      edited([
        [1500, -1],
        [2000, 1024],
      ]),
    ),
  ).toEqual([[]])
  const twice = edited([
    [500, -1],
    [2000, 1024],
    [1000, -1],
    [2000, 97_024],
    [250, -1],
  ])
  expect(silencesIn(twice)).toEqual([
    [
      { start: 2.5, end: 3.5 },
      { start: 5.5, end: 5.75 },
    ],
  ])
  expect(silencesIn(Buffer.from('RIFF'))).toEqual([])
  for (let end = 0; end < twice.length; end += 37) silencesIn(twice.subarray(0, end))
})

it('are silent, with a gap, in a file and in bytes, where FFmpeg plays the beginning again', async () => {
  const file = join(directory, 'edited.m4a')
  const bytes = edited([
    [2000, 1024],
    [1500, -1],
    [4000, 97_024],
  ])
  await writeFile(file, bytes)
  const decoded = decode()
  new PassThrough().end(bytes).pipe(decoded)
  for (const source of [fileSource(file), decoded] as Readable[]) {
    const gaps: unknown[] = []
    source.on('gap', (gap) => gaps.push(gap))
    const wav = await buffer(source)
    const samples = new Int16Array(wav.buffer.slice(wav.byteOffset + 44, wav.byteOffset + wav.length))
    const loudest = (from: number, to: number): number =>
      Math.max(...samples.subarray(48 * from, 48 * to).map((sample) => Math.abs(sample)))
    expect(loudest(2000, 3500)).toBe(0)
    for (const at of [1900, 3600, 7300]) expect(loudest(at, at + 90)).toBeGreaterThan(1000)
    expect(gaps).toEqual([{ start: 2000, end: 3500, missing: 1500 }])
  }
})
