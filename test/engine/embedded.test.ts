import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { embeddedEngine } from '../../src/engine/embedded.ts'
import type { EngineSession, EngineSettings, EngineTurn } from '../../src/engine/engine.ts'
import { bundledPackage, findPackage } from '../../src/engine/models/package.ts'
import { type EngineRun, ordinarySettings, runEngine } from '../helpers/engine-run.ts'
import { haveFlite, join16, silence, speak, speakDialogue } from '../helpers/flite.ts'
import { childProcesses, noChildLeft } from '../helpers/processes.ts'
import { align, wordErrorRate } from '../helpers/scoring.ts'
import { engineProcess as marker, whyNoBox } from '../helpers/sherpa.ts'
import { Listener } from './coded-speech.ts'

/** The engine of this machine with the models that come with it, on speech of a synthesiser. */
const lines = [
  'good morning i hope you had a pleasant journey',
  'yes thank you the train was only a little late',
  'would you like to start with the report',
  'i think we should look at the numbers first',
  'the sales in the north were better than last year',
  'that is very good news for the whole company',
] as const

if (!haveFlite) console.warn('skipping the tests of the engine with speech: there is no flite')

const sessions: EngineSession[] = []
/** A session that is destroyed after the test in any case. */
async function open(
  heard: Listener,
  settings: Partial<EngineSettings> = {},
  engine = embeddedEngine(),
): Promise<EngineSession> {
  const session = await engine.open({ ...ordinarySettings, ...settings }, heard)
  sessions.push(session)
  return session
}

const texts = (run: EngineRun): string[] => run.words.map((word) => word.text)

