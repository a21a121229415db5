import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SpeakerModel, SpeakerTracker } from '../../../src/engine/parts.ts'
import { loadSherpa, type SherpaCalls } from '../../../src/engine/process/sherpa.ts'
import { SherpaWork } from '../../../src/engine/process/worker.ts'
import { likeliestPath, type Step, trackSpeakers } from '../../../src/engine/voices/tracker.ts'
import { silence, wavSamples } from '../../helpers/flite.ts'
import { parseRttm, type ScoredWord, speakerAccuracy, type SpeakerSpan } from '../../helpers/scoring.ts'
import { noise, randoms } from '../signals.ts'
import { LoudnessModel, said, utterance } from './made-up-voices.ts'
import { runs } from '../../helpers/runs.ts'

const tracking = (maxSpeakers?: number): SpeakerTracker => trackSpeakers({ maxSpeakers }, new LoudnessModel())

/** Labels of the words of an utterance, as one string; `-` is a word without one. */
async function labels(tracker: SpeakerTracker, id: number, ...parts: readonly Int16Array[]): Promise<string> {
  const { id: its, words } = await tracker.attribute(utterance(id, ...parts))
  expect(its).toBe(id)
  return words.map((label) => label ?? '-').join('')
}

describe('trackSpeakers', () => {
  it('letters speakers in the order they appear and knows them again', async () => {
    const tracker = tracking()
    expect(await labels(tracker, 0, said(5, 3000))).toBe('A'.repeat(10))
    expect(await labels(tracker, 1, said(2, 3000))).toBe('B'.repeat(10))
    expect(await labels(tracker, 2, said(5, 2400))).toBe('A'.repeat(8))
    expect(await labels(tracker, 3, said(8, 2400))).toBe('C'.repeat(8))
    expect(await labels(tracker, 4, said(2, 1800))).toBe('B'.repeat(6))
  })

  it.each([60, 100, 300])('changes the label at the right word after a pause of %i ms', async (pause) => {
    const tracker = tracking()
    const parts = [said(1, 1800), silence(pause), said(2, 2400), silence(pause), said(1, 900)]
    expect(await labels(tracker, 0, ...parts)).toBe('AAAAAABBBBBBBBAAA')
  })

  it('finds somebody who never says more than 0.8 s at a time beside one who says more', async () => {
    const quick = [1, 2, 1, 2, 1, 2].flatMap((voice) => [said(voice, voice === 1 ? 1800 : 800), silence(500)])
    expect(await labels(tracking(), 0, ...quick)).toBe('AAAAAABBAAAAAABBAAAAAABB')
  })

  it.each([
    { pause: 100, whose: 'A' },
    { pause: 500, whose: 'B' },
  ])('takes an unclear answer after $pause ms for one of $whose', async ({ pause, whose }) => {
    const tracker = tracking()
    await labels(tracker, 0, said(1, 3000))
    await labels(tracker, 1, said(2, 3000))
    const second = said(2, 800)
    const unclear = said(1, 800).map((sample, at) => (at % 40 < 26 ? second[at]! : sample))
    const parts = [said(1, 1800), silence(pause), unclear, silence(pause), said(1, 1800)]
    expect(await labels(tracker, 2, ...parts)).toBe(`AAAAAA${whose.repeat(2)}AAAAAA`)
  })

  it('labels an answer of one word at once where it is clear whose it is', async () => {
    const tracker = tracking()
    await labels(tracker, 0, said(1, 3000))
    await labels(tracker, 1, said(2, 3000))
    expect(await labels(tracker, 2, said(1, 400))).toBe('A')
    expect(await labels(tracker, 3, said(2, 2100), silence(200), said(1, 500))).toBe('BBBBBBBA')
  })

  it('leaves the first word of a session without a label until a revision', async () => {
    const tracker = tracking()
    expect(await labels(tracker, 0, said(1, 400))).toBe('-')
    expect(await labels(tracker, 1, said(1, 2400))).toBe('A'.repeat(8))
    await labels(tracker, 2, said(2, 2400))
    expect(await tracker.revise()).toEqual([{ id: 0, words: ['A'] }])
    expect(await tracker.revise()).toEqual([])
  })

  it('gives the only word of a session a speaker at last', async () => {
    const tracker = tracking()
    expect(await labels(tracker, 0, said(1, 400))).toBe('-')
    expect(await tracker.revise()).toEqual([{ id: 0, words: ['A'] }])
  })

  it('gives a voice unlike all others no letter of its own below 1.5 s of speech', async () => {
    const tracker = tracking()
    await labels(tracker, 0, said(1, 3000))
    expect(await labels(tracker, 1, said(2, 1200))).not.toContain('B')
    expect(await labels(tracker, 2, said(2, 1800))).toBe('BBBBBB')
    expect(await tracker.revise()).toEqual([{ id: 1, words: ['B', 'B', 'B', 'B'] }])
  })

  it('finds nobody in silence', async () => {
    expect((await tracking().attribute({ ...utterance(0, said(1, 900)), speech: [] })).words).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('never uses more letters than it may, from A on', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 3, max: 30 })), { maxLength: 15 }),
        async (most, speech) => {
          const tracker = tracking(most)
          const used = new Set<string | undefined>()
          for (const [id, [voice, length]] of speech.entries()) {
            const { words } = await tracker.attribute(utterance(id, said(voice, length * 100)))
            for (const label of words) used.add(label)
          }
          for (const { words } of await tracker.revise()) for (const label of words) used.add(label)
          used.delete(undefined)
          for (const label of used) expect('ABCD'.slice(0, most)).toContain(label)
        },
      ),
      { numRuns: runs(40) },
    )
  })

  it('has an entry for each word, is the same each time, and changes nothing but by a revision', async () => {
    const parts = fc.array(
      fc.oneof(
        fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 30 })).map(([v, n]) => said(v, n * 100)),
        fc.integer({ min: 1, max: 40 }).map((n) => silence(n * 10)),
      ),
      { minLength: 1, maxLength: 6 },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(parts, { maxLength: 6 }), async (speech) => {
        const [one, other] = [tracking(), tracking()]
        const first: (string | undefined)[][] = []
        for (const [id, of] of speech.entries()) {
          const heard = utterance(id, ...of)
          const { words } = await one.attribute(heard)
          expect(words).toHaveLength(heard.words.length)
          expect((await other.attribute(heard)).words).toEqual(words)
          first.push(words)
        }
        const revised = await one.revise()
        expect(await other.revise()).toEqual(revised)
        for (const { id, words } of revised) {
          expect(words).toHaveLength(first[id]!.length)
          expect(words).not.toEqual(first[id])
        }
        expect(await one.revise()).toEqual([])
      }),
      { numRuns: runs(40) },
    )
  })

  it('keeps its letters over more utterances than it keeps apart', async () => {
    const tracker = tracking()
    const random = randoms(1)
    const parts = [0, 1, 2].map((voice) => utterance(voice, said(voice, 1800)))
    for (let id = 0; id < 600; id++) {
      const voice = id < 3 ? id : Math.floor(3 * random())
      const { words } = await tracker.attribute({ ...parts[voice]!, id })
      expect(words.join('')).toBe('ABC'[voice]!.repeat(6))
    }
    expect(await tracker.revise()).toEqual([])
  })

  it('asks its model for few windows more than there is speech, once for each utterance', async () => {
    const model = new LoudnessModel()
    await trackSpeakers({}, model).attribute(utterance(0, said(1, 9000), silence(200), said(2, 6000)))
    expect(model.calls).toHaveLength(1)
    for (const { start, end } of model.calls[0]!) expect(end - start).toBeLessThanOrEqual(160)
    expect(model.calls[0]!.reduce((sum, { start, end }) => sum + end - start, 0)).toBeLessThan(2 * 1500)
  })

  it('fails where the model does', async () => {
    class Broken extends LoudnessModel {
      override embed(): Promise<never> {
        return Promise.reject(new Error('the model is gone'))
      }
    }
    await expect(trackSpeakers({}, new Broken()).attribute(utterance(0, said(1, 900)))).rejects.toThrow('is gone')
  })
})

