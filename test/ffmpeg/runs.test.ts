import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { argumentsOf, type DecodingWay, firstWay, pipeInput } from '../../src/ffmpeg/arguments.ts'
import { findFfmpeg } from '../../src/ffmpeg/find.ts'
import type { NutRun } from '../../src/ffmpeg/nut.ts'
import { FrameCheck, MixCheck, PieceCheck, type RunCheck, runCheck, RunReader } from '../../src/ffmpeg/runs.ts'

const rate = 16_000
const run = (at: number, count: number): NutRun => ({ track: 0, at, samples: Buffer.alloc(2 * count, at & 0xff) })
/** Where runs are put that come in pushes of `size`, and whether they are broken. */
function placed(check: RunCheck, runs: readonly NutRun[], size: number): [at: number, count: number][] {
  const out: NutRun[] = []
  for (let at = 0; at < runs.length && !check.isBroken; at += size) {
    const some = runs.slice(at, at + size).map((one) => ({ ...one, samples: Buffer.from(one.samples) }))
    out.push(...check.push(some))
    // The memory is used again.
    for (const { samples } of some) if (out.every((one) => one.samples !== samples)) samples.fill(0x55)
  }
  if (!check.isBroken) out.push(...check.end())
  return out.map(({ at, samples }) => [at, samples.length / 2])
}

describe('runs in large pieces', () => {
  it.each([1, 2, 100])('are right up to the piece behind which something is missing, %d at a time', (size) => {
    const even = [run(0, 5000), run(5000, 5000), run(10_000, 5000), run(15_001, 300)]
    const check = new PieceCheck(rate, 2)
    expect(placed(check, even, size)).toEqual(even.map(({ at, samples }) => [at, samples.length / 2]))
    expect(check.isBroken).toBe(false)
    const broken = new PieceCheck(rate, 2)
    expect(placed(broken, [run(0, 5000), run(5000, 5000), run(12_000, 5000), run(17_000, 5000)], size)).toEqual([
      [0, 5000],
    ])
    expect(broken.isBroken).toBe(true)
  })

  it('are kept until the next ones come', () => {
    const check = new PieceCheck(rate, 2)
    const one = run(7, 10)
    expect(check.push([one])).toEqual([])
    one.samples.fill(0)
    expect(check.push([])).toEqual([])
    expect(check.end()).toEqual([run(7, 10)])
  })
})

describe('runs of frames', () => {
  it.each([1, 2, 100])('leap where frames are missing, %d at a time', (size) => {
    const runs = [run(0, 5000), run(5000, 4000), run(50_000, 4000), run(54_000, 4000), run(90_000, 10)]
    expect(placed(new FrameCheck(rate, 2), runs, size)).toEqual(runs.map(({ at, samples }) => [at, samples.length / 2]))
  })

  it.each([1, 2, 100])('are put where they belong by those whose times are known, %d at a time', (size) => {
    // A damaged packet, two whose times stand still behind it, and one that has caught up.
    const runs = [run(0, 9000), run(45_000, 1000), run(45_001, 1000), run(45_002, 1000), run(46_000, 9000)]
    expect(placed(new FrameCheck(rate, 2), runs, size)).toEqual([
      [0, 9000],
      [9000, 1000],
      [44_000, 1000],
      [45_000, 1000],
      [46_000, 9000],
    ])
  })

  it('are not held for ever where times stand still', () => {
    const check = new FrameCheck(rate, 2)
    check.push([run(0, 100)])
    let given = 0
    for (let index = 0; index < 100; index++) given += check.push([run(50_000 + index, 100)]).length
    expect(given).toBeGreaterThan(60)
  })

  it.each([1, 7, 1000])('follow one another where many stand still behind one, %d at a time', (size) => {
    const behind = Array.from({ length: 200 }, (_, index) => run(90_000 + index, 400))
    const runs = [run(0, 9000), ...behind, run(90_600, 400)]
    const those = behind.map((_, index) => [9000 + 400 * index, 400])
    expect(placed(new FrameCheck(rate, 2), runs, size)).toEqual([[0, 9000], ...those, [90_600, 400]])
  })

  it.each([1, 2, 100])('follow one another where what stands still behind one is the end, %d at a time', (size) => {
    const runs = [run(0, 9000), run(90_000, 400), run(90_001, 400), run(90_002, 400)]
    const those = [9000, 9400, 9800].map((at) => [at, 400])
    expect(placed(new FrameCheck(rate, 2), runs, size)).toEqual([[0, 9000], ...those])
  })

  it.each([1, 2, 100])('are put where they belong where it is the first of all, %d at a time', (size) => {
    const runs = [run(20_000, 400), run(20_001, 400), run(20_002, 400), run(20_300, 400)]
    expect(placed(new FrameCheck(rate, 2), runs, size)).toEqual([19_100, 19_500, 19_900, 20_300].map((at) => [at, 400]))
  })
})

