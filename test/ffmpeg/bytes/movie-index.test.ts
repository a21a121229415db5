import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { MovieIndex } from '../../../src/ffmpeg/bytes/movie-index.ts'
import { isEncrypted } from '../../../src/ffmpeg/probe.ts'
import { decode, fileSource } from '../../../src/index.ts'
import { cut } from '../../audio/signals.ts'
import { ffmpeg } from '../../helpers/media.ts'
import { runs } from '../../helpers/runs.ts'

const encryption =
  '-encryption_scheme cenc-aes-ctr -encryption_key 76a6c65c5ea762046bd749a2e632ccbb -encryption_kid a7e61c373e219033c21091fa607bf3b8'.split(
    ' ',
  )
const kinds = { late: [], early: ['-movflags', 'faststart'] }
const files: Record<string, string> = {}
let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'diarize-stream-encryption-'))
  const sound = ['-f', 'lavfi', '-i', 'testsrc=s=64x48:d=2', '-f', 'lavfi', '-i', 'sine=r=48000:d=2', '-c:a', 'aac']
  for (const [kind, options] of Object.entries(kinds)) {
    files[kind] = join(directory, `${kind}.mp4`)
    files[`plain ${kind}`] = join(directory, `plain ${kind}.mp4`)
    await ffmpeg(...sound, '-c:v', 'mpeg4', ...options, ...encryption, files[kind])
    await ffmpeg(...sound, '-c:v', 'mpeg4', ...options, files[`plain ${kind}`]!)
  }
})
afterAll(() => rm(directory, { recursive: true, force: true }))

function isSaid(bytes: Buffer, lengths: readonly number[]): boolean {
  const index = new MovieIndex()
  for (const piece of cut(bytes, lengths)) index.push(Buffer.from(piece))
  return index.isEncrypted
}

it.each(Object.keys(kinds))('is known of an MP4 whose index comes %s, however its bytes come', async (kind) => {
  const [secret, plain] = await Promise.all([readFile(files[kind]!), readFile(files[`plain ${kind}`]!)])
  const lengths = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(lengths, (cuts) => {
      expect([isSaid(secret, cuts), isSaid(plain, cuts)]).toEqual([true, false])
    }),
    { numRuns: runs(20) },
  )
  const isSo = (bytes: Buffer): boolean =>
    isEncrypted((offset, length) => bytes.subarray(offset, offset + length), bytes.length)
  expect([isSo(secret), isSo(plain)]).toEqual([true, false])
  // Common encryption may leave all as it is.
  const clear = Buffer.from(secret)
  for (let at = clear.indexOf('tenc'); at >= 0; at = clear.indexOf('tenc', at + 1)) clear[at + 10] = 0
  expect([isSo(clear), isSaid(clear, [700])]).toEqual([false, false])
})

it('is known of no bytes that are no MP4', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, isMovie) => {
      expect(isSaid(Buffer.concat([Buffer.from(isMovie ? '\0\0\0\x08ftyp' : '', 'latin1'), bytes]), [7])).toBe(false)
    }),
  )
})

it('is the error of a file and of bytes, in place of noise', async () => {
  const failure = { code: 'INPUT_UNREADABLE', message: expect.stringContaining('is encrypted') }
  for (const kind of Object.keys(kinds)) {
    await expect(buffer(fileSource(files[kind]!))).rejects.toMatchObject(failure)
    const decoded = pipeline(Readable.from([await readFile(files[kind]!)]), decode(), new PassThrough().resume())
    await expect(decoded).rejects.toMatchObject(failure)
  }
})
