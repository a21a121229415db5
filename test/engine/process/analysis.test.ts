import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { findActivityModel } from '../../../src/engine/models/find.ts'
import type { ActivityModelFile, SpeakerModelFile } from '../../../src/engine/models/model.ts'
import { bundledPackage, findPackage } from '../../../src/engine/models/package.ts'
import type { VoiceActivityDetector } from '../../../src/engine/parts.ts'
import { AnalysisProcess, toUnitLength } from '../../../src/engine/process/analysis.ts'
import { activityConfig, loadSherpa } from '../../../src/engine/process/sherpa.ts'
import { activityLimits, SherpaWork } from '../../../src/engine/process/worker.ts'
import { haveFlite, join16, silence, speak } from '../../helpers/flite.ts'
import { childProcesses, noChildLeft } from '../../helpers/processes.ts'
import { engineProcess as marker, whyNoBox } from '../../helpers/sherpa.ts'
import { tinySpeakerModel, tokenTone } from '../../helpers/tiny-models.ts'

let folder: string
let activityModel: ActivityModelFile
let speakerModel: SpeakerModelFile
const all: AnalysisProcess[] = []

function open(speakers?: SpeakerModelFile, checked = Promise.resolve(), nodePath?: string): AnalysisProcess {
  const analysis = new AnalysisProcess(activityModel, speakers, checked, nodePath)
  all.push(analysis)
  return analysis
}

async function levelsOf(detector: VoiceActivityDetector, samples: Int16Array, block = 800): Promise<number[]> {
  const levels: number[] = []
  for (let at = 0; at < samples.length; at += block) {
    levels.push(...(await detector.accept(samples.subarray(at, at + block))))
  }
  return levels
}

const kill = (): boolean => process.kill(childProcesses(marker)[0]!.pid, 'SIGKILL')
/** Frames from `fromMs` to before `toMs` that are speech, as a share. */
const share = (levels: readonly number[], fromMs: number, toMs: number): number => {
  const frames = levels.slice(fromMs / 10, toMs / 10)
  return frames.filter((level) => level > 0).length / frames.length
}
/** Where speech begins and ends, in ms. */
const bounds = (levels: readonly number[]): number[] => [
  levels.findIndex((level) => level > 0) * 10,
  levels.findLastIndex((level) => level > 0) * 10,
]