it('is only checked what FFmpeg may have wrong', () => {
  expect(runCheck('mov,mp4,m4a,3gp,3g2,mj2', true, rate, 2)).toBeInstanceOf(PieceCheck)
  expect(runCheck('mov,mp4,m4a,3gp,3g2,mj2', false, rate, 2)).toBeInstanceOf(FrameCheck)
  expect(runCheck('wav', true, rate, 2)).toBeUndefined()
  expect(runCheck('mp3', false, rate, 2)).toBeUndefined()
  expect(runCheck('flac', true, rate, 2)).toBeInstanceOf(FrameCheck)
  expect(runCheck('mpegts', false, rate, 2)).toBeInstanceOf(FrameCheck)
})

describe('runs that FFmpeg has mixed', () => {
  const noise = (track: number, at: number, count: number, level: number): NutRun => {
    const samples = Int16Array.from({ length: count }, (_, index) => (index % 2 === 0 ? level : -level))
    return { track, at, samples: Buffer.from(samples.buffer) }
  }

  it('are held until their difference shows that nothing is lost', () => {
    const check = new MixCheck({ mean: rate, difference: rate / 4 })
    const [first, second] = [noise(0, 0, 1600, 5000), noise(0, 1600, 1600, 5000)]
    expect(check.push([first, second])).toEqual([])
    const [one, two] = [noise(0, 0, 1600, 5000), noise(0, 1600, 1600, 5000)]
    // The memory is used again.
    for (const { samples } of [first, second]) samples.fill(0x55)
    expect(check.push([noise(1, 0, 800, 100)])).toEqual([one])
    expect(check.isBroken).toBe(false)
    expect(check.end()).toEqual([two])
  })

  it('are kept for good where they cancel each other out', () => {
    const check = new MixCheck({ mean: rate, difference: rate / 4 })
    expect(check.push([noise(0, 0, 3200, 10), noise(1, 0, 800, 5000)])).toEqual([])
    expect(check.isBroken).toBe(true)
    expect(check.end()).toEqual([])
  })
})

describe('RunReader', () => {
  const wave = (sound: string): Buffer =>
    spawnSync(findFfmpeg(), ['-v', 'error', '-f', 'lavfi', '-i', `aevalsrc='${sound}':s=44100:d=6`, '-f', 'wav', '-'], {
      maxBuffer: 2 ** 28,
    }).stdout
  const target = { sampleRate: 16_000, channels: 1, encoding: 's16le' } as const
  const large = { keepsChannels: true, isStereo: true, firstFilters: ['asetnsamples=n=16384:p=0'] }

  /** The samples that are right of what FFmpeg makes of `sound`, and what is to change. */
  function read(sound: Buffer, change: Partial<DecodingWay>): { samples: number; remedy: unknown } {
    const way = { ...firstWay, ...change }
    const input = { ...pipeInput(false), ...large }
    const { args, ...ways } = argumentsOf(way, { input, target, from: 0, mayBeginAnew: true })
    const { stdout } = spawnSync(findFfmpeg(), args, { input: sound, maxBuffer: 2 ** 28 })
    const reader = new RunReader('matroska,webm', way, ways)
    let bytes = 0
    for (let at = 0; at < stdout.length && reader.remedy === undefined; at += 5000) {
      for (const { samples } of reader.push(stdout.subarray(at, at + 5000))) bytes += samples.length
    }
    if (reader.remedy === undefined) for (const { samples } of reader.end()) bytes += samples.length
    return { samples: bytes / (2 * reader.format.channels), remedy: reader.remedy }
  }

  it('gives all samples where nothing is wrong with them', () => {
    expect(read(wave('sin(900*t)|sin(900*t)'), {})).toEqual({ samples: 96_000, remedy: undefined })
  })

  it('gives those before channels cancel each other out, and says that FFmpeg may not mix them', () => {
    const sound = wave('sin(900*t)|if(lt(t,4),1,-1)*sin(900*t)')
    const { samples, remedy } = read(sound, {})
    expect(remedy).toEqual({ mixesTwo: false })
    expect(samples).toBeLessThanOrEqual(64_000)
    expect(read(sound, { mixesTwo: false })).toEqual({ samples: 96_000, remedy: undefined })
  })
})
