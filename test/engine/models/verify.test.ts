import { mkdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { findActivityModel, findRecogniser, findSpeakerModel } from '../../../src/engine/models/find.ts'
import { bundledPackage } from '../../../src/engine/models/package.ts'
import { NoOnnxFile, readOnnxMetadata, verifyModel } from '../../../src/engine/models/verify.ts'
import { namedOnnx, whisperMetadata, whisperTokens, writeFiles, writeModelPackage } from '../../helpers/model-files.ts'
import { tinySpeakerModel } from '../../helpers/tiny-models.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'
import { runs } from '../../helpers/runs.ts'

const directory = temporaryDirectories()
let box: string
let env: Record<string, string>
beforeEach(() => {
  const models = directory()
  env = { DIARIZE_STREAM_MODELS: models, HF_HOME: models }
  box = path.join(models, bundledPackage)
  writeModelPackage(box)
})

describe('verifyModel', () => {
  it('passes models that are what they must be', async () => {
    const models = [
      await findRecogniser(undefined, env),
      await findSpeakerModel(undefined, undefined, env),
      await findActivityModel(undefined, env),
    ]
    await expect(Promise.all(models.map((model) => verifyModel(model)))).resolves.toHaveLength(3)
  })

  it.each(['encoder.int8.onnx', 'decoder.int8.onnx', 'tokens.txt'])('finds another %s', async (name) => {
    const model = await findRecogniser(undefined, env)
    await verifyModel(model)
    const file = path.join(box, name)
    truncateSync(file, 10)
    await expect(verifyModel(model)).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      file,
      message: expect.stringContaining('it has 10 bytes instead of') as string,
    })
    rmSync(file)
    await expect(verifyModel(model)).rejects.toMatchObject({ code: 'MODEL_MISSING', file })
  })

  it('finds bytes that were changed in place', async () => {
    const model = await findSpeakerModel(undefined, undefined, env)
    await verifyModel(model)
    const data = Buffer.alloc(model.expected.find(({ file }) => file === model.file)!.size, 1)
    writeFileSync(model.file, data)
    await expect(verifyModel(model)).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringMatching(/its SHA-256 is [0-9a-f]{64} instead of [0-9a-f]{64}/) as string,
    })
  })

  it('does not read again what has not changed', async () => {
    const model = await findRecogniser(undefined, env)
    const file = model.files['tokens']!
    const same = new Date(1_000_000)
    utimesSync(file, same, same)
    await verifyModel(model)
    writeFileSync(file, whisperTokens.replace('QQ', 'Qg'))
    utimesSync(file, same, same)
    // Size, time and place are the same, so that nobody looks.
    await verifyModel(model)
    utimesSync(file, same, new Date(2_000_000))
    await expect(verifyModel(model)).rejects.toMatchObject({ code: 'MODEL_UNUSABLE' })
  })

  it('looks whether files of which nothing is known are whole', async () => {
    const folder = path.join(path.dirname(box), 'mine')
    const encoder = namedOnnx(whisperMetadata)
    writeFiles(folder, { 'encoder.onnx': encoder, 'decoder.onnx': encoder, 'tokens.txt': whisperTokens })
    const model = await findRecogniser('mine', env)
    await verifyModel(model)
    truncateSync(path.join(folder, 'decoder.onnx'), encoder.length - 2)
    await expect(verifyModel(model)).rejects.toThrow('it ends 2 bytes too early')
    writeFileSync(path.join(folder, 'decoder.onnx'), encoder)
    writeFileSync(path.join(folder, 'tokens.txt'), '')
    await expect(verifyModel(model)).rejects.toThrow('it is empty')
    writeFileSync(path.join(folder, 'tokens.txt'), '<html>no token</html>\n')
    await expect(verifyModel(model)).rejects.toThrow('it is no vocabulary')
  })

  it('does not take a file that cannot be read for a damaged one', async () => {
    const folder = path.join(path.dirname(box), 'closed')
    const encoder = namedOnnx(whisperMetadata)
    writeFiles(folder, { 'encoder.onnx': encoder, 'decoder.onnx': encoder, 'tokens.txt': whisperTokens })
    const model = await findRecogniser('closed', env)
    rmSync(path.join(folder, 'tokens.txt'))
    mkdirSync(path.join(folder, 'tokens.txt'))
    await expect(verifyModel(model)).rejects.toMatchObject({
      code: 'MODEL_UNUSABLE',
      message: expect.stringMatching(/cannot be read: EISDIR.*make it readable$/) as string,
    })
  })
})

function fileOf(data: Buffer): string {
  const file = path.join(directory(), 'model.onnx')
  writeFileSync(file, data)
  return file
}

describe('readOnnxMetadata', () => {
  it('reads what a model says of itself', async () => {
    const metadata = await readOnnxMetadata(fileOf(tinySpeakerModel({ comment: 'Grüße 模型', empty: '' })))
    expect(Object.fromEntries(metadata)).toMatchObject({ framework: 'wespeaker', comment: 'Grüße 模型', empty: '' })
  })

  it('jumps over a graph of any length', async () => {
    // The graph, field 7, of 3 GB, which the file has as a hole; behind it a pair of metadata.
    const graph = 3_000_000_000
    const head = Buffer.from([0x08, 0x07, 0x3a, ...varint(graph)])
    const tail = namedOnnx({ model_type: 'whisper-large' })
    const file = fileOf(head)
    truncateSync(file, head.length + graph)
    writeFileSync(file, tail, { flag: 'a' })
    expect((await readOnnxMetadata(file)).get('model_type')).toBe('whisper-large')
  })

  it('finds out a file that was cut off, at any place', async () => {
    const whole = namedOnnx({ model_type: 'whisper-base', url: 'https://example.org' })
    const results: unknown[] = []
    for (let length = 0; length < whole.length; length++) {
      results.push(await readOnnxMetadata(fileOf(whole.subarray(0, length))).catch((error: unknown) => error))
    }
    // Between two fields a file may end: what is left is whole, though not what it was.
    const others = results.filter((result) => !(result instanceof NoOnnxFile))
    expect(others.length).toBeLessThanOrEqual(3)
    expect(others.every((result) => result instanceof Map)).toBe(true)
  })

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:…\n')],
    ['a page', Buffer.from('<!doctype html><title>Sign in</title>')],
    ['zeros', Buffer.alloc(100_000)],
  ])('refuses %s', async (_, data) => {
    await expect(readOnnxMetadata(fileOf(data))).rejects.toBeInstanceOf(NoOnnxFile)
  })

  it('refuses metadata without end', async () => {
    await expect(readOnnxMetadata(fileOf(namedOnnx({ long: 'x'.repeat(2 << 20) })))).rejects.toThrow('too long')
    const many = Object.fromEntries(Array.from({ length: 2100 }, (_, at) => [`key${at}`, 1]))
    await expect(readOnnxMetadata(fileOf(namedOnnx(many)))).rejects.toBeInstanceOf(NoOnnxFile)
  })

  it('comes to an end with any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const result: unknown = await readOnnxMetadata(fileOf(Buffer.from(bytes))).catch((error: unknown) => error)
        expect(result instanceof Map || result instanceof NoOnnxFile).toBe(true)
      }),
      { numRuns: runs(200) },
    )
  })
})

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return [...bytes, rest]
}
