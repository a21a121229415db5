import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { ReportSink } from '../../../src/cli/view/report-sink.ts'
import type { Turn } from '../../../src/model.ts'
import { srtSink } from '../../../src/sinks/caption-sinks.ts'
import { randomInteger, seededRandom } from '../../helpers/random.ts'
import { makeTurn } from '../../captions/example-turn.ts'
import { parseSubtitles } from '../../captions/parsers.ts'
import { spokenTurn } from '../../checkpoint/turns.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'

const directory = temporaryDirectories()

/** Turns of many sessions, of which some come again with other words, or none. */
function revisedTurns(seed: number): Turn[] {
  const random = seededRandom(seed)
  const turns: Turn[] = []
  let start = 0
  for (let order = 0; order < 60; order += 1) {
    const said = (count: number): string[] => Array.from({ length: count }, (_, at) => `word${order}.${at}`)
    const turn = (revision: number): Turn => {
      const speaker = 'ABC'[randomInteger(random, 0, 2)]!
      const spoken = spokenTurn(order, start, said(randomInteger(random, 0, 14)), speaker)
      return { ...spoken, sessionId: `s${Math.floor(order / 8)}`, revision }
    }
    turns.push(turn(0))
    if (random() < 0.4) turns.splice(Math.max(0, turns.length - randomInteger(random, 0, 2)), 0, turn(1))
    start += randomInteger(random, 500, 6000)
  }
  return turns
}

async function reportOf(turns: readonly Turn[], formats?: readonly string[]) {
  const sink = new ReportSink({}, formats)
  await pipeline(Readable.from(turns), sink)
  return sink.report
}

describe('the report', () => {
  it('measures what is in the file, with all revisions in it', async () => {
    for (let seed = 1; seed <= 8; seed += 1) {
      const turns = revisedTurns(seed)
      const file = path.join(directory(), 'talk.srt')
      await pipeline(Readable.from(turns), srtSink(file))
      const cues = parseSubtitles(readFileSync(file, 'utf8'))
      const lengths = cues.map(({ start, end }) => end - start)
      const words = cues.reduce((sum, { text }) => sum + (text.match(/word/g)?.length ?? 0), 0)
      expect(await reportOf(turns)).toMatchObject({
        cues: cues.length,
        wordsOut: words,
        shortest: Math.min(...lengths),
        longest: Math.max(...lengths),
      })
    }
  })

  it('lays out as the first output that is laid out', async () => {
    const turns = [
      makeTurn(0, 'A:one A:two A:three A:four', { channel: 'L' }),
      makeTurn(1, 'B:five B:six', { start: 200, channel: 'R' }),
    ]
    const overlaps = async (...formats: string[]) => (await reportOf(turns, formats)).overlaps
    const all = [overlaps(), overlaps('srt'), overlaps('txt', 'srt', 'vtt'), overlaps('jsonl', 'VTT'), overlaps('ass')]
    expect(await Promise.all(all)).toEqual([0, 0, 0, 1, 1])
  })
})
