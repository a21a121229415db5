import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { catalogue, findEntry, type ModelEntry, type ModelFile } from '../../../src/engine/models/catalogue.ts'
import {
  findActivityModel,
  findRecogniser,
  findSpeakerModel,
  installedFolder,
} from '../../../src/engine/models/find.ts'
import { bundledPackage } from '../../../src/engine/models/package.ts'
import { namedOnnx, whisperMetadata, whisperTokens, writeFiles, writeModelPackage } from '../../helpers/model-files.ts'
import { sha256 } from '../../helpers/model-server.ts'
import { tinySpeakerModel } from '../../helpers/tiny-models.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'

const directory = temporaryDirectories()
let home: string
let models: string
let env: Record<string, string>

beforeEach(() => {
  home = directory()
  models = path.join(home, 'models')
  mkdirSync(models)
  env = { DIARIZE_STREAM_MODELS: models, HF_HOME: path.join(home, 'hf'), XDG_CACHE_HOME: path.join(home, 'state') }
})

/** Lays files of an entry into the cache of the Hub as the Python client does. */
function cache(entry: ModelEntry, contents: Readonly<Record<string, Buffer | string>>): string {
  const folder = path.join(home, 'hf', 'hub', `models--${entry.repo.replace('/', '--')}`)
  const commit = /^[0-9a-f]{40}$/.test(entry.revision) ? entry.revision : 'c'.repeat(40)
  const snapshot = path.join(folder, 'snapshots', commit)
  for (const part of [snapshot, path.join(folder, 'blobs'), path.join(folder, 'refs')])
    mkdirSync(part, { recursive: true })
  writeFileSync(path.join(folder, 'refs', entry.revision), commit)
  for (const [part, data] of Object.entries(contents)) {
    const blob = sha256(Buffer.from(data))
    writeFileSync(path.join(folder, 'blobs', blob), data)
    const { path: name } = (entry.files as Readonly<Record<string, ModelFile>>)[part]!
    symlinkSync(path.join('..', '..', 'blobs', blob), path.join(snapshot, name))
  }
  return snapshot
}

describe('findRecogniser', () => {
  it('finds the model in the box', async () => {
    const folder = path.join(models, bundledPackage)
    writeModelPackage(folder)
    for (const name of [undefined, bundledPackage, 'whisper-tiny.en']) {
      expect(await findRecogniser(name, env)).toMatchObject({ name: 'whisper-tiny.en', folder, kind: 'whisper' })
    }
  })

  it('says how another package is installed', async () => {
    await expect(findRecogniser('diarize-stream-model-de-large', env)).rejects.toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
      message: expect.stringMatching(
        /left out by --omit=optional; npm install diarize-stream-model-de-large$/,
      ) as string,
    })
    writeModelPackage(path.join(models, 'diarize-stream-model-de-large'), { name: 'large' })
    expect(await findRecogniser('diarize-stream-model-de-large', env)).toMatchObject({ name: 'large' })
  })

  it('takes a folder by its path, and one in DIARIZE_STREAM_MODELS by its name', async () => {
    const files = {
      'encoder.onnx': namedOnnx(whisperMetadata),
      'decoder.onnx': namedOnnx(),
      'tokens.txt': whisperTokens,
    }
    writeFiles(path.join(models, 'mine'), files)
    const folder = path.join(models, 'mine')
    expect(await findRecogniser('mine', env)).toMatchObject({ name: 'mine', folder })
    expect(await findRecogniser(folder, {})).toMatchObject({ name: folder, folder })
  })

  it('prefers a copied folder of a model of the catalogue to the cache', async () => {
    const files = {
      'encoder.onnx': namedOnnx(whisperMetadata),
      'decoder.onnx': namedOnnx(),
      'tokens.txt': whisperTokens,
    }
    writeFiles(path.join(models, 'whisper-small'), files)
    expect(await findRecogniser('whisper-small', env)).toMatchObject({ folder: path.join(models, 'whisper-small') })
    expect(installedFolder(findEntry('whisper-small')!, env)).toBe(path.join(models, 'whisper-small'))
  })

  it('finds a model of the catalogue in the cache of the Hub, whoever put it there', async () => {
    const entry = findEntry('parakeet-v3')!
    await expect(findRecogniser('parakeet-v3', env)).rejects.toMatchObject({
      code: 'MODEL_MISSING',
      message: 'the model parakeet-v3 is not on this machine; get it: diarize-stream models pull parakeet-v3',
    })
    const folder = cache(entry, { encoder: 'e', decoder: 'd', joiner: 'j' })
    await expect(findRecogniser('parakeet-v3', env)).rejects.toThrow(
      'of the model parakeet-v3 a part is not on this machine',
    )
    cache(entry, { tokens: '▁a 0\n' })
    const model = await findRecogniser('parakeet-v3', env)
    expect(model).toMatchObject({
      name: 'parakeet-v3',
      folder,
      mode: 'offline',
      kind: 'nemoTransducer',
      takesHotwords: true,
    })
    expect(Object.keys(model.files).toSorted()).toEqual(['decoder', 'encoder', 'joiner', 'tokens'])
    const hashes = Object.values<ModelFile>(entry.files).map((file) => file.sha256)
    expect(new Set(model.expected.map((file) => file.sha256))).toEqual(new Set(hashes))
  })

  it('believes of files that nobody knows what they say of themselves', async () => {
    const entry = findEntry('whisper-base')!
    const { alignment_heads: _, ...without } = whisperMetadata
    cache(entry, { encoder: namedOnnx(without), decoder: namedOnnx(), tokens: whisperTokens })
    const model = await findRecogniser('whisper-base', env)
    expect(model).toMatchObject({ hasWordTimes: false, languages: ['de', 'en', 'jw', 'no', 'pt'] })
    // Of the first two the cache knows what they were; of the third the catalogue does.
    expect(model.expected.find(({ file }) => file === model.files['encoder'])?.sha256).toBe(sha256(namedOnnx(without)))
  })

  it.each([
    ['whisper-huge', 'there is no recogniser called whisper-huge; it is one of whisper-base,'],
    ['titanet-en', 'titanet-en tells voices apart, and recognises no words'],
    ['./nothing', 'there is no folder'],
  ])('says of %s what there is', async (name, message) => {
    await expect(findRecogniser(name, env)).rejects.toMatchObject({
      code: 'MODEL_MISSING',
      message: expect.stringContaining(message) as string,
    })
  })
})

