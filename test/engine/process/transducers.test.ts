import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { embeddedEngine } from '../../../src/engine/embedded.ts'
import type { EngineSettings, EngineWarning } from '../../../src/engine/engine.ts'
import { identifyRecogniser } from '../../../src/engine/models/identify.ts'
import type { Recognition, Recogniser } from '../../../src/engine/parts.ts'
import { SherpaProcess } from '../../../src/engine/process/process.ts'
import { type EngineLease, leaseModels } from '../../../src/engine/process/shared-models.ts'
import { spellKeyterms, Vocabulary } from '../../../src/engine/words/hotwords.ts'
import { ordinarySettings } from '../../helpers/engine-run.ts'
import { join16 } from '../../helpers/flite.ts'
import { namedOnnx } from '../../helpers/model-files.ts'
import { childProcesses, noChildLeft } from '../../helpers/processes.ts'
import { whyNoSherpa } from '../../helpers/sherpa.ts'
import {
  helloWorldBye,
  tokenTone,
  twoTones,
  writeTinyNemo,
  writeTinyRecogniser,
  writeTinySenseVoice,
  writeTinyTransducer,
} from '../../helpers/tiny-models.ts'

const marker = 'engine-process.js'
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'offline-'))
  writeTinyTransducer(join(folder, 'transducer'))
  writeTinyNemo(join(folder, 'nemo'))
  writeTinySenseVoice(join(folder, 'sense-voice'))
  writeTinyRecogniser(join(folder, 'streaming'))
  writeFileSync(join(folder, 'silero_vad.onnx'), namedOnnx())
})
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => {
  vi.unstubAllEnvs()
  return noChildLeft(marker)
})

/** Something between "good" and "world", a little nearer to "good". */
const unclear = (): Int16Array =>
  join16([tokenTone(undefined, 500), twoTones('▁GOOD', '▁WORLD', 400, 0), tokenTone(undefined, 300)])

/** A share in the model of a folder. */
async function lease(name: string, hotwords: boolean, processes = 1): Promise<EngineLease> {
  const recogniser = await identifyRecogniser(join(folder, name), name)
  const activity = { name: 'silero', folder, file: join(folder, 'silero_vad.onnx'), expected: [] }
  return leaseModels({ recogniser, activity }, { processes, hotwords })
}

const open = (models: EngineLease, language = ''): Recogniser =>
  models.recogniser({ language, mayChangeLanguage: false })

function hear(recogniser: Recogniser, samples: Int16Array): Promise<Recognition> {
  const utterance = recogniser.begin()
  void utterance.accept(
    samples,
    Array.from({ length: samples.length / 160 }, () => 0.7),
  )
  return utterance.finish()
}

const text = ({ words }: Recognition): string => words.map((word) => word.text).join(' ')

/** What is said, and confidences, with keyterms or without. */
async function hearWith(
  name: string,
  keyterms: readonly string[] | undefined,
  samples: Int16Array,
): Promise<Recognition> {
  const models = await lease(name, keyterms !== undefined)
  const recogniser = open(models)
  expect(recogniser.setKeyterms?.(keyterms ?? [])).toBeUndefined()
  try {
    return await hear(recogniser, samples)
  } finally {
    await recogniser.close()
    await models.release()
  }
}

const transducers = ['transducer', 'nemo'] as const
const hostile = [
  ':',
  ':x',
  'good :x',
  'good:1e999',
  '#',
  '#x world',
  '@',
  '@good',
  '/',
  '//',
  'good/:/world',
  '\n:x',
  'a\0b',
  '\ud800',
  '▁',
  '▁▁good',
  '<blk>',
  '<unk> good',
  'good '.repeat(10),
  '\u{f0001}',
  '\u{f0001}:x',
  'שלום',
  '世界',
  '😀',
  'x'.repeat(1000),
]

