import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { voiceCepstra, voiceCepstraSize } from '../../src/engine/mfcc.ts'
import { readVoiceMixture, voiceMixture } from '../../src/engine/voice-mixture.ts'

/** What `training/train.py` found in the signal below; of the longer lists every 16th number. */
interface Reference {
  /** Of the first frame and the 51st. */
  cepstra: number[][]
  counts: number[]
  sums: number[]
  vector: number[]
}

const reference = JSON.parse(
  readFileSync(path.join(import.meta.dirname, 'voice-mixture.reference.json'), 'utf8'),
) as Reference

/** A saw-tooth whose pitch rises, and noise, in whole numbers only. */
function signal(): Int16Array {
  let phase = 0
  let state = 1
  return Int16Array.from({ length: 16_000 }, (_, i) => {
    phase = (phase + 400 + Math.floor(i / 32)) % 65_536
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0
    return Math.floor((phase - 32_768) / 4) + (state >>> 21) - 1024
  })
}

const every16th = (values: Float64Array): number[] => [...values].filter((_, i) => i % 16 === 0)

/** By how much the numbers of `found` differ at most from those of `expected`, relative to those above 1. */
function difference(found: readonly number[], expected: readonly number[]): number {
  if (found.length !== expected.length) return Infinity
  return Math.max(...found.map((value, i) => Math.abs(value - expected[i]!) / Math.max(1, Math.abs(expected[i]!))))
}

const frames = voiceCepstra(signal())
const mixture = voiceMixture()

describe('the shipped mixture', () => {
  it('hears in a signal what the training script does', () => {
    expect(difference([...frames[0]!], reference.cepstra[0]!)).toBeLessThan(1e-6)
    expect(difference([...frames[50]!], reference.cepstra[1]!)).toBeLessThan(1e-6)
    const statistics = mixture.statistics(frames)
    expect(difference([...statistics.counts], reference.counts)).toBeLessThan(1e-6)
    expect(difference(every16th(statistics.sums), reference.sums)).toBeLessThan(1e-6)
    expect(difference(every16th(mixture.vector(statistics)), reference.vector)).toBeLessThan(1e-6)
  })

  it('is read once, for frames of voiceCepstra', () => {
    expect(voiceMixture()).toBe(mixture)
    expect(mixture.size).toBe(voiceCepstraSize)
  })

  it('takes alike vectors and a small gain for one voice', () => {
    expect(mixture.calibration.cosine).toBeGreaterThan(0)
    expect(mixture.calibration.gain).toBeLessThan(0)
  })

  it('gives the frames of two stretches the sums of the statistics of both', () => {
    const at = fc.integer({ min: 0, max: frames.length })
    fc.assert(
      fc.property(at, at, (i, j) => {
        const [from, to] = [Math.min(i, j), Math.max(i, j)]
        const whole = mixture.statistics(frames)
        const parts = [frames.slice(0, from), frames.slice(from, to), frames.slice(to)].map((part) =>
          mixture.statistics(part),
        )
        for (const name of ['counts', 'sums'] as const) {
          const sum = [...whole[name]].map((_, k) => parts.reduce((total, part) => total + part[name][k]!, 0))
          expect(difference(sum, [...whole[name]])).toBeLessThan(1e-6)
        }
      }),
      { numRuns: 20 },
    )
  })

  it('shares out nearly all of every frame, also of silence and of full scale', () => {
    const square = Int16Array.from({ length: 3200 }, (_, i) => (i % 40 < 20 ? 32_767 : -32_768))
    for (const odd of [voiceCepstra(new Int16Array(3200)), voiceCepstra(square), frames]) {
      const { counts, sums } = mixture.statistics(odd)
      const total = counts.reduce((sum, count) => sum + count, 0)
      expect(total).toBeGreaterThan(0.95 * odd.length)
      expect(total).toBeLessThan(odd.length + 1e-6)
      expect(sums.every(Number.isFinite)).toBe(true)
    }
  })

  it('makes vectors of length 1, and of 0 where there is no speech', () => {
    const statistics = mixture.statistics(frames.slice(0, 7))
    expect(Math.hypot(...mixture.vector(statistics))).toBeCloseTo(1, 12)
    const none = mixture.vector(mixture.statistics([]))
    expect(none).toHaveLength(statistics.sums.length)
    expect(none.every((value) => value === 0)).toBe(true)
  })
})

describe('a mixture that cannot be used', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'voices-'))
  const good = readFileSync(path.join(import.meta.dirname, '../../models/voices.bin'))
  const headerEnd = good.indexOf(10)
  const header = JSON.parse(good.subarray(0, headerEnd).toString()) as Record<string, unknown>
  const numbers = good.subarray(headerEnd + 1)
  const withHeader = (changes: object, body: Uint8Array = numbers): Buffer =>
    Buffer.concat([Buffer.from(`${JSON.stringify({ ...header, ...changes })}\n`), body])
  const overwritten = (place: number, value: number): Buffer => {
    const changed = Buffer.from(good)
    changed.writeFloatLE(value, headerEnd + 1 + 4 * place)
    return changed
  }

  afterAll(() => rmSync(folder, { recursive: true }))

  it.each([
    ['is empty', Buffer.alloc(0), 'it has no header'],
    ['is no JSON', Buffer.from('voices\n'), 'JSON'],
    ['has a header that says nothing', Buffer.from('null\n'), 'its format is unknown'],
    ['is of a later format', withHeader({ format: 2 }), 'its format is unknown'],
    ['has no calibration', withHeader({ calibration: { bias: 1 } }), 'its header is incomplete'],
    ['has none by telephone', withHeader({ narrowbandCalibration: { bias: 1 } }), 'its header is incomplete'],
    ['is of other frames', withHeader({ size: 12 }), 'it is made for frames of 12 numbers, not 19'],
    ['is cut short', good.subarray(0, -1), 'bytes of numbers, not'],
    ['goes on', Buffer.concat([good, Buffer.alloc(4)]), 'bytes of numbers, not'],
    ['has a weight of 0', overwritten(0, 0), 'some of its numbers cannot be'],
    ['has a mean that is no number', overwritten(100, NaN), 'some of its numbers cannot be'],
  ])('%s', (name, bytes, why) => {
    const file = path.join(folder, `${name}.bin`)
    writeFileSync(file, bytes)
    const says = expect.stringContaining(why) as string
    const failing = (): unknown => readVoiceMixture(pathToFileURL(file))
    expect(failing).toThrow(expect.objectContaining({ code: 'ENGINE_UNAVAILABLE', message: says }) as Error)
    expect(failing).toThrow(/install diarize-stream again$/)
  })

  it('is missing', () => {
    expect(() => readVoiceMixture(pathToFileURL(path.join(folder, 'none.bin')))).toThrow(
      expect.objectContaining({
        code: 'ENGINE_UNAVAILABLE',
        message: expect.stringContaining('none.bin') as string,
      }) as Error,
    )
  })
})