describe('likeliestPath', () => {
  it('is empty where there is nobody or nothing', () => {
    expect(likeliestPath([])).toEqual([])
    expect(likeliestPath([{ odds: [], change: 1 }])).toEqual([])
  })

  it('changes where the voice says so, and not for a little', () => {
    const change = 2
    expect(likeliestPath([2, -3, -3, 4].map((odds) => ({ odds: [odds, -odds], change })))).toEqual([0, 1, 1, 0])
    expect(likeliestPath([2, -0.5, 4].map((odds) => ({ odds: [odds, -odds], change })))).toEqual([0, 0, 0])
  })

  it('is as likely as the best of all sequences', () => {
    const steps = fc.array(
      fc.record({
        odds: fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 })),
        change: fc.integer({ min: 0, max: 5 }),
      }),
      { minLength: 1, maxLength: 7 },
    )
    const worth = (path: readonly number[], of: readonly Step[]): number =>
      of.reduce(
        (sum, { odds, change }, at) => sum + odds[path[at]!]! - (at > 0 && path[at] !== path[at - 1] ? change : 0),
        0,
      )
    fc.assert(
      fc.property(steps, (of) => {
        const all = Array.from({ length: 2 ** of.length }, (_, bits) => of.map((_step, at) => (bits >> at) & 1))
        expect(worth(likeliestPath(of), of)).toBe(Math.max(...all.map((path) => worth(path, of))))
      }),
    )
  })
})