describe.skipIf(whyNoBox !== undefined || !haveFlite)('AnalysisProcess', () => {
  let speech: Int16Array
  /** 500 ms of silence, speech, 500 ms of silence. */
  let samples: Int16Array
  let expected: number[]

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'analysis-'))
    activityModel = await findActivityModel(findPackage(bundledPackage).folder)
    const file = join(folder, 'voices.onnx')
    writeFileSync(file, tinySpeakerModel())
    speakerModel = { name: 'tiny', folder, file, expected: [] }
    speech = speak('rms', 'that is very good news')
    samples = join16([silence(500), speech, silence(500)])
    const analysis = open()
    expected = await levelsOf(analysis.activity(undefined), samples)
    await analysis.close()
  })
  afterEach(async () => {
    await Promise.all(all.splice(0).map((analysis) => analysis.close()))
    await noChildLeft(marker)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('hear where somebody speaks, frame by frame, up to the last whole window', () => {
    expect(expected).toHaveLength(Math.floor((Math.floor(samples.length / 512) * 512) / 160))
    const [start, end] = bounds(expected) as [number, number]
    expect(start).toBeGreaterThan(400)
    expect(start).toBeLessThan(800)
    expect(end).toBeGreaterThan(500 + speech.length / 16 - 400)
    expect(end).toBeLessThan(500 + speech.length / 16 + 400)
    expect(share(expected, start, end)).toBeGreaterThan(0.8)
    expect(new Set(expected)).toEqual(new Set([0, 0.3, 0.7]))
  })

  it.each([1, 100, 513, 16_000])('hear the same in blocks of %i samples', async (block) => {
    const short = samples.subarray(6000, block === 1 ? 9000 : samples.length)
    const analysis = open()
    const whole = await levelsOf(analysis.activity(undefined), short, short.length)
    expect(await levelsOf(analysis.activity(undefined), short, block)).toEqual(whole)
  })

  it('hear several streams in one process, which do not mix', async () => {
    const analysis = open()
    const [first, quiet, second] = await Promise.all([
      levelsOf(analysis.activity(undefined), samples),
      levelsOf(analysis.activity(undefined), silence(2000)),
      levelsOf(analysis.activity(undefined), samples, 5000),
    ])
    expect([first, second]).toEqual([expected, expected])
    expect(quiet.every((level) => level === 0)).toBe(true)
    expect(childProcesses(marker)).toHaveLength(1)
  })

  it('go on at the same place in a new process where theirs is killed', async () => {
    const analysis = open()
    const detector = analysis.activity(undefined)
    // No whole number of windows.
    const middle = 1100 * 16 + 100
    const before = await levelsOf(detector, samples.subarray(0, middle))
    kill()
    const after = await levelsOf(detector, samples.subarray(middle))
    const levels = [...before, ...after]
    expect(levels).toHaveLength(expected.length)
    expect(Math.abs(bounds(levels)[1]! - bounds(expected)[1]!)).toBeLessThanOrEqual(200)
    // A new detector finds its way in a few windows.
    expect(levels.filter((level, frame) => level !== expected[frame]).length).toBeLessThan(30)
  })

  it('take another threshold in the middle, and keep their place', async () => {
    const analysis = open()
    const detector = analysis.activity(undefined)
    const levels: number[] = []
    for (let at = 0; at < samples.length; at += 1100) {
      if (at % 5500 === 0) detector.setThreshold(at % 11_000 === 0 ? 0.9 : undefined)
      levels.push(...(await detector.accept(samples.subarray(at, at + 1100))))
    }
    expect(levels).toHaveLength(expected.length)
    const [start, end] = bounds(levels) as [number, number]
    expect(Math.abs(start - bounds(expected)[0]!)).toBeLessThanOrEqual(200)
    expect(Math.abs(end - bounds(expected)[1]!)).toBeLessThanOrEqual(200)
  })

  it('take another threshold while they are opened', async () => {
    const analysis = open()
    await analysis.ready()
    const detector = analysis.activity(0.98)
    const first = detector.accept(samples.subarray(0, 512))
    detector.setThreshold(undefined)
    await first
    expect((await levelsOf(detector, samples.subarray(512))).filter((level) => level === 0.3).length).toBeGreaterThan(0)
  })

  it('hear less with a higher threshold', async () => {
    const analysis = open()
    const frames = async (threshold: number | undefined): Promise<number> =>
      (await levelsOf(analysis.activity(threshold), samples)).filter((level) => level > 0).length
    const [all1, usual, strict] = [await frames(0), await frames(undefined), await frames(0.95)]
    expect(all1).toBeGreaterThan(usual)
    expect(usual).toBeGreaterThan(strict)
    expect(strict).toBeGreaterThan(0)
  })

  it('fail a call that their process dies of twice, and start anew for the next', async () => {
    const analysis = open(speakerModel)
    await analysis.ready()
    const call = analysis.call('activity', { stream: 99, samples: silence(100) }, async () => {
      kill()
      await noChildLeft(marker)
    })
    await expect(call).rejects.toMatchObject({ code: 'ENGINE_FAILED', retryable: true })
    expect(await levelsOf(analysis.activity(undefined), samples)).toEqual(expected)
  })

  it('close in every state, and leave nothing', async () => {
    await open().close()
    const waiting = open(undefined, new Promise(() => {}))
    const never = waiting.activity(undefined).accept(silence(1000))
    const ready = waiting.ready()
    const failure = { code: 'ENGINE_FAILED' }
    await Promise.all([
      expect(never).rejects.toMatchObject(failure),
      expect(ready).rejects.toMatchObject(failure),
      waiting.close(),
    ])
    const starting = open(speakerModel)
    const start = starting.ready().catch((error: unknown) => error)
    while (childProcesses(marker).length === 0) await new Promise((resolve) => setImmediate(resolve))
    await starting.close()
    expect(await start).toBeInstanceOf(Error)
    const working = open()
    const detector = working.activity(undefined)
    await working.ready()
    const heard = detector.accept(join16([samples, samples, samples])).catch((error: unknown) => error)
    await Promise.all([detector.close(), working.close()])
    await heard
    expect(childProcesses(marker)).toEqual([])
    await expect(detector.accept(silence(100))).rejects.toMatchObject(failure)
    expect(childProcesses(marker)).toEqual([])
  })

  it('forget a stream that is closed, also while it is opened', async () => {
    const analysis = open()
    const closed = analysis.activity(undefined)
    await closed.accept(silence(100))
    await closed.close()
    await expect(analysis.call('activity', { stream: 0, samples: silence(100) })).rejects.toThrow(
      'no stream of that number',
    )
    const early = analysis.activity(undefined)
    const heard = early.accept(silence(100))
    await Promise.all([early.close(), heard.catch(() => {})])
    await expect(analysis.call('activity', { stream: 1, samples: silence(100) })).rejects.toThrow(
      'no stream of that number',
    )
  })

  it('make vectors of length 1 that tell tones apart, also of very short stretches', async () => {
    const speakers = open(speakerModel)
    const tones = join16([tokenTone('▁HEL', 1000), tokenTone('E', 1000), tokenTone('▁HEL', 1000)])
    const stretches = [
      [0, 100],
      [100, 200],
      [200, 300],
      [0, 3],
      [0, 0],
    ].map(([start, end]) => ({ start: start!, end: end! }))
    const vectors = await speakers.embed(tones, stretches)
    expect(vectors.map(({ length }) => length)).toEqual([80, 80, 80, 80, 80])
    const cosine = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, at) => sum + value * b[at]!, 0)
    for (const vector of vectors.slice(0, 4)) expect(cosine(vector, vector)).toBeCloseTo(1)
    expect(cosine(vectors[0]!, vectors[2]!)).toBeGreaterThan(0.95)
    expect(cosine(vectors[0]!, vectors[3]!)).toBeGreaterThan(cosine(vectors[1]!, vectors[3]!))
    expect(cosine(vectors[0]!, vectors[1]!)).toBeLessThan(0.7)
    expect(await speakers.embed(tones, [])).toEqual([])
  })

  it.each([
    ['a broken file', Buffer.from('no model at all')],
    ['a file without the numbers that belong to it', tinySpeakerModel({ framework: 'another' })],
  ])('say what to do about %s, which ends the process', async (_what, data) => {
    const file = join(folder, 'broken.onnx')
    writeFileSync(file, data)
    const analysis = open({ ...speakerModel, file })
    await expect(analysis.ready()).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringMatching(/cannot be loaded: .*(ended).*models list/s) as string,
    })
    await noChildLeft(marker)
  })

  it.each<[string, (whole: Buffer) => Buffer]>([
    ['an empty file', () => Buffer.alloc(0)],
    ['no model at all', () => Buffer.from('no model at all')],
    ['half of it', (whole) => whole.subarray(0, whole.length / 2)],
    ['a model of another kind', () => tinySpeakerModel()],
  ])('fail at opening where the file of voice activity is %s, and blame that one', async (_what, damage) => {
    const own = join(folder, 'own')
    mkdirSync(own, { recursive: true })
    const file = join(own, 'silero_vad.onnx')
    writeFileSync(file, damage(readFileSync(activityModel.file)))
    for (const speakers of [undefined, speakerModel]) {
      const analysis = new AnalysisProcess(
        { name: 'silero', folder: own, file, expected: [] },
        speakers,
        Promise.resolve(),
        undefined,
      )
      all.push(analysis)
      const failure = { code: 'MODEL_UNUSABLE', retryable: false, folder: own }
      const [ready, heard] = await Promise.allSettled([analysis.ready(), analysis.activity(undefined).accept(samples)])
      expect(ready).toMatchObject({ status: 'rejected', reason: failure })
      expect(heard).toMatchObject({ status: 'rejected', reason: failure })
    }
    await noChildLeft(marker)
  })

  it('say that no Node.js runs their process, where that is so', async () => {
    const analysis = open(undefined, Promise.resolve(), join(folder, 'no-node'))
    await expect(analysis.ready()).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' })
  })

  describe('past the limits of a detector', () => {
    const before = { ...activityLimits }
    afterEach(() => Object.assign(activityLimits, before))
    let work: SherpaWork
    beforeEach(() => {
      work = new SherpaWork(loadSherpa(), 'not-needed')
      work.do({ id: 0, name: 'openActivity', input: { stream: 1, file: activityModel.file, thresholds: [0.3, 0.7] } })
    })

    function levels(audio: Int16Array): number[] {
      const whole = audio.subarray(0, audio.length - (audio.length % 512))
      return [...(work.do({ id: 0, name: 'activity', input: { stream: 1, samples: whole } }) as Uint8Array)]
    }

    it('hears the same as one that keeps all of a speech', () => {
      const audio = join16([samples, samples])
      const keeping = new (loadSherpa().Vad)(activityConfig(activityModel.file, 0.3), 60)
      const expected: boolean[] = []
      for (let at = 0; at + 512 <= audio.length; at += 512) {
        keeping.acceptWaveform(Float32Array.from(audio.subarray(at, at + 512), (sample) => sample / 32_768))
        expected.push(keeping.isDetected())
      }
      expect(expected).toContain(true)
      expect(levels(audio).map((level) => level > 0)).toEqual(expected)
    })

    it.each<[string, Partial<typeof activityLimits>]>([
      ['all it hears', { all: 16_000 }],
      ['what it hears up to a silence', { quiet: 8000 }],
    ])('of %s it goes on, and says much the same', (_what, limits) => {
      const audio = join16([samples, samples, samples, samples])
      const usual = levels(audio)
      work.do({ id: 0, name: 'openActivity', input: { stream: 1, file: activityModel.file, thresholds: [0.3, 0.7] } })
      Object.assign(activityLimits, limits)
      const limited = levels(audio)
      expect(limited).toHaveLength(usual.length)
      const differ = limited.filter((level, window) => level > 0 !== usual[window]! > 0).length
      expect(differ / usual.length).toBeLessThan(0.06)
    })
  })
})

describe('toUnitLength', () => {
  it('makes zeros of what has no direction', () => {
    expect([...toUnitLength(Float32Array.of(3, 4))]).toEqual([expect.closeTo(0.6), expect.closeTo(0.8)])
    for (const vector of [Float32Array.of(0, 0), Float32Array.of(Number.NaN, 1), Float32Array.of(Infinity, 1)]) {
      expect([...toUnitLength(vector)]).toEqual([0, 0])
    }
  })
})
