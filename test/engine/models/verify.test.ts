import { rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { findActivityModel, findRecogniser, findSpeakerModel } from '../../../src/engine/models/find.ts'
import { boxPackage } from '../../../src/engine/models/package.ts'
import { verifyModel } from '../../../src/engine/models/verify.ts'
import { namedOnnx, whisperMetadata, whisperTokens, writeFiles, writeModelPackage } from '../../helpers/model-files.ts'
import { temporaryDirectories } from '../../sinks/temporary.ts'

const directory = temporaryDirectories()
let box: string
let env: Record<string, string>
beforeEach(() => {
  const models = directory()
  env = { DIARIZE_STREAM_MODELS: models, HF_HOME: models }
  box = path.join(models, boxPackage)
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
})
