import path from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { writeWavHeader } from '../../src/audio/wav.ts'
import { diarize, type DiarizeOptions, enrolVoice, run, type Turn, voiceBook, type Warning } from '../../src/index.ts'
import { serve } from '../../src/server/index.ts'
import { Collector } from '../trials/collector.ts'
import { haveFlite, join16, speak } from '../helpers/flite.ts'
import { noChildLeft } from '../helpers/processes.ts'
import { engineProcess, whyNoBox } from '../helpers/sherpa.ts'
import { type Span, type Talk, talkEngine, WORD_MS } from '../helpers/talk-engine.ts'
import { Random } from '../trials/random.ts'
import { temporaryDirectories } from '../sinks/temporary.ts'

const directory = temporaryDirectories()

const lines = [
  ['slt', 'she sells sea shells by the sea shore on every single day of the summer'],
  ['awb', 'the quick brown fox jumps over the lazy dog and runs away into the forest'],
  ['slt', 'and then she counts the money that she has made with all of these shells'],
  ['slt', 'nobody knows where all of it goes when the long summer comes to its end'],
  ['awb', 'but the dog wakes up and follows the fox for the better part of the night'],
  ['slt', 'we will meet again tomorrow in the morning at the station by the river'],
] as const

/** The lines as one talk; what is soft is noise, so that no two stretches are the same. */
function talk(): Talk {
  const random = new Random(1)
  const hiss = (ms: number): Int16Array => new Int16Array(ms * 16).map(() => random.integer(-3, 3))
  const parts = [hiss(500)]
  const spans: Span[] = []
  let at = 500
  for (const [speaker, text] of lines) {
    const speech = speak(speaker, text)
    spans.push({ speaker, start: at, end: at + speech.length / 16 })
    parts.push(speech, hiss(1000))
    at += speech.length / 16 + 1000
  }
  return { samples: join16([...parts, hiss(1000)]), spans }
}

interface Heard {
  turns: Turn[]
  warnings: Warning[]
  speakers: Record<string, string>[]
  /** Letters of each speaker's words, each once. */
  letters: Record<string, string[]>
}

/** Hears the talk in two sessions; the first is cut off in the fourth line, when the second speaker has long been silent. */
async function hear({ cuts, ...options }: DiarizeOptions & { cuts?: number[] } = {}): Promise<Heard> {
  const { samples, spans } = talk()
  const server = await serve({
    engine: talkEngine({ samples, spans }, cuts ?? [spans[3]!.end - 500], 4),
    authentication: false,
  })
  const collector = new Collector()
  const warnings: Warning[] = []
  const speakers: Record<string, string>[] = []
  try {
    const stage = diarize({ url: server.url, pace: 20, reconnect: { delay: 1 }, replay: { context: 2000 }, ...options })
    stage.on('warning', (warning) => warnings.push(warning))
    stage.on('session', (session) => speakers.push(session.speakers))
    await run(Readable.from([Buffer.from(samples.buffer)]), stage, collector)
  } finally {
    await server.close()
  }
  const turns = collector.turns()
  const letters: Record<string, Set<string>> = {}
  for (const { text, speaker = '-' } of turns.flatMap(({ words }) => words)) {
    const at = Number(text.slice(1)) + WORD_MS / 2
    const who = spans.find(({ start, end }) => start <= at && at <= end + WORD_MS)!.speaker
    letters[who] = (letters[who] ?? new Set()).add(speaker)
  }
  const each = Object.entries(letters).map(([who, all]) => [who, [...all].toSorted()] as const)
  return { turns, warnings, speakers, letters: Object.fromEntries(each) }
}

describe.skipIf(whyNoBox !== undefined || !haveFlite)('diarize({ voices })', () => {
  it('knows somebody again who was silent in what both sessions heard, and leaves no process behind', async () => {
    const { turns, warnings, speakers, letters } = await hear()
    expect(warnings).toEqual([])
    expect(Object.values(letters).map((all) => all.length)).toEqual([1, 1])
    expect(new Set(Object.values(letters).flat()).size).toBe(2)
    // Told again when it is clear who is who.
    expect(Object.values(speakers.at(-1)!).toSorted()).toEqual(Object.values(letters).flat().toSorted())
    expect(turns.every(({ words }) => words.every(({ speaker }) => speaker !== undefined))).toBe(true)
    await noChildLeft(engineProcess)
  })

  it('knows everybody again in parts that are heard at the same time', async () => {
    const parts = { parallel: 2, cuts: [] }
    const { warnings, letters } = await hear(parts)
    expect(warnings).toEqual([])
    expect(Object.values(letters).map((all) => all.length)).toEqual([1, 1])
    expect(new Set(Object.values(letters).flat()).size).toBe(2)
    const byWords = await hear({ ...parts, voices: false })
    expect(new Set(Object.values(byWords.letters).flat()).size).toBeGreaterThan(2)
    await noChildLeft(engineProcess)
  })

  it('names whoever is in a book in all parts', async () => {
    const book = voiceBook(path.join(directory(), 'voices.json'))
    const clip = speak('slt', 'the garden had been full of flowers ever since the rain came back to the old town')
    const header = writeWavHeader({ sampleRate: 16_000, channels: 1, encoding: 's16le' }, clip.byteLength)
    await enrolVoice(book, 'Sally', Readable.from([header, Buffer.from(clip.buffer)]))
    const { warnings, turns, letters } = await hear({ parallel: 2, cuts: [], voices: book })
    expect(warnings).toEqual([])
    const words = turns.flatMap((turn) => turn.words)
    const named = words.map(({ speaker = '-', speakerName = '-' }) => `${speaker} ${speakerName}`)
    const [sally, other] = [letters['slt']!.join(), letters['awb']!.join()]
    expect(new Set(named)).toEqual(new Set([`${sally} Sally`, `${other} -`]))
    await noChildLeft(engineProcess)
  })

  it('gives him a new letter where voices are off', async () => {
    const { letters } = await hear({ voices: false })
    expect(letters['awb']).toHaveLength(2)
    expect(letters['slt']).toHaveLength(1)
  })
})
