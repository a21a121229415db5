import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Readable, type Writable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Composer } from '../../../src/captions/composer/composer.ts'
import { cueFormat } from '../../../src/captions/composer/composers.ts'
import { layoutSettings } from '../../../src/captions/layout/options.ts'
import { formatSrtCue } from '../../../src/captions/formats/srt.ts'
import type { Turn } from '../../../src/model.ts'
import { assSink, ctmSink, rttmSink, srtSink, stmSink, textSink, vttSink } from '../../../src/sinks/caption-sinks.ts'
import { openTarget } from '../../../src/sinks/destination.ts'
import { TextSink } from '../../../src/sinks/text-sink.ts'
import { makeTurn } from '../example-turn.ts'
import { parseSubtitles } from '../parsers.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'
import { runs } from '../../helpers/runs.ts'

const directory = temporaryDirectories()

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

interface Step {
  text: string[]
  gap: number
  channel: string | undefined
  /** Which of the last turns is revised, if any. */
  back: number | undefined
  /** Whether the file is corrected now. */
  isLate: boolean
}

const word = fc.constantFrom('A:yes', 'B:no', 'well', 'A:Right.', 'C:longer-words-too', 'B:so,')

/** Turns that may touch or overlap, revisions of some of them, and minutes that pass. */
function stepsOf(channels: readonly (string | undefined)[], gaps: readonly number[]): fc.Arbitrary<Step[]> {
  const step = fc.record({
    text: fc.array(word, { maxLength: 14 }),
    gap: fc.constantFrom(...gaps),
    channel: fc.constantFrom(...channels),
    back: fc.option(fc.nat(7), { nil: undefined }),
    isLate: fc.boolean(),
  })
  return fc.array(step, { minLength: 1, maxLength: 30 })
}

const sinks: [string, (file: string) => Writable][] = [
  ['srtSink', (file) => srtSink(file)],
  ['srtSink with dashes', (file) => srtSink(file, { layout: { dashes: true } })],
  ['vttSink', (file) => vttSink(file)],
  ['assSink', (file) => assSink(file)],
  ['stmSink', (file) => stmSink(file)],
  ['ctmSink', (file) => ctmSink(file)],
  ['rttmSink', (file) => rttmSink(file, { mergeBelow: 3000 })],
  ['textSink', (file) => textSink(file)],
]

/** ASS keeps the colour of a speaker, whoever was seen first. */
const read = (file: string) => readFileSync(file, 'utf8').replaceAll(/Speaker\d+,|\\rSpeaker\d+/g, '')

describe.each(sinks)('%s', (_name, sink) => {
  const overlapping = stepsOf([undefined, undefined, 'Left', 'Right'], [0, 200, 900, 4000])
  const apart = stepsOf([undefined], [8000])

  it.each([
    ['that touch and overlap', overlapping, 1000],
    ['of sessions that are forgotten', apart, 4],
  ])('makes the file that the newest of turns %s would have made', async (_kind, steps, ofSession) => {
    // Minutes pass without anybody losing patience.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    const file = path.join(directory(), 'out')
    const expected = path.join(directory(), 'expected')
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const newest: Turn[] = []
        const stream = sink(file)
        let clock = 0
        const write = async (turn: Turn) => {
          newest[turn.order] = turn
          await new Promise((resolve) => stream.write(turn, resolve))
        }
        for (const { text, gap, channel, back, isLate } of list) {
          clock += gap
          const order = newest.length
          const sessionId = `session-${Math.floor(order / ofSession)}`
          await write(makeTurn(order, text.join(' '), { start: clock, sessionId, ...(channel && { channel }) }))
          if (isLate) now += 61_000
          const old = back === undefined ? undefined : newest[order - back]
          if (old === undefined || (back ?? 0) > ofSession) continue
          const { start, revision } = old
          const again = { sessionId: old.sessionId, start, revision: revision + 1, ...(channel && { channel }) }
          await write(makeTurn(old.order, text.toReversed().join(' '), again))
        }
        stream.end()
        await finished(stream)
        await pipeline(Readable.from(newest), sink(expected))
        expect(read(file)).toBe(read(expected))
      }),
      { numRuns: runs(60) },
    )
  })
})

describe('a revision', () => {
  /** A file of `count` turns, and how often text of a turn has been made. */
  async function written(count: number) {
    const file = path.join(directory(), 'out.srt')
    const layout = layoutSettings({ labels: 'none' })
    const format = cueFormat(layout, { cue: formatSrtCue, isNumbered: true })
    const counted = { turns: 0, onTurn: () => {} }
    const writer: typeof format.writer = (state, blocks) => {
      const made = format.writer(state, blocks)
      const add = made.add.bind(made)
      made.add = (utterance) => {
        counted.turns += 1
        counted.onTurn()
        return add(utterance)
      }
      return made
    }
    const sink = new TextSink(
      'sink',
      openTarget(file, true),
      {},
      { composer: async () => new Composer({ ...format, writer }) },
    )
    const put = (turn: Turn) => new Promise((resolve) => sink.write(turn, resolve))
    const newest = Array.from({ length: count }, (_, order) => makeTurn(order, `A:word${order}`))
    for (const turn of newest) await put(turn)
    const revise = (order: number, words: string) =>
      put((newest[order] = makeTurn(order, words, { revision: (newest[order]?.revision ?? 0) + 1 })))
    const end = async () => {
      counted.turns = 0
      sink.end()
      await finished(sink)
      const cues = readFileSync(file, 'utf8')
      expect(cues.match(/^\d+$/gm)).toEqual(parseSubtitles(cues).map((_, i) => String(i + 1)))
      expect(parseSubtitles(cues).flatMap((cue) => cue.text.split(/\s/))).toEqual(
        newest.flatMap((turn) => turn.words.map(({ text: spoken }) => spoken)),
      )
    }
    return { counted, revise, end }
  }

  it('makes no more text again than has changed, though all later cues get other numbers', async () => {
    const { counted, revise, end } = await written(3000)
    await revise(20, 'A:One. B:Two. A:Three.')
    await revise(2000, '')
    await end()
    expect(counted.turns).toBeLessThan(20)
  })

  it('of a great many turns makes text again in short portions, between which others work', async () => {
    const { counted, revise, end } = await written(2500)
    for (let order = 0; order < 2000; order++) await revise(order, `B:word${order}`)
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    let portion = 0
    let longest = 0
    counted.onTurn = () => {
      now += 1
      portion += 1
      longest = Math.max(longest, portion)
    }
    let isDone = false
    const others = (): void => {
      portion = 0
      if (!isDone) setImmediate(others)
    }
    others()
    await end()
    isDone = true
    expect(counted.turns).toBeGreaterThanOrEqual(2000)
    expect(longest).toBeLessThan(10)
  })

  it('of what was invisible so far writes one header', async () => {
    const file = path.join(directory(), 'out.vtt')
    await pipeline(
      Readable.from([makeTurn(0, 'A:\u200B'), makeTurn(0, 'A:one', { revision: 1 }), makeTurn(1, 'A:two')]),
      vttSink(file),
    )
    expect(readFileSync(file, 'utf8').match(/WEBVTT/g)).toHaveLength(1)
    expect(readFileSync(file, 'utf8')).toMatch(/one[^]*two/)
  })
})
