import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { chooseBackEnd } from '../../src/engine/back-end.ts'
import { embeddedEngine } from '../../src/engine/embedded.ts'
import type { SpeakerModel } from '../../src/engine/parts.ts'
import { ordinarySettings, runEngine } from '../helpers/engine-run.ts'
import { join16 } from '../helpers/flite.ts'
import { noChildLeft } from '../helpers/processes.ts'
import { whyNoSherpa } from '../helpers/sherpa.ts'
import { tinySpeakerModel, tokenTone, writeTinyRecogniser } from '../helpers/tiny-models.ts'

let models: string
beforeEach(() => {
  models = mkdtempSync(join(tmpdir(), 'models-'))
  vi.stubEnv('DIARIZE_STREAM_MODELS', models)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  rmSync(models, { recursive: true })
  await noChildLeft('engine-process.js')
})

const pulled = (name: string): void => {
  mkdirSync(join(models, name))
  writeFileSync(join(models, name, 'diarize-stream-model.json'), '{"files":[]}')
}
const name = (...[options, location = {}]: [Parameters<typeof chooseBackEnd>[0], object?]): string => {
  const backEnd = chooseBackEnd(options, location)
  return `${backEnd.name} ${backEnd.model}`
}

describe('chooseBackEnd', () => {
  it('takes what is named, else the first model that was pulled, else PocketSphinx', () => {
    expect(name({})).toBe('pocketsphinx pocketsphinx-en-us')
    expect(name({ model: 'zipformer-en' })).toBe('sherpa-onnx zipformer-en')
    expect(name({ model: '/some/folder/' })).toBe('sherpa-onnx folder')
    expect(name({ backend: 'sherpa' })).toBe('sherpa-onnx none')
    pulled('zipformer-en-small')
    expect(name({})).toBe('sherpa-onnx zipformer-en-small')
    pulled('zipformer-en')
    expect(name({})).toBe('sherpa-onnx zipformer-en')
    expect(name({ backend: 'sherpa' })).toBe('sherpa-onnx zipformer-en')
    expect(name({ backend: 'pocketsphinx' })).toBe('pocketsphinx pocketsphinx-en-us')
    expect(name({ model: 'pocketsphinx' })).toBe('pocketsphinx pocketsphinx-en-us')
    expect(name({}, { modelPath: '/some/folder' })).toBe('pocketsphinx pocketsphinx-en-us')
  })

  it('has a speaker model where one was named or pulled, whatever recognises the words', () => {
    expect(chooseBackEnd({}, {}).openSpeakers).toBeUndefined()
    expect(chooseBackEnd({ speakerModel: 'campplus-en' }, {}).openSpeakers).toBeDefined()
    pulled('resnet34-en')
    expect(chooseBackEnd({}, {}).openSpeakers).toBeDefined()
  })

  it.each([
    [{ backend: 'pocketsphinx', model: 'zipformer-en' }, {}, 'backend does not go with'],
    [{ model: 'zipformer-en' }, { modelPath: '/x' }, 'model does not go with'],
    [{ backend: 'sherpa', model: 'pocketsphinx' }, {}, 'backend does not go with'],
    [{ backend: 'vosk' }, {}, "backend, when given, must be 'pocketsphinx' or 'sherpa'"],
    [{ model: '' }, {}, 'model, when given, must be a string'],
  ])('refuses %j', (options, location, message) => {
    expect(() => chooseBackEnd(options as object, location)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) as string }),
    )
  })

  it('says when it is opened what is missing and how to get it', async () => {
    await expect(chooseBackEnd({ backend: 'sherpa' }, {}).openRecogniser(ordinarySettings)).rejects.toMatchObject({
      code: 'MODEL_MISSING',
      message: expect.stringContaining('models pull <name>') as string,
    })
    await expect(chooseBackEnd({ model: 'zipformer-en' }, {}).openRecogniser(ordinarySettings)).rejects.toMatchObject({
      code: 'MODEL_MISSING',
    })
  })
})

describe.skipIf(whyNoSherpa !== undefined)('embeddedEngine with models', () => {
  const audio = (): Int16Array =>
    join16([
      tokenTone(undefined, 1000),
      tokenTone('▁HEL', 300),
      tokenTone('LO', 300),
      tokenTone(undefined, 2000),
      tokenTone('▁WORLD', 500),
      tokenTone(undefined, 1500),
    ])

  it('gives words by the recogniser, and vectors of its speaker model to the tracker', async () => {
    const folder = join(models, 'tiny')
    writeTinyRecogniser(folder)
    writeFileSync(join(models, 'voices.onnx'), tinySpeakerModel())
    const seen: Float32Array[] = []
    const engine = embeddedEngine({
      model: folder,
      speakerModel: join(models, 'voices.onnx'),
      speakers: (_settings, model?: SpeakerModel) => ({
        async attribute({ samples, words }) {
          seen.push(...(await model!.embed(samples, [{ start: 0, end: Math.floor(samples.length / 160) }], [])))
          return { words: words.map(() => 'A'), speaker: 'A' }
        },
        revise: () => [],
      }),
    })
    expect(engine).toMatchObject({ name: 'sherpa-onnx', model: 'tiny' })
    const run = await runEngine(engine, audio(), { partials: true })
    expect(run.finals.map(({ transcript, speaker }) => [transcript, speaker])).toEqual([
      ['hello', 'A'],
      ['world', 'A'],
    ])
    expect(run.partials.length).toBeGreaterThan(0)
    expect(Math.abs(run.words[0]!.start - 1000)).toBeLessThanOrEqual(40)
    expect(Math.abs(run.words[1]!.start - 3600)).toBeLessThanOrEqual(40)
    expect(seen.map(({ length }) => length)).toEqual([80, 80])
  })

  it('leaves no process where one part of a session cannot be opened', async () => {
    writeFileSync(join(models, 'voices.onnx'), tinySpeakerModel())
    const engine = embeddedEngine({ model: 'zipformer-en', speakerModel: join(models, 'voices.onnx') })
    const listener = { speechStarted() {}, turn() {}, revision() {}, failed() {} }
    await expect(engine.open(ordinarySettings, listener)).rejects.toMatchObject({ code: 'MODEL_MISSING' })
  })
})
