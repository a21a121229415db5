import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { Transform } from 'node:stream'
import { expect, it } from 'vitest'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import {
  diarize,
  type DiarizeOptions,
  fanOut,
  fileSource,
  jsonlSink,
  resample,
  run,
  type RunOptions,
  srtSink,
} from '../../src/index.ts'
import { toneEngine, toneNumber } from '../../src/testing/index.ts'
import { toneScript } from '../helpers/tone-script.ts'
import { toneChannels } from '../helpers/tone-channels.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { linesOf } from './talk.ts'

const directory = temporaryDirectories()
const DURATION = 90_000
/** The second channel is silent in the middle, and one more speaks only at the end. */
const scripts = [
  toneScript({ seed: 41, duration: DURATION, speakers: 2, turnWords: [1, 8] }),
  toneScript({ seed: 42, duration: DURATION, speakers: 1, turnWords: [1, 5], turnGap: [2000, 5000] }).filter(
    ({ start }) => start < 15_000 || start > 60_000,
  ),
  toneScript({ seed: 43, duration: DURATION, speakers: 1, turnWords: [1, 5] }).filter(({ start }) => start > 65_000),
]
const names = ['Agent', 'Customer', 'Customer/2']

/** The words that a file has on each channel, with times and speakers. */
function heardIn(file: string) {
  const turns = linesOf(file).filter(({ type }) => type === 'turn') as (ReturnType<typeof linesOf>[number] & {
    channel: string
  })[]
  return names.map((name) =>
    turns
      .filter(({ channel }) => channel === name)
      .flatMap(({ words }) => words.map(({ text, start, end, speaker }) => [toneNumber(text), start, end, speaker])),
  )
}

it.each([
  ['each with its speakers', {}],
  ['with sessions only where there is sound, and nobody told apart', { skipSilent: true, speakerLabels: false }],
] satisfies [string, DiarizeOptions][])(
  'goes on with channels, %s',
  async (_how, more) => {
    const folder = directory()
    const talk = path.join(folder, 'talk.wav')
    const pcm = Buffer.concat([...toneChannels(scripts, DURATION)])
    const format = { sampleRate: 16_000, channels: names.length, encoding: 's16le' } as const
    writeFileSync(talk, Buffer.concat([writeWavHeader(format, pcm.length), pcm]))
    const hear = (name: string, options: RunOptions = {}, until = Infinity) => {
      let bytes = 0
      const gate = new Transform({
        transform: (chunk: Buffer, _encoding, done) => {
          bytes += chunk.length
          if (bytes / 96 < until) done(null, chunk)
        },
      })
      const hearing = diarize({ engine: toneEngine(), pace: 'unpaced', voices: false, channels: names, ...more })
      const sinks = fanOut(
        srtSink(path.join(folder, `${name}.srt`), { layout: { maxDelayMs: 10_000 } }),
        jsonlSink(path.join(folder, `${name}.jsonl`)),
      )
      // What comes is counted from where the source begins.
      return run([fileSource(talk), resample({ channels: 'keep' }), gate, hearing, sinks], options)
    }
    const once = await hear('whole')
    const checkpoint = path.join(folder, 'checkpoint')
    for (const ms of [30_000, 50_000]) {
      const controller = new AbortController()
      const before = (await readCheckpoint(checkpoint))?.nextOrder ?? 0
      const broken = hear('parts', { checkpoint, signal: controller.signal }, ms)
      broken.catch(() => {})
      while (((await readCheckpoint(checkpoint))?.nextOrder ?? 0) < before + 3)
        await new Promise((resolve) => setTimeout(resolve, 5))
      controller.abort()
      await expect(broken).rejects.toMatchObject({ name: 'AbortError' })
    }
    const summary = await hear('parts', { checkpoint })
    const [parts, whole] = ['parts', 'whole'].map((name) => heardIn(path.join(folder, `${name}.jsonl`)))
    expect(parts).toEqual(whole)
    expect(whole!.map((words) => words.length)).toEqual(scripts.map((words) => words.length))
    const orders = linesOf(path.join(folder, 'parts.jsonl')).flatMap(({ type, order }) =>
      type === 'turn' ? [order] : [],
    )
    // Partials may have had those that are missing.
    expect(orders).toEqual([...new Set(orders)].toSorted((a, b) => a - b))
    expect({ turns: summary.turns, speakers: summary.speakers.toSorted(), gaps: summary.gaps }).toEqual({
      turns: once.turns,
      speakers: once.speakers.toSorted(),
      gaps: [],
    })
  },
  120_000,
)