const speech = process.env['DIARIZE_SPEECH'] ?? fileURLToPath(new URL('../../../../shared/speech', import.meta.url))
const voices = fileURLToPath(new URL('../../../node_modules/diarize-stream-model-en-tiny/voices.onnx', import.meta.url))
const missing = [`${speech}/synthetic/flite3a.wav`, voices].filter((file) => !existsSync(file))
if (missing.length > 0)
  console.warn(`skipping the test of speakers with real speech: there is no ${missing.join(', ')}`)

/** The speaker model that comes with the package, in this process. */
function openModel(): SpeakerModel {
  const work = new SherpaWork(loadSherpa(), 'not-needed')
  work.do({ id: 0, name: 'loadSpeakers', input: { file: voices } })
  return {
    embed: (samples, stretches) =>
      Promise.resolve(
        (work.do({ id: 0, name: 'embed', input: { samples, stretches } }) as SherpaCalls['embed']['output']).vectors,
      ),
  }
}

/** Sample number `at` of a drone at 50 Hz, and some of it at 100. */
const drone = (at: number, level: number): number =>
  level * (Math.sin((2 * Math.PI * 50 * at) / 16_000) + Math.sin((2 * Math.PI * 100 * at) / 16_000 + 1) / 3)

/** Utterances as pauses of 0.4 s cut them, however many speak in one. */
function utterancesOf(spans: readonly SpeakerSpan[]): SpeakerSpan[][] {
  const result: SpeakerSpan[][] = []
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1)
    if (last !== undefined && span.start - last.at(-1)!.end < 400) last.push(span)
    else result.push([span])
  }
  return result
}

describe.skipIf(missing.length > 0)('trackSpeakers with real speech', () => {
  const model = missing.length > 0 ? undefined : openModel()

  it.each([
    { name: 'synthetic/flite3a', sound: 'as it is' },
    { name: 'azure/katiesteve', sound: 'as it is' },
    { name: 'synthetic/libri2_0', sound: 'as it is' },
    { name: 'synthetic/libriEQ3_0', sound: 'with the hum of the mains', hum: 1000 },
    { name: 'synthetic/libriEQ3_0', sound: 'with hiss 10 dB below', hiss: 560 },
    { name: 'synthetic/libri2_0', sound: 'with hiss 10 dB below', hiss: 560 },
  ])(
    'tells the voices of $name apart, $sound',
    async ({ name, hum = 0, hiss = 0 }) => {
      const clean = wavSamples(readFileSync(`${speech}/${name}.wav`))
      const hissing = noise(Math.ceil(clean.length / 16), hiss)
      const samples = clean.map((value, at) => value + drone(at, hum) + hissing[at]!)
      const spans = parseRttm(readFileSync(`${speech}/${name}.rttm`, 'utf8'))
      const tracker = trackSpeakers({}, model!)
      const live: ScoredWord[][] = []
      const label = (words: readonly ScoredWord[], labels: readonly (string | undefined)[]): ScoredWord[] =>
        words.map(({ text, start, end }, index) => {
          const speaker = labels[index]
          return speaker === undefined ? { text, start, end } : { text, start, end, speaker }
        })
      for (const [id, said] of utterancesOf(spans).entries()) {
        const offset = Math.floor(said[0]!.start / 10) * 10
        const end = Math.ceil(said.at(-1)!.end / 10) * 10
        const words = said.flatMap((span) => {
          const count = Math.max(1, Math.round((span.end - span.start) / 300))
          const at = (part: number): number => span.start + (part * (span.end - span.start)) / count
          return Array.from({ length: count }, (_, part) => ({ text: 'word', start: at(part), end: at(part + 1) }))
        })
        const speaking = (ms: number): boolean => said.some((span) => span.start <= ms && ms < span.end)
        const speechAt = Array.from({ length: (end - offset) / 10 }, (_, frame) => speaking(offset + frame * 10 + 5))
        const heard = { id, offset, samples: samples.slice(offset * 16, end * 16), speech: speechAt, words }
        live.push(label(words, (await tracker.attribute(heard)).words))
      }
      const revised = [...live]
      for (const { id, words } of await tracker.revise()) revised[id] = label(live[id]!, words)
      expect(speakerAccuracy(live.flat(), spans).words).toBeGreaterThan(0.9)
      const { words, letters, unattributed } = speakerAccuracy(revised.flat(), spans)
      expect(letters).toBe(new Set(spans.map(({ speaker }) => speaker)).size)
      expect(words).toBeGreaterThan(0.97)
      expect(unattributed).toBeLessThan(0.01)
    },
    120_000,
  )
})
