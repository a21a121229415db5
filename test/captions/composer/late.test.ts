import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Readable, Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Turn } from '../../../src/model.ts'
import {
  assSink,
  csvSink,
  lrcSink,
  rttmSink,
  srtSink,
  textSink,
  ttmlSink,
  vttSink,
  whisperJsonSink,
} from '../../../src/sinks/caption-sinks.ts'
import { jsonlSink } from '../../../src/sinks/jsonl.ts'
import { jsonlSource } from '../../../src/sources/jsonl.ts'
import type { Warning } from '../../../src/errors.ts'
import { makeTurn } from '../example-turn.ts'
import { parseSubtitles } from '../parsers.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'
import { runs } from '../../helpers/runs.ts'

const directory = temporaryDirectories()

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** What was said on one channel before others, and is known after them. */
const call = [
  makeTurn(0, 'Right.', { channel: 'Customer', start: 3000 }),
  makeTurn(1, 'I see.', { channel: 'Customer', start: 20_000 }),
  makeTurn(2, 'Hm.', { channel: 'Customer', start: 25_000 }),
  makeTurn(3, 'So I called you last week about the bill.', { channel: 'Agent', start: 300 }),
  makeTurn(4, 'Nobody answered.', { channel: 'Agent', start: 9000 }),
]

interface Step {
  channel: string
  gap: number
  text: string[]
  /** After how many later ones it comes. */
  delay: number
  /** Whether the file is corrected when it has come. */
  isCorrected: boolean
  /** Which of the last turns is then revised, if any. */
  back: number | undefined
}

const word = fc.constantFrom('yes', 'no', 'A:well', 'Right.', 'B:longer-words-too', 'so,')

const stepsOf = (channels: readonly string[]): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      channel: fc.constantFrom(...channels),
      gap: fc.constantFrom(0, 200, 900, 4000),
      text: fc.array(word, { minLength: 1, maxLength: 14 }),
      delay: fc.constantFrom(0, 0, 0, 1, 2, 7),
      isCorrected: fc.boolean(),
      back: fc.option(fc.nat(7), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 30 },
  )

const byStart = (turns: readonly Turn[]): Turn[] => turns.toSorted((one, other) => one.start - other.start)

/** The turns of steps, and what else happens, as they come: those of each channel in order. */
function arrivals(steps: readonly Step[]): { turn: Turn; step: Step }[] {
  let clock = 0
  const ends = new Map<string, number>()
  const said = steps.map((step) => {
    clock = Math.max(clock + step.gap, ends.get(step.channel) ?? 0)
    const turn = makeTurn(0, step.text.join(' '), { start: clock, channel: step.channel, sessionId: step.channel })
    ends.set(step.channel, turn.end)
    return { turn, step }
  })
  const places = new Map<string, number>()
  const placed = said.map((one, index) => {
    const place = Math.max(index + one.step.delay + 0.5, places.get(one.step.channel) ?? 0)
    places.set(one.step.channel, place)
    return { ...one, place }
  })
  const sorted = placed.toSorted((one, other) => one.place - other.place)
  return sorted.map(({ turn, step }, order) => ({ turn: { ...turn, order }, step }))
}

const sinks: [string, (file: string) => Writable][] = [
  ['srtSink', (file) => srtSink(file)],
  ['srtSink with dashes', (file) => srtSink(file, { layout: { dashes: true } })],
  ['vttSink', (file) => vttSink(file)],
  ['assSink', (file) => assSink(file)],
  ['ttmlSink', (file) => ttmlSink(file)],
  ['lrcSink', (file) => lrcSink(file)],
  ['textSink', (file) => textSink(file)],
  ['csvSink', (file) => csvSink(file)],
  ['whisperJsonSink', (file) => whisperJsonSink(file)],
  ['rttmSink', (file) => rttmSink(file, { mergeBelow: 3000 })],
]

/** A speaker keeps the colour that they were given when they were first seen. */
const read = (file: string) =>
  readFileSync(file, 'utf8').replaceAll(/Speaker\d+,|\\rSpeaker\d+|style="speaker\d+"/g, '')

