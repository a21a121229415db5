import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { findActivityModel } from '../../../src/engine/models/find.ts'
import { identifyRecogniser } from '../../../src/engine/models/identify.ts'
import type { ActivityModelFile, RecogniserModel, SpeakerModelFile } from '../../../src/engine/models/model.ts'
import { bundledPackage, findPackage } from '../../../src/engine/models/package.ts'
import type { RecognisedWord, Recogniser } from '../../../src/engine/parts.ts'
import { type EngineLease, leaseModels } from '../../../src/engine/process/shared-models.ts'
import { join16, silence } from '../../helpers/flite.ts'
import { childProcesses, noChildLeft } from '../../helpers/processes.ts'
import { engineProcess as marker, whyNoBox } from '../../helpers/sherpa.ts'
import { helloWorldBye, tinySpeakerModel, tokenTone, writeTinyRecogniser } from '../../helpers/tiny-models.ts'

const run = promisify(execFile)
const settings = { language: '', mayChangeLanguage: false, keyterms: [] }
let folder: string
let recogniser: RecogniserModel
let activity: ActivityModelFile
let speakers: SpeakerModelFile
const leases: EngineLease[] = []

function lease(processes = 1, model = recogniser): EngineLease {
  const own = leaseModels({ recogniser: model, activity, speakers }, { processes })
  leases.push(own)
  return own
}

const speechOf = (samples: Int16Array): number[] =>
  Array.from({ length: samples.length / 160 }, (_, frame) => (samples.at(frame * 160 + 80) === 0 ? 0 : 0.7))

async function hear(own: Recogniser, samples = helloWorldBye(), untilMs?: number): Promise<RecognisedWord[]> {
  const utterance = own.begin()
  for (let at = 0; at < samples.length; at += 1600) {
    const block = samples.subarray(at, at + 1600)
    await utterance.accept(block, speechOf(block))
  }
  return (await utterance.finish(untilMs)).words
}

const texts = (words: readonly RecognisedWord[]): string[] => words.map(({ text }) => text)