describe.skipIf(whyNoSherpa !== undefined)('a tiny offline transducer', () => {
  it.each(transducers)(
    'of the kind %s is told by its files, and gives words with times and confidences',
    async (name) => {
      const model = await identifyRecogniser(join(folder, name), name)
      expect(model).toMatchObject({
        mode: 'offline',
        kind: name === 'nemo' ? 'nemoTransducer' : 'transducer',
        takesHotwords: true,
      })
      const { words } = await hearWith(name, undefined, helloWorldBye())
      expect(words.map((word) => word.text)).toEqual(['hello', 'world', 'bye'])
      for (const [index, start] of [500, 1200, 1700].entries()) {
        const word = words[index]!
        // Frames are 40 and 80 ms.
        expect(Math.abs(word.start - start)).toBeLessThanOrEqual(80)
        expect(word.end).toBeGreaterThan(word.start)
        expect(word.confidence).toBeGreaterThan(0.9)
        expect(word.confidence).toBeLessThanOrEqual(1)
      }
    },
  )

  it.each(transducers)('of the kind %s hears an unclear word as the keyterm says', async (name) => {
    expect(text(await hearWith(name, undefined, unclear()))).toBe('good')
    expect(text(await hearWith(name, ['hello'], unclear()))).toBe('good')
    expect(text(await hearWith(name, ['Hello', 'World'], unclear()))).toBe('world')
    expect(text(await hearWith(name, ['hello world'], unclear()))).toBe('good')
  })

  it.each(transducers)('of the kind %s is as sure of a word as it would be without the keyterm', async (name) => {
    const confidences = async (keyterms: string[] | undefined): Promise<number[]> =>
      (await hearWith(name, keyterms, helloWorldBye())).words.map(({ confidence }) => confidence!)
    const without = await confidences(undefined)
    const withThem = await confidences(['hello', 'world', 'bye bye'])
    for (const [index, confidence] of withThem.entries()) expect(confidence).toBeCloseTo(without[index]!, 3)
    const [unsure] = (await hearWith(name, ['world'], unclear())).words
    expect(unsure!.confidence).toBeLessThan(0.4)
  })

  it.each(transducers)('of the kind %s survives whatever a client sends', async (name) => {
    const models = await lease(name, true)
    const recogniser = open(models)
    await hear(recogniser, unclear())
    const [child] = childProcesses(marker)
    for (const terms of [
      ...hostile.map((term) => [term]),
      hostile,
      Array.from({ length: 300 }, () => hostile).flat(),
    ]) {
      recogniser.setKeyterms?.([...terms, 'world'])
      expect(text(await hear(recogniser, unclear()))).toMatch(/^(?:world|good)$/)
      expect(childProcesses(marker)).toEqual([child])
    }
    await recogniser.close()
    await models.release()
  })

  it('is given no hotwords but signs', async () => {
    const model = await identifyRecogniser(join(folder, 'transducer'), 'transducer')
    const vocabulary = new Vocabulary(readFileSync(model.files['tokens']!, 'utf8'))
    const { hotwords } = spellKeyterms(['world'], vocabulary)
    const decode = (process: SherpaProcess, given: string): Promise<unknown> =>
      process.call('decode', { samples: unclear(), language: '', hotwords: given }, 30_000)
    const [listening, deaf] = [new SherpaProcess(), new SherpaProcess()]
    await listening.call('loadRecogniser', { model, hotwords: true }, 30_000)
    await deaf.call('loadRecogniser', { model, hotwords: false }, 30_000)
    await expect(decode(listening, hotwords)).resolves.toMatchObject({ tokens: [' WORLD'] })
    await expect(decode(listening, 'world :x')).rejects.toThrow('no such hotwords')
    await expect(decode(deaf, hotwords)).rejects.toThrow('no such hotwords')
    expect([listening.ended, deaf.ended]).toEqual([false, false])
    await Promise.all([listening.close(), deaf.close()])
  })

  it('is loaded once for those with keyterms and once for the others, and leaves no file behind', async () => {
    const temporary = mkdtempSync(join(folder, 'temporary-'))
    vi.stubEnv('TMPDIR', temporary)
    const all = await Promise.all([true, false, true].map((hotwords) => lease('transducer', hotwords)))
    const recognisers = all.map((models) => open(models))
    for (const recogniser of recognisers) recogniser.setKeyterms?.(['world'])
    const heard = await Promise.all(recognisers.map((recogniser) => hear(recogniser, unclear())))
    expect(heard.map(text)).toEqual(['world', 'good', 'world'])
    expect(childProcesses(marker)).toHaveLength(2)
    await Promise.all(all.map((models) => models.release()))
    expect(readdirSync(temporary)).toEqual([])
  })

  it('says which keyterms have no effect', async () => {
    const [withThem, without] = await Promise.all([lease('transducer', true), lease('transducer', false)])
    const recogniser = open(withThem)
    expect(recogniser.setKeyterms?.(['good', 'Ωmega'])).toMatch(/transducer cannot listen for "Ωmega": its vocabulary/)
    expect(recogniser.setKeyterms?.(['good'])).toBeUndefined()
    expect(text(await hear(recogniser, unclear()))).toBe('good')
    recogniser.setKeyterms?.(['world'])
    expect(text(await hear(recogniser, unclear()))).toBe('world')
    recogniser.setKeyterms?.([])
    expect(text(await hear(recogniser, unclear()))).toBe('good')
    expect(open(without).setKeyterms?.(['good'])).toContain('the session began without any')
    await Promise.all([withThem.release(), without.release()])
    for (const name of ['sense-voice', 'streaming']) {
      const models = await lease(name, true)
      const other = open(models)
      expect(other.setKeyterms?.(['good'])).toBe(`the model ${name} cannot listen for keyterms; they have no effect`)
      expect(other.setKeyterms?.([])).toBeUndefined()
      await other.close()
      await models.release()
    }
  })
})

