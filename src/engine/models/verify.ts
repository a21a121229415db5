import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, readFile, stat } from 'node:fs/promises'
import { EngineError } from '../../errors.ts'
import type { ActivityModelFile, RecogniserModel, SpeakerModelFile } from './model.ts'

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
      const sha256 = await hashFile(file).catch((error: Error) => {
        throw unusable(model.name, file, error.message, error)
      })
      if (sha256 !== expected.sha256) {
        throw unusable(model.name, file, `its SHA-256 is ${sha256} instead of ${expected.sha256}`)
      }
    }
    known.set(file, now)
  }
}

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
  const { syscall } = (cause ?? {}) as NodeJS.ErrnoException
  if (syscall !== undefined) {
    const message = `the model ${model} is not loaded, for a file of it cannot be read: ${reason}; make it readable`
    return new EngineError('MODEL_UNUSABLE', message, { file, cause })
  }
  return new EngineError(
    'MODEL_UNUSABLE',
    `the model ${model} is not loaded, for a file of it is damaged or another one: ${file}: ${reason}. Delete that file and ` +
      'get the model again: diarize-stream models list',
    { file, cause },
  )
}

/** Why a file is no whole ONNX model. */
export class NoOnnxFile extends Error {
  constructor(reason = 'it is no ONNX file') {
    super(reason)
  }
}

/** Fields of the message `ModelProto` of ONNX: the graph, and the pairs of metadata. */
const graphField = 7
const metadataField = 14
/** The highest field that ONNX has given out (functions). */
const lastField = 25
/** Fields at the top, of which a model has a few dozen. */
const maxFields = 2000
/** Bytes of one pair of metadata, and of all: those of Whisper have 3 kB. */
const limits = { pair: 1 << 20, all: 4 << 20 }
/** Most bytes of a number, which is less than 2 to the power of 49, and of the two before the content of a field. */
const varintBytes = 7
const headBytes = 2 * varintBytes

/** The metadata of an ONNX file. Reads only the lengths of its top fields, by which a file that was cut off shows. */
export async function readOnnxMetadata(file: string): Promise<Map<string, string>> {
  const handle = await open(file, 'r')
  try {
    return await readFields(handle, (await handle.stat()).size)
  } finally {
    await handle.close()
  }
}

async function readFields(handle: FileHandle, size: number): Promise<Map<string, string>> {
  const metadata = new Map<string, string>()
  let hasGraph = false
  let bytes = 0
  for (let at = 0, count = 0; at < size; count++) {
    const head = await bytesAt(handle, at, Math.min(size - at, headBytes))
    const [tag, behindTag] = readVarint(head, 0)
    const field = Math.floor(tag / 8)
    const wire = tag % 8
    if (count === maxFields || field < 1 || field > lastField || (wire !== 0 && wire !== 2)) throw new NoOnnxFile()
    const [length, behindHead] = readVarint(head, behindTag)
    at += behindHead
    if (wire === 0) continue
    if (length > size - at) throw new NoOnnxFile(`it ends ${length - (size - at)} bytes too early`)
    if (field === graphField) hasGraph = true
    if (field === metadataField) {
      bytes += length
      if (length > limits.pair || bytes > limits.all) throw new NoOnnxFile('its metadata are too long')
      const [key, value] = parsePair(await bytesAt(handle, at, length))
      metadata.set(key, value)
    }
    at += length
  }
  if (!hasGraph) throw new NoOnnxFile()
  return metadata
}

function parsePair(bytes: Buffer): [key: string, value: string] {
  const texts: [string, string] = ['', '']
  for (let at = 0; at < bytes.length;) {
    const [tag, behindTag] = readVarint(bytes, at)
    const [length, start] = readVarint(bytes, behindTag)
    if (tag % 8 !== 2 || length > bytes.length - start) throw new NoOnnxFile('its metadata are damaged')
    const field = Math.floor(tag / 8)
    at = start + length
    if (field === 1 || field === 2) texts[field - 1] = bytes.toString('utf8', start, at)
  }
  return texts
}

/** A number of 7 bits a byte, and the place behind it. */
function readVarint(bytes: Buffer, at: number): [value: number, behind: number] {
  let value = 0
  for (let index = 0; index < varintBytes; index++) {
    const byte = bytes[at + index]
    if (byte === undefined) throw new NoOnnxFile('it ends too early')
    value += (byte % 128) * 128 ** index
    if (byte < 128) return [value, at + index + 1]
  }
  throw new NoOnnxFile()
}

async function bytesAt(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at)
  if (bytesRead < length) throw new NoOnnxFile('it ends too early')
  return buffer
}
