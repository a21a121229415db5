import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { EngineError } from '../../errors.ts'
import type { ActivityModelFile, RecogniserModel, SpeakerModelFile } from './model.ts'
import { readOnnxMetadata } from './onnx-metadata.ts'

/** Files that were found to be right, with what would change if they did. */
const known = new Map<string, string>()

/**
 * Checks every file of a model before it is loaded: size and SHA-256 where it is known what they must be, else whether
 * the file is whole. The library would end the process at a damaged file, or hear nothing for ever with an empty
 * vocabulary. A file that has not changed since this process checked it is not read again.
 *
 * @throws EngineError `MODEL_MISSING` for a file that is gone, `MODEL_UNUSABLE` for one that is not what it must be.
 */
export async function verifyModel(model: RecogniserModel | SpeakerModelFile | ActivityModelFile): Promise<void> {
  const files = 'files' in model ? Object.values(model.files) : [model.file]
  for (const file of files) {
    const expected = model.expected.find((item) => item.file === file)
    const { size, mtimeMs, ino } = await state(file, model.name)
    const now = `${size} ${mtimeMs} ${ino} ${expected?.sha256 ?? ''}`
    if (known.get(file) === now) continue
    if (size === 0) throw unusable(model.name, file, 'it is empty')
    if (expected === undefined) await checkWhole(model.name, file)
    else {
      if (size !== expected.size) {
        throw unusable(model.name, file, `it has ${size} bytes instead of ${expected.size}`)
      }
      const sha256 = await hashFile(file)
      if (sha256 !== expected.sha256) {
        throw unusable(model.name, file, `its SHA-256 is ${sha256} instead of ${expected.sha256}`)
      }
    }
    known.set(file, now)
  }
}

/** SHA-256 of a file in hex. */
export async function hashFile(file: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, { signal, highWaterMark: 1 << 20 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

async function state(file: string, model: string): Promise<{ size: number; mtimeMs: number; ino: number }> {
  try {
    return await stat(file)
  } catch (error) {
    const message = `the model ${model} has no file ${file} any more; get it again: diarize-stream models list`
    throw new EngineError('MODEL_MISSING', message, { cause: error, file })
  }
}

/** What can be said of a file of which nobody has said what it must be. */
async function checkWhole(model: string, file: string): Promise<void> {
  try {
    if (file.endsWith('.onnx')) await readOnnxMetadata(file)
    // Every line is a token and its number; the last one of a file that was cut off mostly is not.
    else if (!/\s\d+\s*$/.test(await readFile(file, 'utf8'))) throw new Error('it is no vocabulary, or not whole')
  } catch (error) {
    throw unusable(model, file, (error as Error).message, error)
  }
}

function unusable(model: string, file: string, reason: string, cause?: unknown): EngineError {
  return new EngineError(
    'MODEL_UNUSABLE',
    `the model ${model} is not loaded, for a file of it is damaged or another one: ${file}: ${reason}. Delete that file and ` +
      'get the model again: diarize-stream models list',
    { file, ...(cause !== undefined && { cause }) },
  )
}
