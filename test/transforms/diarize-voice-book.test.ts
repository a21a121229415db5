import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { Turn } from '../../src/model.ts'
import { scriptedEngine, type ScriptedTurn } from '../../src/testing/scripted-engine.ts'
import { fileSource, jsonlSink, resample, run } from '../../src/index.ts'
import { diarize } from '../../src/transforms/diarize.ts'
import type { DiarizeOptions } from '../../src/transforms/diarize-options.ts'
import { enrolVoice } from '../../src/transforms/voices/enrol.ts'
import { type VoiceBook, voiceBook } from '../../src/voices/book.ts'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { haveFlite, speak, speakDialogue } from '../helpers/flite.ts'
import { noChildLeft } from '../helpers/processes.ts'
import { engineProcess, whyNoBox } from '../helpers/sherpa.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'
import { madeUpModel, madeUpProfile } from '../voices/made-up-profiles.ts'

const directory = temporaryDirectories()
const newBook = (options = {}) => voiceBook(path.join(directory(), 'voices.json'), options)

const lines = [
  'the morning train to the coast was late again and nobody knew the reason for it',
  'we will meet at the station tomorrow and walk along the river to the old town',
  'she told him that the garden had been full of flowers ever since the rain came back',
] as const

/** What is said by `voices` in turn, and an engine that says so, with a label for each voice. */
function conversation(labels: Readonly<Record<string, string>>, voices: readonly string[]) {
  const { samples, spans } = speakDialogue(voices.map((voice, index) => [voice, lines[index % lines.length]!]))
  const turns = spans.map(({ text, start, end, speaker }): ScriptedTurn => ({
    words: text,
    start,
    end,
    speaker: labels[speaker]!,
  }))
  return { audio: Buffer.from(samples.buffer), engine: scriptedEngine(turns) }
}

/** The turns as they were last revised. */
async function heard(audio: Buffer, options: DiarizeOptions): Promise<Turn[]> {
  const turns = new Map<number, Turn>()
  const pieces = Array.from({ length: Math.ceil(audio.length / 3200) }, (_, i) =>
    audio.subarray(i * 3200, (i + 1) * 3200),
  )
  await pipeline(Readable.from(pieces), diarize(options), async (stream: AsyncIterable<Turn>) => {
    for await (const turn of stream) {
      const before = turns.get(turn.order)
      expect(turn.revision).toBeGreaterThan(before?.revision ?? -1)
      if (turn.endOfTurn) turns.set(turn.order, turn)
    }
  })
  return [...turns.values()]
}

const shown = (turns: readonly Turn[]): string[] =>
  turns.map(({ speaker, speakerName }) => `${speaker} ${speakerName ?? '-'}`)

describe('diarize({ voices: book })', () => {
  it('refuses what gives no names', () => {
    expect(() => diarize({ voices: {} as VoiceBook })).toThrow(/voices, when given, must be a book/)
    expect(() => diarize({ voices: newBook(), parameters: {}, speakerLabels: false })).toThrow(/speakerLabels/)
  })

  it('says before any work that a book is none', async () => {
    const book = voiceBook(import.meta.filename)
    await expect(heard(Buffer.alloc(3200), { voices: book, engine: scriptedEngine([]) })).rejects.toMatchObject({
      code: 'VOICES_UNREADABLE',
    })
  })
})

