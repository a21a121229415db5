import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { findFfmpeg } from '../../src/ffmpeg/find.ts'
import { type NutRun, NutReader } from '../../src/ffmpeg/nut.ts'

const make = (...args: string[]): Buffer =>
  execFileSync(findFfmpeg(undefined), ['-v', 'error', '-f', 'lavfi', ...args, '-f', 'nut', '-'], { maxBuffer: 2 ** 28 })

/** All frames of a stream that comes in pieces of `size`. */
function read(bytes: Buffer, size = bytes.length): { frames: NutRun[]; reader: NutReader } {
  const reader = new NutReader()
  const frames: NutRun[] = []
  for (let from = 0; from < bytes.length; from += size) {
    const runs = reader.push(bytes.subarray(from, from + size))
    frames.push(...runs.map(({ track, at, samples }) => ({ track, at, samples: Buffer.from(samples) })))
  }
  return { frames, reader }
}

describe('NutReader', () => {
  it.each([
    [16_000, 1],
    [44_100, 2],
    [48_000, 6],
    [8000, 1],
  ])('reads samples and their times at %i Hz with %i channels', (rate, channels) => {
    const layout = { 1: 'mono', 2: 'stereo', 6: '5.1' }[channels]!
    const wave = `aevalsrc=${Array.from({ length: channels }, (_, at) => `sin(${at + 1}*300*t)`).join('|')}:c=${layout}:s=${rate}:d=30`
    const hole = "aselect='lt(t,2)+gt(t,5)'"
    const pcm = ['-c:a', 'pcm_s16le', '-output_ts_offset', '1000']
    const { frames, reader } = read(make('-i', wave, '-af', hole, ...pcm))
    expect(reader.format).toEqual({ sampleRate: rate, channels, encoding: 's16le' })
    expect(frames[0]!.at).toBe(1000 * rate)
    const plain = execFileSync(
      findFfmpeg(undefined),
      ['-v', 'error', '-f', 'lavfi', '-i', wave, '-af', hole, '-f', 's16le', '-'],
      { maxBuffer: 2 ** 28 },
    )
    expect(Buffer.concat(frames.map(({ samples }) => samples)).equals(plain)).toBe(true)
    const leaps = frames.flatMap(({ at, samples }, index) => {
      const end = at + samples.length / (2 * channels)
      const next = frames[index + 1]?.at ?? end
      return next === end ? [] : [(next - end) / rate]
    })
    expect(leaps).toHaveLength(1)
    expect(Math.abs(leaps[0]! - 3)).toBeLessThan(0.15)
  })

  it('reads the same whatever the pieces it comes in', () => {
    const bytes = make('-i', 'sine=r=16000:d=5', '-c:a', 'pcm_s16le')
    const all = ({ frames }: { frames: NutRun[] }): Buffer => Buffer.concat(frames.map(({ samples }) => samples))
    const whole = all(read(bytes))
    for (const size of [1, 7, 4096]) {
      const pieces = read(bytes, size)
      expect(all(pieces).equals(whole)).toBe(true)
      let end = pieces.frames[0]!.at
      for (const { at, samples } of pieces.frames) {
        expect(at).toBe(end)
        end += samples.length / 2
      }
    }
  })

  it('reads two tracks of other rates, each with its times', () => {
    const rates = ['-filter:a:0', 'aresample=16000', '-filter:a:1', 'aselect=gt(t\\,2),aresample=4000', '-t', '5']
    const bytes = make('-i', 'sine=r=48000', '-map', '0', '-map', '0', ...rates, '-c:a', 'pcm_s16le')
    for (const size of [bytes.length, 1000]) {
      const { frames, reader } = read(bytes, size)
      const samples = (track: number): number =>
        frames.filter((run) => run.track === track).reduce((sum, run) => sum + run.samples.length / 2, 0)
      expect([reader.formatOf(0)?.sampleRate, reader.formatOf(1)?.sampleRate]).toEqual([16_000, 4000])
      expect([samples(0), samples(1)].map((count, track) => count / [16_000, 4000][track]!)).toEqual([
        5,
        expect.closeTo(3, 1),
      ])
      expect(frames.find(({ track }) => track === 0)!.at).toBe(0)
      expect(frames.find(({ track }) => track === 1)!.at / 4000).toBeCloseTo(2, 1)
    }
  })

  it('says that other bytes are none', () => {
    expect(() => read(Buffer.alloc(100))).toThrow('no NUT')
    const three = ['-i', 'sine', '-map', '0', '-map', '0', '-map', '0', '-t', '1']
    expect(() => read(make(...three))).toThrow('3 tracks')
  })
})