describe('findSpeakerModel', () => {
  it('takes the one beside the recogniser, else the one in the box', async () => {
    writeModelPackage(path.join(models, bundledPackage))
    expect(await findSpeakerModel(undefined, undefined, env)).toMatchObject({
      name: 'voices',
      file: path.join(models, bundledPackage, 'voices.onnx'),
    })
    writeFiles(path.join(home, 'mine'), { 'voices-large.onnx': tinySpeakerModel() })
    expect(await findSpeakerModel(undefined, path.join(home, 'mine'), env)).toMatchObject({
      name: 'voices-large',
      file: path.join(home, 'mine', 'voices-large.onnx'),
    })
  })

  it('takes a file, a folder or a model of the catalogue', async () => {
    const folder = path.join(home, 'voices')
    writeFiles(folder, { 'any.onnx': tinySpeakerModel() })
    const file = path.join(folder, 'any.onnx')
    for (const name of [folder, file])
      expect(await findSpeakerModel(name, undefined, env)).toMatchObject({ folder, file })
    await expect(findSpeakerModel('campplus-en', undefined, env)).rejects.toThrow('models pull campplus-en')
    cache(findEntry('campplus-en')!, { model: tinySpeakerModel() })
    expect(await findSpeakerModel('campplus-en', undefined, env)).toMatchObject({ name: 'campplus-en' })
    writeFiles(folder, { 'other.onnx': tinySpeakerModel() })
    await expect(findSpeakerModel(folder, undefined, env)).rejects.toThrow(
      'has several .onnx files: any.onnx, other.onnx',
    )
    await expect(findSpeakerModel('whisper-base', undefined, env)).rejects.toThrow('whisper-base tells no voices apart')
    await expect(findSpeakerModel('./nothing.onnx', undefined, env)).rejects.toMatchObject({ code: 'MODEL_MISSING' })
  })

  it.each([
    [namedOnnx(), 'its metadata name neither wespeaker nor 3d-speaker nor nemo'],
    [tinySpeakerModel({ sample_rate: 8000 }), 'it wants audio of 8000 samples a second'],
    [tinySpeakerModel().subarray(0, -1), 'it ends 1 bytes too early'],
  ])('refuses what would end the process', async (data, message) => {
    const file = path.join(home, 'voices.onnx')
    writeFileSync(file, data)
    await expect(findSpeakerModel(file, undefined, env)).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringContaining(message) as string,
    })
  })
})

describe('findActivityModel', () => {
  it('takes the one beside the recogniser, else in the folder of models, else in the box', async () => {
    const box = path.join(models, bundledPackage)
    writeModelPackage(box)
    const found = await findActivityModel(undefined, env)
    expect(found.file).toBe(path.join(box, 'silero_vad.onnx'))
    expect(found.expected.some(({ file }) => file === found.file)).toBe(true)
    writeFiles(models, { 'silero_vad.onnx': namedOnnx() })
    expect((await findActivityModel(undefined, env)).file).toBe(path.join(models, 'silero_vad.onnx'))
    writeFiles(path.join(home, 'mine'), { 'silero_vad.onnx': namedOnnx() })
    expect((await findActivityModel(path.join(home, 'mine'), env)).folder).toBe(path.join(home, 'mine'))
  })
})

describe('the catalogue', () => {
  const files = catalogue.flatMap((entry) =>
    Object.values<ModelFile>(entry.files).map((file) => ({ entry: entry.name, revision: entry.revision, ...file })),
  )
  const recognisers = catalogue.filter((entry) => entry.role === 'recogniser')

  it('names repositories, commits or branches, and files', () => {
    for (const { repo, revision } of catalogue) {
      expect(`${repo}@${revision}`).toMatch(/^[\w.-]+\/[\w.-]+@(?:[0-9a-f]{40}|main)$/)
    }
    for (const { path: name, size } of files) expect(`${name} ${size}`).toMatch(/\.(?:onnx|txt) [1-9]\d+$/)
    expect(new Set(catalogue.map(({ name }) => name)).size).toBe(catalogue.length)
  })

  it('has the hash of every file of a fixed commit', () => {
    const known = files.filter((file) => file.sha256 !== undefined)
    for (const { sha256: hash } of known) expect(hash).toMatch(/^[0-9a-f]{64}$/)
    const unknown = files.filter((file) => file.sha256 === undefined)
    expect(new Set(unknown.map((file) => `${file.entry}@${file.revision}`))).toEqual(new Set(['whisper-base@main']))
  })

  it('has the parts that each kind is loaded from', () => {
    const parts = { whisper: 'decoder encoder', senseVoice: 'model', transducer: '', nemoTransducer: '' }
    for (const { kind, files: own } of recognisers) {
      const names = Object.keys(own).filter((part) => part !== 'tokens')
      expect(names.toSorted().join(' ')).toBe(parts[kind] || 'decoder encoder joiner')
    }
    for (const { languages } of recognisers) expect(languages.join(' ')).toMatch(/^[a-z]{2,3}(?: [a-z]{2,3})*$/)
  })
})