describe.skipIf(whyNoBox !== undefined || !haveFlite)('diarize({ voices: book })', { timeout: 60_000 }, () => {
  afterEach(() => noChildLeft(engineProcess))

  async function bookOfAlice(options = {}): Promise<VoiceBook> {
    const book = newBook(options)
    const samples = Buffer.from(speak('slt', `${lines[0]}. ${lines[2]}.`).buffer)
    const header = writeWavHeader({ sampleRate: 16_000, channels: 1, encoding: 's16le' }, samples.length)
    await enrolVoice(book, 'Alice', Readable.from([header, samples]))
    await book.save()
    return book
  }

  it('gives Alice her name in two streams that share a book, whatever her label, and strangers none', async () => {
    const book = await bookOfAlice()
    const [one, other] = await Promise.all(
      [
        conversation({ slt: 'A', rms: 'B' }, ['slt', 'rms', 'slt']),
        conversation({ slt: 'B', awb: 'A' }, ['awb', 'slt', 'awb']),
      ].map(({ audio, engine }) => heard(audio, { voices: voiceBook(book.path), engine })),
    )
    expect(shown(one!)).toEqual(['A Alice', 'B -', 'A Alice'])
    expect(shown(other!)).toEqual(['A -', 'B Alice', 'A -'])
    const [first] = one!
    expect(first?.speakerConfidence).toBeGreaterThanOrEqual(0.9)
    expect(first?.words.every(({ speakerName }) => speakerName === 'Alice')).toBe(true)
    expect(await voiceBook(book.path).list()).toHaveLength(1)
  })

  it('knows in the next stream whom it learned in one before, and by the name that was given then', async () => {
    const book = await bookOfAlice({ learn: true })
    const voices = ['slt', 'rms', 'rms', 'rms', 'slt']
    const first = conversation({ slt: 'A', rms: 'B' }, voices)
    expect(shown(await heard(first.audio, { voices: book, engine: first.engine }))).toContain('A Alice')
    expect((await book.list()).map(({ name }) => name)).toEqual(['Alice', 'Voice 1'])
    await book.rename('Voice 1', 'Bob')
    await book.save()
    const next = conversation({ rms: 'A' }, ['rms', 'rms'])
    expect(shown(await heard(next.audio, { voices: voiceBook(book.path), engine: next.engine }))).toEqual([
      'A Bob',
      'A Bob',
    ])
  })

  it('learns from a file once', async () => {
    const book = await bookOfAlice({ learn: true })
    const { audio, engine } = conversation({ slt: 'A', rms: 'B' }, ['slt', 'rms', 'rms', 'rms', 'slt'])
    const file = path.join(directory(), 'talk.wav')
    const format = { sampleRate: 16_000, channels: 1, encoding: 's16le' } as const
    writeFileSync(file, Buffer.concat([writeWavHeader(format, audio.length), audio]))
    const speech = async () => {
      const voices = voiceBook(book.path, { learn: true })
      await run(
        fileSource(file),
        resample(),
        diarize({ voices, engine }),
        jsonlSink(path.join(directory(), 'talk.jsonl')),
      )
      return (await voiceBook(book.path).list()).map(({ name, profile }) => [name, profile.wideband?.frames])
    }
    const once = await speech()
    expect(once.map(([name]) => name)).toEqual(['Alice', 'Voice 1'])
    expect(await speech()).toEqual(once)
  })

  it('fails with an error of its own where the book is of another model', async () => {
    const book = newBook()
    await book.add('Alice', madeUpProfile(0, 10, 'wideband', 256), madeUpModel)
    await book.save()
    const { audio, engine } = conversation({ slt: 'A' }, ['slt', 'slt'])
    await expect(heard(audio, { voices: book, engine })).rejects.toMatchObject({ code: 'VOICES_MODEL_MISMATCH' })
  })

  it('names people on channels of their own', async () => {
    const book = await bookOfAlice()
    const { audio, engine } = conversation({ slt: 'A', rms: 'B' }, ['slt', 'rms', 'slt'])
    const stereo = Buffer.alloc(audio.length * 2)
    for (let at = 0; at < audio.length; at += 2) {
      audio.copy(stereo, 2 * at, at, at + 2)
      audio.copy(stereo, 2 * at + 2, at, at + 2)
    }
    const turns = await heard(stereo, { voices: book, engine, channels: ['Left', 'Right'] })
    expect(new Set(shown(turns))).toEqual(new Set(['Left/A Alice', 'Left/B -', 'Right/A Alice', 'Right/B -']))
  })
})
