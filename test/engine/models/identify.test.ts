import { rmSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { findEntry, type RecogniserEntry } from '../../../src/engine/models/catalogue.ts'
import { identifyRecogniser, knowsOnlyCapitals } from '../../../src/engine/models/identify.ts'
import { verifyModel } from '../../../src/engine/models/verify.ts'
import { namedOnnx, whisperMetadata, whisperTokens, writeFiles, writeModelPackage } from '../../helpers/model-files.ts'
import { writeTinyRecogniser } from '../../helpers/tiny-models.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'

const directory = temporaryDirectories()
let folder: string
beforeEach(() => {
  folder = directory()
})

const identify = () => identifyRecogniser(folder, './model')
const at = (name: string): string => path.join(folder, name)
const nemo = { model_type: 'EncDecRNNTBPEModel', url: 'https://huggingface.co/nvidia/parakeet-tdt-0.6b-v3' }

describe('identifyRecogniser', () => {
  it('knows a Whisper by its encoder', async () => {
    writeFiles(folder, {
      'small-encoder.int8.onnx': namedOnnx(whisperMetadata),
      'small-decoder.int8.onnx': namedOnnx(),
      'small-encoder.onnx': namedOnnx(),
      'small-decoder.onnx': namedOnnx(),
      'small-tokens.txt': whisperTokens,
      'silero_vad.onnx': namedOnnx(),
    })
    expect(await identify()).toEqual({
      name: './model',
      folder,
      expected: [],
      mode: 'offline',
      kind: 'whisper',
      files: {
        encoder: at('small-encoder.int8.onnx'),
        decoder: at('small-decoder.int8.onnx'),
        tokens: at('small-tokens.txt'),
      },
      languages: ['de', 'en', 'jw', 'no', 'pt'],
      detectsLanguage: true,
      lateMs: -64,
      onlyCapitals: false,
      takesHotwords: false,
      hasWordTimes: true,
    })
  })

  it('says of a Whisper without cross-attention that it has no word times, and of one for English that it knows no more', async () => {
    const { alignment_heads: _, ...without } = whisperMetadata
    writeFiles(folder, {
      'encoder.onnx': namedOnnx({ ...without, model_type: 'whisper-tiny.en', is_multilingual: 0 }),
      'decoder.onnx': namedOnnx(),
      'tokens.txt': whisperTokens,
    })
    const model = await identify()
    expect(model).toMatchObject({ hasWordTimes: false, languages: ['en'], detectsLanguage: false, lateMs: 74 })
  })

  it('knows a streaming transducer, whose vocabulary is in capitals', async () => {
    writeTinyRecogniser(folder)
    expect(await identify()).toMatchObject({
      mode: 'streaming',
      kind: 'transducer',
      files: { joiner: at('joiner-epoch-99-avg-1-chunk-16-left-128.onnx') },
      languages: [],
      detectsLanguage: false,
      onlyCapitals: true,
      takesHotwords: false,
    })
  })

  it('takes parts of one set, and the large decoder of a transducer', async () => {
    const encoder = namedOnnx({ model_type: 'zipformer2' })
    const sets = ['-left-64', '-left-128'].flatMap((set) =>
      ['.onnx', '.int8.onnx'].flatMap((end) => [
        [`encoder${set}${end}`, encoder],
        [`decoder${set}${end}`, namedOnnx()],
        [`joiner${set}${end}`, namedOnnx()],
      ]),
    )
    writeFiles(folder, { ...(Object.fromEntries(sets) as Record<string, Buffer>), 'tokens.txt': 'a 0\n' })
    const { files, mode, takesHotwords } = await identify()
    expect(files).toEqual({
      encoder: at('encoder-left-128.int8.onnx'),
      decoder: at('decoder-left-128.onnx'),
      joiner: at('joiner-left-128.int8.onnx'),
      tokens: at('tokens.txt'),
    })
    expect([mode, takesHotwords]).toEqual(['offline', true])
  })

  it('knows models of NeMo, streaming or not, and what the catalogue says of their kind', async () => {
    const files = { 'decoder.onnx': namedOnnx(), 'joiner.onnx': namedOnnx(), 'tokens.txt': '▁a 0\n' }
    writeFiles(folder, { ...files, 'encoder.onnx': namedOnnx(nemo) })
    const model = await identify()
    expect(model).toMatchObject({ mode: 'offline', kind: 'nemoTransducer', takesHotwords: true, detectsLanguage: true })
    expect(model.languages).toHaveLength(25)
    writeFileSync(at('encoder.onnx'), namedOnnx({ model_type: nemo.model_type, window_size: 65 }))
    expect(await identify()).toMatchObject({
      mode: 'streaming',
      kind: 'nemoTransducer',
      languages: [],
      takesHotwords: false,
    })
  })

  it('knows SenseVoice, which is one file', async () => {
    const languages = { lang_auto: 0, lang_zh: 3, lang_en: 4, lang_yue: 7, lang_nospeech: 13 }
    writeFiles(folder, {
      'model.int8.onnx': namedOnnx({ model_type: 'sense_voice_ctc', ...languages }),
      'tokens.txt': '<unk> 0\n',
    })
    expect(await identify()).toMatchObject({
      kind: 'senseVoice',
      files: { model: at('model.int8.onnx'), tokens: at('tokens.txt') },
      languages: ['en', 'yue', 'zh'],
      detectsLanguage: true,
    })
  })

  it('knows a copy of a model of the catalogue by names and sizes, and what its files must be', async () => {
    const entry = findEntry('zipformer-en') as RecogniserEntry
    // As long as the real ones, without a byte in them.
    for (const { path: name, size } of Object.values(entry.files)) {
      writeFileSync(at(name), '')
      truncateSync(at(name), size)
    }
    const model = await identify()
    expect(model).toMatchObject({ name: './model', mode: 'streaming', kind: 'transducer', languages: ['en'] })
    expect(model.expected).toHaveLength(4)
    await expect(verifyModel(model)).rejects.toMatchObject({ code: 'MODEL_UNUSABLE' })
  })

  it('takes what model.json says', async () => {
    writeModelPackage(folder)
    const model = await identify()
    expect(model).toMatchObject({ name: './model', kind: 'whisper', lateMs: 74, hasWordTimes: true })
    expect(model.expected).toHaveLength(5)
    rmSync(at('decoder.int8.onnx'))
    await expect(identify()).rejects.toMatchObject({
      code: 'MODEL_MISSING',
      message: expect.stringContaining('it has no decoder.int8.onnx, which its model.json names') as string,
    })
  })

  it.each([
    [{ format: 2 }, 'was made for a newer diarize-stream'],
    [{ format: undefined }, 'is damaged'],
    [{ files: [{ path: '../../etc/passwd', size: 1, sha256: 'a'.repeat(64) }] }, 'is damaged'],
    [{ recogniser: { kind: 'moonshine' } }, 'is damaged'],
    [{ recogniser: null }, 'is damaged'],
    [{ files: [null] }, 'is damaged'],
  ])('refuses a model.json with %j', async (change, message) => {
    writeModelPackage(folder, change)
    await expect(identify()).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringContaining(message) as string,
    })
  })

  const whisper = namedOnnx(whisperMetadata)
  it.each([
    [{}, 'it has neither *encoder*.onnx (Whisper and transducers) nor model*.onnx (SenseVoice)'],
    [{ 'encoder.onnx': whisper }, 'it has encoder.onnx of a Whisper, but no *decoder*.onnx and no *tokens.txt'],
    [{ 'encoder.onnx': whisper, 'tokens.txt': 'a 0' }, 'it has encoder.onnx of a Whisper, but no *decoder*.onnx;'],
    [
      { 'encoder.onnx': namedOnnx(nemo), 'decoder.onnx': namedOnnx(), 'tokens.txt': 'a 0' },
      'it has encoder.onnx of a transducer, but no *joiner*.onnx;',
    ],
    [{ 'model.onnx': namedOnnx({ model_type: 'sense_voice_ctc' }) }, 'it has model.onnx, but no tokens.txt'],
  ])('says what is missing (%#)', async (files, message) => {
    writeFiles(folder, files)
    await expect(identify()).rejects.toMatchObject({
      code: 'MODEL_MISSING',
      folder,
      message: expect.stringContaining(message) as string,
    })
  })

  it.each([
    [{ 'encoder.onnx': namedOnnx() }, 'encoder.onnx has no model_type in its metadata'],
    [{ 'encoder.onnx': namedOnnx({ model_type: 'canary' }) }, 'encoder.onnx is of the type "canary"'],
    [{ 'model.onnx': namedOnnx({ model_type: 'paraformer' }) }, 'model.onnx is of the type "paraformer"'],
    [{ 'encoder.onnx': whisper.subarray(0, -3) }, 'encoder.onnx: it ends 3 bytes too early; copy that file again'],
    [{ 'encoder.onnx': Buffer.from('<html>') }, 'encoder.onnx: it is no ONNX file'],
  ])('says why files cannot be used (%#)', async (files, message) => {
    writeFiles(folder, files)
    await expect(identify()).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringContaining(message) as string,
    })
  })

  it('says that there is no folder', async () => {
    folder = path.join(folder, 'nothing')
    await expect(identify()).rejects.toMatchObject({
      code: 'MODEL_MISSING',
      message: expect.stringContaining(folder) as string,
    })
  })
})

describe('knowsOnlyCapitals', () => {
  it('looks past tokens that are no text', () => {
    expect(knowsOnlyCapitals('<blk> 0\n▁HEL 1\nLO 2\n')).toBe(true)
    expect(knowsOnlyCapitals('<blk> 0\n▁Hel 1\n')).toBe(false)
    expect(knowsOnlyCapitals('▁你 0\n')).toBe(false)
  })
})
