import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { writeWavHeader } from '../../../src/audio/wav.ts'
import { enrolVoice, run, transcribe, type VoiceBook, voiceBook, type Warning } from '../../../src/index.ts'
import type { Turn, Word } from '../../../src/model.ts'
import { prerecordedServer, scriptedEngine } from '../../../src/testing/index.ts'
import { clearest } from '../../../src/transforms/transcribe/names.ts'
import { haveFlite, speak, speakDialogue } from '../../helpers/flite.ts'
import { childStarted, noChildLeft } from '../../helpers/processes.ts'
import { engineProcess, whyNoBox } from '../../helpers/sherpa.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'
import { madeUpModel, madeUpProfile } from '../../voices/made-up-profiles.ts'
import { collector, quick, temporaryFolder } from './support.ts'

const directory = temporaryDirectories()
const temporary = temporaryFolder()
const newBook = (options = {}) => voiceBook(path.join(directory(), 'voices.json'), options)

/** Words of 250 ms, one every 300 ms, as turns of one speaker each: `[speaker, start, words]`. */
function turnsOf(...runs: (readonly [speaker: string, start: number, count: number])[]): Turn[] {
  return runs.map(([speaker, from, count], order) => {
    const words = Array.from({ length: count }, (_, index): Word => {
      const start = from + 300 * index
      return { text: 'word', start, end: start + 250, speaker, final: true }
    })
    const { end } = words.at(-1)!
    const text = { transcript: 'words', words, speaker, start: from, end }
    return { sessionId: 's', order, revision: 0, endOfTurn: true, formatted: true, ...text }
  })
}

describe('clearest', () => {
  it('is the longest speech of each speaker, 15 s in all, also across his turns', () => {
    const turns = turnsOf(['A', 0, 10], ['A', 3000, 10], ['B', 6200, 20], ['A', 12_500, 60], ['B', 31_000, 5])
    expect(clearest(turns)).toEqual([
      { label: 'A', from: 12_700, to: 27_700 },
      { label: 'B', from: 6400, to: 11_950 },
      { label: 'B', from: 31_200, to: 32_450 },
    ])
  })

  it('is not where others speak', () => {
    expect(clearest(turnsOf(['A', 0, 10], ['B', 150, 10]))).toEqual([])
  })
})

describe.skipIf(whyNoBox !== undefined || !haveFlite)('transcribe({ voices: book })', { timeout: 60_000 }, () => {
  afterEach(() => noChildLeft(engineProcess))

  const lines = [
    ['slt', 'the morning train to the coast was late again and nobody knew the reason for it'],
    ['rms', 'we will meet at the station tomorrow and walk along the river to the old town'],
    ['slt', 'she told him that the garden had been full of flowers ever since the rain came back'],
    ['rms', 'and then they will take the last train home before it gets dark and cold outside'],
  ] as const
  const { samples, spans } = speakDialogue(lines.map(([voice, text]) => [voice, text]))
  const labels: Readonly<Record<string, string>> = { slt: 'A', rms: 'B' }
  const engine = scriptedEngine(
    spans.map(({ text, start, end, speaker }) => ({ words: text, start, end, speaker: labels[speaker]! })),
  )

  async function named(book: VoiceBook, signal?: AbortSignal, onRequest = (): void => {}) {
    await using server = await prerecordedServer({
      engine,
      polls: 0,
      faults: () => {
        onRequest()
        return { fault: 'none' }
      },
    })
    const { sink, turns } = collector()
    const stage = transcribe({
      ...quick,
      url: server.url,
      temporaryFolder: temporary.folder,
      voices: book,
      ...(signal && { signal }),
    })
    const warnings: Warning[] = []
    stage.on('warning', (warning) => warnings.push(warning))
    const outcome = await run(Readable.from([Buffer.from(samples.buffer)]), stage, sink).catch((error: Error) => error)
    const who = turns.map(({ speaker, speakerName = '-' }) => `${speaker} ${speakerName}`)
    const failure = outcome instanceof Error ? outcome : undefined
    const names = outcome instanceof Error ? undefined : outcome.speakerNames
    return { failure, turns, who, names, warnings, server }
  }

  async function bookOfAlice(options = {}): Promise<VoiceBook> {
    const book = newBook(options)
    const clip = speak('slt', 'nobody in the old town had ever seen so many flowers along the river in the rain')
    const header = writeWavHeader({ sampleRate: 16_000, channels: 1, encoding: 's16le' }, clip.byteLength)
    await enrolVoice(book, 'Alice', Readable.from([header, Buffer.from(clip.buffer)]))
    return book
  }

  it('gives whoever is in the book the name, with how sure it is, and learns others where it may', async () => {
    const book = await bookOfAlice({ learn: true })
    const { failure, turns, who, names, warnings } = await named(book)
    expect([failure, warnings, names]).toEqual([undefined, [], { A: 'Alice' }])
    expect(who).toEqual(['A Alice', 'B -', 'A Alice', 'B -'])
    expect(turns[0]!.speakerConfidence).toBeGreaterThanOrEqual(0.9)
    expect(turns[0]!.words.every(({ speakerName }) => speakerName === 'Alice')).toBe(true)
    expect(turns.every(({ revision }) => revision === 0)).toBe(true)
    expect((await voiceBook(book.path).list()).map(({ name }) => name)).toEqual(['Alice', 'Voice 1'])
  })

  it('refuses a book of another model before anything is asked, and tells of an empty one', async () => {
    const book = newBook()
    expect((await named(book)).warnings).toMatchObject([{ code: 'VOICES_EMPTY' }])
    await book.add('Alice', madeUpProfile(0, 10, 'wideband', 256), madeUpModel)
    const { failure, server } = await named(book)
    expect(failure).toMatchObject({ code: 'VOICES_MODEL_MISMATCH' })
    expect(server.requests).toEqual([])
  })

  it('gives all turns without names, and says so, where voices cannot be told apart', async () => {
    const book = newBook({ speakerModel: path.join(directory(), 'none.onnx'), learn: true })
    const { failure, who, warnings } = await named(book)
    expect(failure).toBeUndefined()
    expect(who).toEqual(['A -', 'B -', 'A -', 'B -'])
    expect(warnings).toMatchObject([{ code: 'VOICES_UNAVAILABLE', error: { code: 'MODEL_MISSING' } }])
  })

  it('gives all turns without names, and says so, where the book has become unreadable meanwhile', async () => {
    const book = await bookOfAlice()
    await book.save()
    // It is looked at before the work begins, and then comes the server's.
    const { failure, who, warnings } = await named(book, undefined, () => writeFileSync(book.path, '{'))
    expect(failure).toBeUndefined()
    expect(who).toEqual(['A -', 'B -', 'A -', 'B -'])
    expect(warnings).toMatchObject([{ code: 'VOICES_UNREADABLE' }])
  })

  it('leaves nothing behind where it is aborted while voices are told apart', async () => {
    const book = await bookOfAlice()
    await noChildLeft(engineProcess)
    const stop = new AbortController()
    const ended = named(book, stop.signal)
    await childStarted(engineProcess)
    stop.abort()
    const { failure, turns, server } = await ended
    expect(failure?.name).toBe('AbortError')
    expect(turns).toEqual([])
    expect(server.transcripts).toMatchObject([{ deleted: true }])
    expect(temporary.files()).toEqual([])
  })
})
