import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import type { SpeakerModel } from '../../../src/engine/parts.ts'
import { SherpaWork } from '../../../src/engine/sherpa/work.ts'
import { loadSherpa } from '../../../src/engine/sherpa/package.ts'
import { trackSpeakers } from '../../../src/engine/speakers/tracker.ts'
import { wavSamples } from '../../helpers/flite.ts'
import { parseRttm, speakerAccuracy, type ScoredWord, type SpeakerSpan } from '../../helpers/scoring.ts'

const speech = process.env['DIARIZE_SPEECH'] ?? fileURLToPath(new URL('../../../../shared/speech', import.meta.url))
const voices = fileURLToPath(new URL('../../../node_modules/diarize-stream-model-en-tiny/voices.onnx', import.meta.url))
const missing = [`${speech}/synthetic/flite3a.wav`, voices].filter((file) => !existsSync(file))
if (missing.length > 0)
  console.warn(`skipping the test of speakers with real speech: there is no ${missing.join(', ')}`)

/** The speaker model that comes with the package, in this process. */
function openModel(): SpeakerModel {
  const work = new SherpaWork(loadSherpa())
  work.do({ id: 0, name: 'loadSpeakers', input: { file: voices } })
  return {
    embed: (samples, stretches) =>
      Promise.resolve(work.do({ id: 0, name: 'embed', input: { samples, stretches } }) as Float32Array[]),
    close: () => Promise.resolve(),
  }
}

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
  afterAll(() => model?.close())

  it.each(['synthetic/flite3a', 'azure/katiesteve', 'synthetic/libri2_0'])(
    'tells the voices of %s apart',
    async (name) => {
      const samples = wavSamples(readFileSync(`${speech}/${name}.wav`))
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