describe.each(sinks)('%s', (_name, sink) => {
  it.each([
    ['one channel', ['Left']],
    ['two channels', ['Left', 'Right']],
    ['three channels', ['Left', 'Right', 'Third']],
  ])(
    'makes of turns of %s, in whatever order they come, the file of the same in order of time',
    async (_, channels) => {
      // Minutes pass without anybody losing patience.
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      let now = 0
      vi.spyOn(performance, 'now').mockImplementation(() => now)
      const file = path.join(directory(), 'out')
      const expected = path.join(directory(), 'expected')
      await fc.assert(
        fc.asyncProperty(stepsOf(channels), async (steps) => {
          const newest: Turn[] = []
          const stream = sink(file)
          const write = async (turn: Turn) => {
            newest[turn.order] = turn
            await new Promise((resolve) => stream.write(turn, resolve))
          }
          for (const { turn, step } of arrivals(steps)) {
            await write(turn)
            if (step.isCorrected) now += 61_000
            const old = step.back === undefined ? undefined : newest[turn.order - step.back]
            if (old === undefined) continue
            const words = old.words.map((one) => ({ ...one, text: one.text.toUpperCase() }))
            await write({ ...old, words, revision: old.revision + 1 })
          }
          stream.end()
          await finished(stream)
          await pipeline(Readable.from(byStart(newest)), sink(expected))
          expect(read(file)).toBe(read(expected))
        }),
        { numRuns: runs(60) },
      )
    },
  )
})

describe('turns that come late', () => {
  it('are in their place where one of their channel before them said nothing', async () => {
    const file = path.join(directory(), 'call.txt')
    const [first, second, third, ...late] = call
    const empty = { ...makeTurn(9, '', { channel: 'Agent', start: 0 }), words: [] }
    const turns = [first, second, third, empty, ...late].map((turn, order) => ({ ...turn!, order }))
    await pipeline(Readable.from(turns), textSink(file, { names: false }))
    expect(
      readFileSync(file, 'utf8')
        .split(/\n+/)
        .filter(Boolean)
        .map((line) => line.replace(/^.*\] /, '')),
    ).toEqual(['So I called you last week about the bill.', 'Right.', 'Nobody answered.', 'I see.', 'Hm.'])
  })

  it('are in their place where the server made the final of a later turn of the same session first', async () => {
    const file = (name: string) => path.join(directory(), name)
    const [late, expected] = [file('late.srt'), file('expected.srt')]
    const turns = [
      makeTurn(0, 'B:Third.', { start: 20_000 }),
      makeTurn(1, 'A:First.', { start: 3000 }),
      makeTurn(2, 'B:Second.', { start: 4500 }),
      makeTurn(3, 'A:Fourth.', { start: 30_000 }),
    ]
    await pipeline(Readable.from(turns), srtSink(late))
    await pipeline(Readable.from(byStart(turns)), srtSink(expected))
    expect(read(late)).toBe(read(expected))
  })

  it('stay where they came where they overlap the one before, or are of another session', async () => {
    const file = path.join(directory(), 'late.txt')
    const turns = [
      makeTurn(0, 'said with a padded end', { start: 5000 }),
      makeTurn(1, 'Behind it.', { start: 4900 }),
      makeTurn(2, 'Again from the beginning.', { start: 0, sessionId: 'another' }),
    ]
    await pipeline(Readable.from(turns), textSink(file, { names: false }))
    const said = readFileSync(file, 'utf8')
      .replaceAll(/\[[^\]]*\] /g, '')
      .replaceAll(/\s+/g, ' ')
      .trim()
    expect(said).toBe('said with a padded end Behind it. Again from the beginning.')
  })

  it('are laid out again in their place from the records of a file', async () => {
    const file = (name: string) => path.join(directory(), name)
    const [records, captions, expected] = [file('call.jsonl'), file('call.vtt'), file('expected.vtt')]
    await pipeline(Readable.from(call), jsonlSink(records))
    await pipeline(jsonlSource(records), vttSink(captions))
    await pipeline(Readable.from(byStart(call)), vttSink(expected))
    expect(read(captions)).toBe(read(expected))
  })

  it.each([
    ['srtSink', srtSink],
    ['vttSink', vttSink],
  ])('stay as long as they need to be read where nothing can be corrected, and are counted: %s', async (_, sink) => {
    let text = ''
    const target = new Writable({
      write(chunk: Buffer, _encoding, done) {
        text += chunk.toString()
        done()
      },
    })
    const stream = sink(target)
    const warnings: Warning[] = []
    stream.on('warning', (warning) => warnings.push(warning))
    await pipeline(Readable.from(call), stream)
    expect(warnings).toMatchObject([{ code: 'REVISION_NOT_APPLIED', count: 2 }])
    const cues = parseSubtitles(text.replace(/^WEBVTT\n+/, '').replaceAll(/<[^>]*>|^Customer: |^Agent: /gm, ''))
    const late = cues.find((cue) => cue.text.startsWith('So I called'))
    expect((late?.end ?? 0) - (late?.start ?? 0)).toBeGreaterThanOrEqual(2000)
    // What others say in time stays where it is.
    expect(cues.find((cue) => cue.text === 'Hm.')?.start).toBe(25_000)
  })
})