describe.skipIf(whyNoSherpa !== undefined)('a tiny SenseVoice', () => {
  it('gives words with times, and the language', async () => {
    const models = await lease('sense-voice', false)
    const { words, language } = await hear(open(models), helloWorldBye())
    expect(language).toBe('zh')
    expect(words.map((word) => word.text)).toEqual(['hello', 'world', 'bye'])
    for (const [index, start] of [500, 1200, 1700].entries()) {
      expect(Math.abs(words[index]!.start - start)).toBeLessThanOrEqual(60)
    }
    await models.release()
  })

  it('hears as well where the language is given, and goes from one to another', async () => {
    const models = await lease('sense-voice', false)
    for (const language of ['ja', 'en', 'ja']) {
      const heard = await hear(open(models, language), helloWorldBye())
      expect([heard.language, text(heard)]).toEqual([language, 'hello world bye'])
    }
    expect(childProcesses(marker)).toHaveLength(1)
    await models.release()
  })
})

describe.skipIf(whyNoSherpa !== undefined)('keyterms of a session', () => {
  const settings: EngineSettings = { ...ordinarySettings, speakerLabels: false }

  it.each([
    ['transducer', ['world', 'Ωmega'], ['"Ωmega"', '"€"']],
    ['transducer', [], ['began without any']],
    ['nemo', ['world'], ['"€"']],
    ['sense-voice', ['world'], ['they have no effect', 'they have no effect']],
    ['streaming', [], ['they have no effect']],
  ])('with %s and %j: warnings that name %j', async (name, keyterms, expected) => {
    const warnings: EngineWarning[] = []
    const session = await embeddedEngine({ model: join(folder, name) }).open(
      { ...settings, keyterms },
      {
        speechStarted() {},
        turn() {},
        revision() {},
        warning: (warning) => void warnings.push(warning),
        failed: (error) => expect.unreachable(error.message),
      },
    )
    await session.write(new Int16Array(1600))
    session.configure({ keyterms: ['€', 'good'] })
    session.configure({ keyterms: [] })
    session.configure({ minTurnSilence: 500 })
    await session.write(new Int16Array(1600))
    await session.end()
    await session.destroy()
    expect(warnings.map(({ code }) => code)).toEqual(expected.map(() => 'KEYTERMS_IGNORED'))
    for (const [index, part] of expected.entries()) expect(warnings[index]!.message).toContain(part)
  })
})
