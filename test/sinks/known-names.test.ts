import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import type { Turn } from '../../src/model.ts'
import { assSink, rttmSink, srtSink, stmSink, textSink, vttSink } from '../../src/sinks/caption-sinks.ts'
import { jsonlSink } from '../../src/sinks/jsonl.ts'
import { layout } from '../../src/transforms/layout.ts'
import { segment } from '../../src/transforms/segment.ts'
import { makeTurn } from '../captions/example-turn.ts'
import { temporaryDirectories } from './temporary.ts'

const directory = temporaryDirectories()

/** A turn whose words of the given speakers have names of a voice book. */
function named(turn: Turn, names: Readonly<Record<string, string>>): Turn {
  const nameOf = (speaker: string | undefined) => {
    const name = speaker === undefined ? undefined : names[speaker]
    return name === undefined ? {} : { speakerName: name, speakerConfidence: 0.98 }
  }
  const words = turn.words.map((word) => ({ ...word, ...nameOf(word.speaker) }))
  return { ...turn, words, ...nameOf(turn.speaker) }
}

const turns = [
  makeTurn(0, 'A:Hello. B:Good B:morning.', { start: 0, speaker: 'A' }),
  makeTurn(1, 'A:How A:are A:you?', { start: 4000, speaker: 'A' }),
].map((turn) => named(turn, { A: 'Alice' }))

const sinks = [
  ['srt', (file: string, speakers = {}) => srtSink(file, { speakers })],
  ['vtt', (file: string, speakers = {}) => vttSink(file, { speakers })],
  ['ass', (file: string, speakers = {}) => assSink(file, { speakers })],
  ['txt', (file: string, speakers = {}) => textSink(file, { speakers })],
  ['rttm', (file: string, speakers = {}) => rttmSink(file, { speakers })],
  ['stm', (file: string, speakers = {}) => stmSink(file, { speakers })],
  ['jsonl', (file: string, speakers = {}) => jsonlSink(file, { speakers })],
] as const

describe.each(sinks)('a name that a voice book has, in a file of %s', (ending, sink) => {
  it('is shown in place of the letter, where there is one', async () => {
    const file = path.join(directory(), `talk.${ending}`)
    await pipeline(Readable.from(turns), sink(file))
    const text = readFileSync(file, 'utf8')
    expect(text).toContain('Alice')
    expect(text).not.toMatch(/Speaker.A/)
    expect(/Speaker.B/.test(text)).toBe(ending !== 'jsonl')
  })

  it('is shown for segments and cues as well', async () => {
    for (const stage of [segment(), layout()]) {
      const file = path.join(directory(), `talk.${ending}`)
      await pipeline(Readable.from(turns), stage, sink(file))
      expect(readFileSync(file, 'utf8')).toContain('Alice')
    }
  })

  it('gives way to the one that was given', async () => {
    const file = path.join(directory(), `talk.${ending}`)
    await pipeline(Readable.from(turns), sink(file, { A: 'Ada' }))
    const shown = readFileSync(file, 'utf8').replaceAll(/"speakerName":"Alice"/g, '')
    expect(shown).toContain('Ada')
    expect(shown).not.toContain('Alice')
  })

  it('that is found later is put right where the letter was written', async () => {
    const file = path.join(directory(), `talk.${ending}`)
    const before = named(turns[0]!, {})
    const plain = { ...before, words: before.words.map(({ speakerName: _name, ...word }) => word) }
    const { speakerName: _name, ...without } = plain
    await pipeline(Readable.from([without, turns[1]!, { ...turns[0]!, revision: 1 }]), sink(file))
    const text = readFileSync(file, 'utf8')
    expect(text).toContain('Alice')
    expect(text).not.toMatch(/Speaker.A/)
  })
})

it('a record of JSON says the name and how sure it is, and for each word', async () => {
  const file = path.join(directory(), 'talk.jsonl')
  await pipeline(Readable.from(turns), jsonlSink(file))
  const [first] = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown> & { words: Record<string, unknown>[] })
  expect(first?.words.map((word) => [word['speaker'], word['speakerName'], word['speakerConfidence']])).toEqual([
    ['A', 'Alice', 0.98],
    ['B', undefined, undefined],
    ['B', undefined, undefined],
  ])
})