describe.skipIf(whyNoBox !== undefined)('leaseModels', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sherpa-'))
    writeTinyRecogniser(join(folder, 'recogniser'))
    recogniser = await identifyRecogniser(join(folder, 'recogniser'), 'tiny')
    activity = await findActivityModel(findPackage(bundledPackage).folder)
    const file = join(folder, 'voices.onnx')
    writeFileSync(file, tinySpeakerModel())
    speakers = { name: 'tiny voices', folder, file, expected: [] }
  })
  afterEach(async () => {
    await Promise.all(leases.splice(0).map((own) => own.release()))
    await noChildLeft(marker)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('gives a recogniser that hears words with times and confidences, utterance after utterance', async () => {
    const own = lease().recogniser(settings)
    for (let utterance = 0; utterance < 3; utterance++) {
      const words = await hear(own)
      expect(texts(words)).toEqual(['hello', 'world', 'bye'])
      const [hello, world, bye] = words as [RecognisedWord, RecognisedWord, RecognisedWord]
      for (const [word, start] of [
        [hello, 500],
        [world, 1200],
        [bye, 1700],
      ] as const) {
        expect(Math.abs(word.start - start)).toBeLessThanOrEqual(100)
        expect(word.end).toBeGreaterThan(word.start)
        expect(word.confidence).toBeGreaterThan(0.5)
        expect(word.confidence).toBeLessThanOrEqual(1)
      }
      expect(hello.end).toBeLessThanOrEqual(world.start)
      expect(bye.end).toBeLessThanOrEqual(2400)
    }
    await own.close()
  })

  it('gives one that tells what it has so far, and hears nothing behind a cut', async () => {
    const own = lease().recogniser(settings)
    const utterance = own.begin()
    expect((await utterance.partial())!.words).toEqual([])
    const first = helloWorldBye().subarray(0, 16 * 1600)
    await utterance.accept(first, speechOf(first))
    utterance.prepare?.()
    expect(texts((await utterance.partial())!.words)).toEqual(['hello', 'world'])
    expect(texts((await utterance.finish(1000)).words)).toEqual(['hello'])
    await own.close()
    await expect(hear(own)).rejects.toMatchObject({ code: 'ENGINE_FAILED' })
  })

  it('shares the processes with all who use the same models; streams do not mix; they end with the last', async () => {
    const [one, two] = [lease(), lease()]
    const [first, second] = [one.recogniser(settings), two.recogniser(settings)]
    await Promise.all([one.ready(), two.ready()])
    // One for words, one for ears.
    expect(childProcesses(marker)).toHaveLength(2)
    const good = join16([tokenTone(undefined, 300), tokenTone('▁GOOD', 300), tokenTone(undefined, 300)])
    const [heard, other] = await Promise.all([hear(first), hear(second, good)])
    expect(texts(heard)).toEqual(['hello', 'world', 'bye'])
    expect(texts(other)).toEqual(['good'])
    await first.close()
    await one.release()
    await one.release()
    expect(texts(await hear(second))).toEqual(['hello', 'world', 'bye'])
    expect(await two.activity(undefined).accept(silence(1000))).toHaveLength(99)
    const vectors = await two.speakers.embed(helloWorldBye(), [{ start: 50, end: 90 }])
    expect(vectors[0]).toHaveLength(80)
    expect(childProcesses(marker)).toHaveLength(2)
    await two.release()
    expect(childProcesses(marker)).toEqual([])
  })

  it('has processes of their own for other models, or other numbers of processes; all have the same ears', async () => {
    const all = [lease(1), lease(2), lease(1, { ...recogniser, name: 'another' })]
    await Promise.all(all.map((own) => own.ready()))
    expect(childProcesses(marker)).toHaveLength(4)
    await all[0]!.release()
    expect(childProcesses(marker)).toHaveLength(3)
  })

  it('starts processes anew for one who comes when the last has gone', async () => {
    const before = lease()
    await before.ready()
    const ending = before.release()
    const after = lease()
    expect(texts(await hear(after.recogniser(settings)))).toEqual(['hello', 'world', 'bye'])
    await Promise.all([ending, after.ready()])
    expect(childProcesses(marker)).toHaveLength(2)
  })

  it('fails what a killed process was about, and has another for the next', async () => {
    const own = lease()
    await own.ready()
    const stream = own.recogniser(settings)
    const utterance = stream.begin()
    await utterance.accept(helloWorldBye(), speechOf(helloWorldBye()))
    for (const { pid } of childProcesses(marker)) process.kill(pid, 'SIGKILL')
    await expect(utterance.finish()).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      retryable: true,
      message: expect.stringContaining('SIGKILL') as string,
    })
    const other = lease()
    await other.ready()
    expect(texts(await hear(other.recogniser(settings)))).toEqual(['hello', 'world', 'bye'])
    expect(await own.activity(undefined).accept(silence(1000))).toHaveLength(99)
    await stream.close()
  })

  it('frees what a stream leaves behind in the middle of an utterance', async () => {
    const stays = lease()
    const first = lease().recogniser(settings)
    const utterance = first.begin()
    await utterance.accept(helloWorldBye(), speechOf(helloWorldBye()))
    const late = utterance.partial()
    await first.close()
    await Promise.allSettled([late])
    await expect(utterance.finish()).rejects.toMatchObject({ code: 'ENGINE_FAILED' })
    expect(texts(await hear(stays.recogniser(settings)))).toEqual(['hello', 'world', 'bye'])
  })

  it('can be given back at any moment', async () => {
    for (const ticks of [0, 1, 5, 50]) {
      const own = lease()
      const hearing = hear(own.recogniser(settings)).catch((error: unknown) => error)
      const ready = own.ready().catch((error: unknown) => error)
      for (let turn = 0; turn < ticks; turn++) await new Promise((resolve) => setImmediate(resolve))
      await own.release()
      expect(childProcesses(marker)).toEqual([])
      await Promise.all([hearing, ready])
    }
  })

  it.each<[string, (own: string) => void, string]>([
    [
      'broken',
      (own) => writeFileSync(join(own, 'encoder-epoch-99-avg-1-chunk-16-left-128.int8.onnx'), tinySpeakerModel()),
      'MODEL_UNUSABLE',
    ],
    [
      'cut-off',
      (own) =>
        writeFileSync(join(own, 'joiner-epoch-99-avg-1-chunk-16-left-128.onnx'), tinySpeakerModel().subarray(0, 100)),
      'MODEL_UNUSABLE',
    ],
    ['wordless', (own) => writeFileSync(join(own, 'tokens.txt'), ''), 'MODEL_UNUSABLE'],
    ['gone', (own) => rmSync(join(own, 'tokens.txt')), 'MODEL_MISSING'],
  ])(
    'says so of a model that is %s, to the stream and to all who ask, and leaves nothing',
    async (name, damage, code) => {
      const own = join(folder, name)
      writeTinyRecogniser(own)
      const model = await identifyRecogniser(own, name)
      damage(own)
      const taken = lease(1, model)
      const stream = taken.recogniser(settings)
      const utterance = stream.begin()
      await expect(taken.ready()).rejects.toMatchObject({ code })
      await expect(utterance.finish()).rejects.toMatchObject({ code })
      await stream.close()
      await taken.release()
      expect(childProcesses(marker)).toEqual([])
      // Put right, it works.
      writeTinyRecogniser(own)
      const again = lease(1, model)
      await again.ready()
      expect(texts(await hear(again.recogniser(settings)))).toEqual(['hello', 'world', 'bye'])
    },
  )
})

const built = existsSync(new URL('../../../dist/engine/process/shared-models.js', import.meta.url))
if (!built) console.warn('skipping the test without the package: nothing is built')

describe.skipIf(!built)('leaseModels without the package', () => {
  it('says what to install', async () => {
    const own = mkdtempSync(join(tmpdir(), 'sherpa-'))
    try {
      // What is built, where no package can be found from.
      for (const part of [
        'dist/engine',
        'dist/errors.js',
        'dist/redact.js',
        'dist/options.js',
        'dist/scripts.js',
        'dist/stream-helpers.js',
        'bin',
      ]) {
        cpSync(new URL(`../../../${part}`, import.meta.url), join(own, part), { recursive: true })
      }
      writeFileSync(join(own, 'package.json'), '{"type":"module"}')
      const vad = join(own, 'silero_vad.onnx')
      writeFileSync(vad, tinySpeakerModel())
      writeTinyRecogniser(join(own, 'recogniser'))
      const model = await identifyRecogniser(join(own, 'recogniser'), 'tiny')
      const script = `const { leaseModels } = await import(process.argv[1])
        const lease = leaseModels(JSON.parse(process.argv[2]), {})
        await lease.ready().catch((error) => console.log(error.code, error.message))
        await lease.release()`
      const models = { recogniser: model, activity: { name: 'silero', folder: own, file: vad, expected: [] } }
      const host = pathToFileURL(join(own, 'dist/engine/process/shared-models.js')).href
      const { stdout } = await run(
        process.execPath,
        ['--input-type=module', '-e', script, host, JSON.stringify(models)],
        {
          cwd: own,
        },
      )
      expect(stdout).toMatch(/^ENGINE_UNAVAILABLE .*sherpa-onnx-node.*npm install --include=optional sherpa-onnx-node/)
    } finally {
      rmSync(own, { recursive: true })
    }
  })
})
