import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { embeddedEngine } from '../../src/engine/embedded.ts'
import type { EngineTurn } from '../../src/engine/engine.ts'
import { openDecoders } from '../../src/engine/pocketsphinx.ts'
import { ordinarySettings, runEngine } from '../helpers/engine-run.ts'
import { join16, silence, speak, speakDialogue, wavSamples } from '../helpers/flite.ts'
import { align, parseRttm, speakerAccuracy, wordErrorRate, type ScoredWord } from '../helpers/scoring.ts'
import { whyNoSphinx } from '../helpers/sphinx.ts'

const lines = [
  'good morning i hope you had a pleasant journey',
  'yes thank you the train was only a little late',
  'would you like to start with the report',
  'i think we should look at the numbers first',
  'the sales in the north were better than last year',
  'that is very good news for the whole company',
] as const

const recordings = '../shared/speech/azure'
const haveRecordings = existsSync(`${recordings}/katiesteve.wav`)
if (!haveRecordings) console.warn(`skipping the test with recorded voices: there is no ${recordings}`)

describe('the parts of embeddedEngine', () => {
  it.each([0, 159, 16.5])(
    'refuses a detector with frames of %d samples, before it opens a recogniser',
    async (frameSamples) => {
      const engine = embeddedEngine({
        voiceActivity: () => ({ frameSamples, accept: () => 0 }),
        recogniser: () => expect.unreachable('opened a recogniser'),
      })
      const listener = { speechStarted() {}, turn() {}, revision() {}, failed() {} }
      await expect(engine.open(ordinarySettings, listener)).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        message: expect.stringContaining('frameSamples'),
      })
    },
  )
})

describe.skipIf(whyNoSphinx !== undefined)('embeddedEngine', () => {
  it.each(['slt', 'awb'])('tells rms and %s apart and gets most words right', async (other) => {
    const dialogue = speakDialogue(lines.map((line, index) => [index % 2 === 0 ? 'rms' : other, line] as const))
    const run = await runEngine(embeddedEngine(), dialogue.samples, { formatTurns: true, maxSpeakers: 4 })
    expect(
      wordErrorRate(
        dialogue.words,
        run.words.map((word) => word.text),
      ),
    ).toBeLessThan(0.25)
    // Between so few turns a voice may be heard as new one turn late; the revision puts that right.
    expect(speakerAccuracy(run.words, dialogue.spans).words).toBeGreaterThanOrEqual(0.75)
    const revised = speakerAccuracy(run.revisedWords, dialogue.spans)
    expect(revised.letters).toBe(2)
    expect(revised.words).toBeGreaterThanOrEqual(0.95)
    expect(run.words[0]!.speaker).toBe('A')
    for (const turn of run.finals) {
      expect(turn).toMatchObject({ endOfTurn: true, formatted: true })
      // One of the lines is a question.
      const end = turn.transcript.startsWith('Would you') ? '?' : '.'
      expect(turn.transcript).toMatch(new RegExp(`^[A-Z].*\\${end}$`))
      expect(turn.words.map((word) => word.text).join(' ')).toBe(turn.transcript)
      expect(turn.words.every((word) => word.final)).toBe(true)
    }
    expect(run.partials).toEqual([])
    expect(openDecoders()).toBe(0)
  })

  it('hears the demo clip: words, their times and speakers', async () => {
    const pcm = execFileSync(
      'ffmpeg',
      ['-v', 'error', '-i', 'demo/dialogue.mp4', '-f', 's16le', '-ac', '1', '-ar', '16000', '-'],
      { maxBuffer: 1 << 26 },
    )
    const { turns } = JSON.parse(readFileSync('demo/dialogue.reference.json', 'utf8')) as {
      turns: { speaker: string; words: ScoredWord[] }[]
    }
    const reference = turns.flatMap(({ speaker, words }) => words.map((word) => ({ ...word, speaker })))
    const run = await runEngine(embeddedEngine(), new Int16Array(Uint8Array.from(pcm).buffer))
    const texts = (words: readonly ScoredWord[]): string[] => words.map((word) => word.text)
    const { pairs, edits } = align(texts(reference), texts(run.words))
    expect(edits / reference.length).toBeLessThan(0.25)
    const errors = pairs.map(([ref, hyp]) => Math.abs(run.words[hyp]!.start - reference[ref]!.start))
    expect(errors.toSorted((a, b) => a - b)[Math.floor(errors.length / 2)]).toBeLessThan(60)
    expect(speakerAccuracy(run.words, reference).words).toBeGreaterThanOrEqual(0.9)
    expect(speakerAccuracy(run.revisedWords, reference).words).toBeGreaterThanOrEqual(0.95)
  })

  it.skipIf(!haveRecordings)('hears two real voices', async () => {
    const samples = wavSamples(readFileSync(`${recordings}/katiesteve.wav`))
    const spans = parseRttm(readFileSync(`${recordings}/katiesteve.rttm`, 'utf8'))
    const spoken = readFileSync(`${recordings}/katiesteve.txt`, 'utf8')
      .replace(/^\w+\t/gm, '')
      .trim()
      .split(/\s+/)
    const run = await runEngine(embeddedEngine(), samples)
    expect(run.finals.map((turn) => turn.speaker ?? '?')).toEqual(['A', 'A', 'A', 'B', 'B', 'A', 'B'])
    const revised = new Map(run.revisions.map(({ order, speaker }) => [order, speaker]))
    expect(run.finals.map(({ order, speaker }) => revised.get(order) ?? speaker)).toEqual([
      'A',
      'B',
      'A',
      'B',
      'B',
      'A',
      'B',
    ])
    expect(
      wordErrorRate(
        spoken,
        run.words.map((word) => word.text),
      ),
    ).toBeLessThan(0.35)
    expect(speakerAccuracy(run.revisedWords, spans).words).toBeGreaterThanOrEqual(0.95)
  })

  it('reports partials before each final when asked', async () => {
    const samples = join16([silence(300), speak('rms', lines[0]), silence(800), speak('slt', lines[1]), silence(300)])
    const run = await runEngine(embeddedEngine(), samples, { partials: true })
    expect(run.finals.map((turn) => turn.order)).toEqual([0, 1])
    for (const final of run.finals) {
      const before: EngineTurn[] = run.partials.filter((turn) => turn.order === final.order)
      expect(before.length).toBeGreaterThan(1)
      expect(before.at(-1)!.words.length).toBeGreaterThanOrEqual(before[0]!.words.length)
    }
  })

  it('says nothing about silence', async () => {
    const run = await runEngine(embeddedEngine(), silence(3000))
    expect(run.finals).toEqual([])
    expect(run.revisions).toEqual([])
  })

  it('leaves no decoder behind, be the session ended, left in mid-decode or destroyed at once', async () => {
    const engine = embeddedEngine()
    const speech = speak('rms', lines[4])
    let reported = 0
    const listener = {
      speechStarted() {},
      turn: () => void reported++,
      revision() {},
      failed: (error: Error) => expect.unreachable(error.message),
    }
    for (let round = 0; round < 20; round++) {
      const session = await engine.open({ ...ordinarySettings, partials: round % 2 === 0 }, listener)
      expect(openDecoders()).toBe(1)
      if (round % 4 === 0) {
        void session.write(speech)
        void session.end()
        for (let tick = 0; tick < round * 3; tick++) await new Promise((resolve) => setImmediate(resolve))
      }
      const before = reported
      await session.destroy()
      await new Promise((resolve) => setImmediate(resolve))
      expect(reported).toBe(before)
      expect(openDecoders()).toBe(0)
    }
  })
})