describe.skipIf(whyNoBox !== undefined || !haveFlite)('embeddedEngine', () => {
  let dialogue: ReturnType<typeof speakDialogue>
  let run: EngineRun
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'embedded-'))
    dialogue = speakDialogue(lines.map((line, index) => [index % 2 === 0 ? 'rms' : 'slt', line] as const))
    run = await runEngine(embeddedEngine(), dialogue.samples, { formatTurns: true })
  })
  afterEach(async () => {
    await Promise.all(sessions.splice(0).map((session) => session.destroy()))
    await noChildLeft(marker)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('hears almost all words', () => {
    expect(wordErrorRate(dialogue.words, texts(run))).toBeLessThan(0.12)
    expect(run.partials).toEqual([])
    run.finals.forEach((turn, index) => {
      expect(turn).toMatchObject({ order: index, endOfTurn: true, formatted: true, language: 'en' })
      expect(turn.words.map((word) => word.text).join(' ')).toBe(turn.transcript)
      for (const word of turn.words) {
        expect(word.final).toBe(true)
        // Whisper does not say.
        expect(word).not.toHaveProperty('confidence')
      }
    })
  })

  it('places words in order, none over another, each in the line that it was said in', () => {
    let before = 0
    for (const { start, end } of run.words) {
      expect(start).toBeGreaterThanOrEqual(before)
      expect(end).toBeGreaterThan(start)
      before = end
    }
    const lineOf = dialogue.spans.flatMap((span) => span.text.split(' ').map(() => span))
    const { pairs } = align(dialogue.words, texts(run))
    for (const [said, heard] of pairs) {
      const { start, end } = lineOf[said]!
      expect(run.words[heard]!.start).toBeGreaterThan(start - 300)
      expect(run.words[heard]!.end).toBeLessThan(end + 300)
    }
  })

  it('hears the same a second time, plain, and in blocks of any size', async () => {
    const heard = new Listener()
    const session = await open(heard)
    for (let at = 0; at < dialogue.samples.length; at += 7777) {
      await session.write(dialogue.samples.subarray(at, at + 7777))
    }
    await session.end()
    await session.destroy()
    const words = heard.finals.flatMap((turn) => turn.words)
    expect(words.map(({ start, end }) => [start, end])).toEqual(run.words.map(({ start, end }) => [start, end]))
    const plain = (text: string): string => text.toLowerCase().replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '')
    expect(words.map(({ text }) => text)).toEqual(texts(run).map(plain))
  })

  it('reports partials before finals when asked', async () => {
    const heard = new Listener()
    const session = await open(heard, { partials: true })
    // There are none while the model is being loaded.
    await session.write(speak('rms', lines[0]))
    await session.forceEndpoint()
    const told = heard.partials.length
    const next = join16([silence(300), speak('rms', `${lines[0]} ${lines[4]}`)])
    const partial = new Promise<EngineTurn>((resolve) => (heard.onTurn = resolve))
    await session.write(next.subarray(0, 16 * 3000))
    expect(await partial).toMatchObject({ order: 1, endOfTurn: false, formatted: false })
    await session.write(next.subarray(16 * 3000))
    await session.end()
    const { words } = heard.partials[told]!
    expect(words.length).toBeGreaterThan(0)
    expect(words.every(({ final, speaker }) => !final && speaker === undefined)).toBe(true)
    expect(heard.finals[1]!.words.length).toBeGreaterThan(words.length)
  })

  it('says nothing about silence', async () => {
    const quiet = await runEngine(embeddedEngine(), silence(5000))
    expect([quiet.finals, quiet.revisions]).toEqual([[], []])
  })

  it('shares its processes between sessions, which hear what they would alone', async () => {
    const engine = embeddedEngine({ processes: 1 })
    const one = speak('rms', lines[4])
    const two = speak('slt', lines[5])
    let most = 0
    const count = (): void => void (most = Math.max(most, childProcesses(marker).length))
    const watched = { ...engine, open: engine.open.bind(engine) }
    watched.open = async (settings, listener) => {
      const turn = listener.turn.bind(listener)
      return await engine.open(settings, Object.assign(listener, { turn: (each: EngineTurn) => (count(), turn(each)) }))
    }
    const [first, second] = await Promise.all([runEngine(watched, one), runEngine(watched, two)])
    expect(wordErrorRate(lines[4].split(' '), texts(first))).toBeLessThan(0.3)
    expect(wordErrorRate(lines[5].split(' '), texts(second))).toBeLessThan(0.3)
    // One for words, one for ears.
    expect(most).toBe(2)
  })

  it('hears all although its processes are killed while somebody speaks', async () => {
    const heard = new Listener()
    const session = await open(heard)
    let kills = 0
    heard.speechStarted = () => {
      if (kills++ === 1) for (const { pid } of childProcesses(marker)) process.kill(pid, 'SIGKILL')
    }
    for (let at = 0; at < dialogue.samples.length; at += 800) {
      await session.write(dialogue.samples.subarray(at, at + 800))
    }
    await session.end()
    await session.destroy()
    expect([heard.errors, heard.warnings]).toEqual([[], []])
    expect(kills).toBeGreaterThan(2)
    const words = heard.finals.flatMap((turn) => turn.words.map(({ text }) => text))
    expect(wordErrorRate(dialogue.words, words)).toBeLessThan(0.15)
  })

  it('leaves no process behind, be the session ended, left in the middle or destroyed at once', async () => {
    const engine = embeddedEngine()
    const speech = speak('rms', lines[4])
    for (let round = 0; round < 8; round++) {
      const heard = new Listener()
      const session = await open(heard, { partials: round % 2 === 0 }, engine)
      const calls: Promise<void>[] = []
      if (round > 0) {
        calls.push(session.write(speech), session.end())
        for (let turn = 0; turn < round ** 3; turn++) await new Promise((resolve) => setImmediate(resolve))
      }
      const { told } = heard
      await session.destroy()
      await Promise.all(calls)
      expect(childProcesses(marker)).toEqual([])
      expect(heard.told).toBe(told)
      expect(heard.errors).toEqual([])
    }
  })

  it.each<[string, string, (file: string) => void]>([
    [
      'changed by one bit',
      'encoder.int8.onnx',
      (file) => {
        const bytes = readFileSync(file)
        bytes[bytes.length >> 1]! ^= 1
        writeFileSync(file, bytes)
      },
    ],
    ['cut off', 'decoder.int8.onnx', (file) => truncateSync(file, 20_000_000)],
    ['emptied', 'tokens.txt', (file) => truncateSync(file, 0)],
    ['cut off', 'silero_vad.onnx', (file) => truncateSync(file, 1_000_000)],
  ])('opens at once, then fails where a file of the model is %s: %s', async (_how, name, damage) => {
    const copy = mkdtempSync(join(folder, 'model-'))
    cpSync(findPackage(bundledPackage).folder, copy, { recursive: true })
    damage(join(copy, name))
    const heard = new Listener()
    const failed = new Promise<void>((resolve) => {
      const tell = heard.failed.bind(heard)
      heard.failed = (error) => (tell(error), resolve())
    })
    const session = await open(heard, {}, embeddedEngine({ model: copy }))
    expect(heard.errors).toEqual([])
    const waiting = [session.write(silence(3000)), session.end()]
    await failed
    await Promise.all(waiting)
    expect(heard.errors).toHaveLength(1)
    expect(heard.errors[0]).toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringContaining(name) as string,
    })
    await session.destroy()
    expect(childProcesses(marker)).toEqual([])
  })

  it('refuses what it cannot do before it starts anything', async () => {
    const refused = (engine = embeddedEngine(), settings = {}): Promise<unknown> =>
      engine.open({ ...ordinarySettings, ...settings }, new Listener())
    await expect(refused(embeddedEngine(), { languages: ['de'] })).rejects.toMatchObject({ name: 'ConfigurationError' })
    await expect(refused(embeddedEngine({ model: 'no-such-model' }))).rejects.toMatchObject({ code: 'MODEL_MISSING' })
    await expect(refused(embeddedEngine({ model: join(folder, 'nothing') }))).rejects.toMatchObject({
      code: 'MODEL_MISSING',
    })
    await expect(refused(embeddedEngine({ speakerModel: join(folder, 'no.onnx') }))).rejects.toMatchObject({
      code: 'MODEL_MISSING',
    })
    expect(childProcesses(marker)).toEqual([])
  })

  it('says that keyterms have no effect, with the first audio', async () => {
    const heard = new Listener()
    const session = await open(heard, { keyterms: ['Kubernetes'] })
    expect(heard.warnings).toEqual([])
    await session.write(silence(100))
    expect(heard.warnings).toMatchObject([{ code: 'KEYTERMS_IGNORED' }])
    await session.destroy()
  })
})

describe('the options of embeddedEngine', () => {
  it.each([
    [{ model: 5 }, 'model'],
    [{ speakerModel: false }, 'speakerModel'],
    [{ language: 1 }, 'language'],
    [{ nodePath: {} }, 'nodePath'],
    [{ languageMayChange: 'no' }, 'languageMayChange'],
    [{ processes: 0 }, 'processes'],
    [{ processes: 1.5 }, 'processes'],
    [{ voiceActivity: () => {} }, 'voiceActivity'],
  ])('refuse %j', (options, name) => {
    expect(() => embeddedEngine(options as object)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(name) as string }),
    )
  })
})
