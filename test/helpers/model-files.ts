import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { onnxFile } from './onnx.ts'
import { tinySpeakerModel } from './tiny-models.ts'

/** An ONNX file that computes nothing, and says `metadata` of itself. */
export function namedOnnx(metadata: Readonly<Record<string, string | number>> = {}): Buffer {
  return onnxFile({ inputs: [], outputs: [], constants: [], operations: [], metadata })
}

/** Metadata of the encoder of a Whisper that gives out its cross-attention. */
export const whisperMetadata = {
  model_type: 'whisper-base',
  is_multilingual: 1,
  all_language_codes: 'de,en,jw,no,pt',
  alignment_heads: '3:1,4:2',
}

/** Writes files into a folder, which is made. */
export function writeFiles(folder: string, files: Readonly<Record<string, Buffer | string>>): void {
  mkdirSync(folder, { recursive: true })
  for (const [name, data] of Object.entries(files)) writeFileSync(path.join(folder, name), data)
}

/** The text of a vocabulary of Whisper. */
export const whisperTokens = 'QQ== 0\nYQ== 1\n'

/** Writes a folder with a `model.json`, as the package of the model in the box has; `change` changes what it says. */
export function writeModelPackage(folder: string, change: Readonly<Record<string, unknown>> = {}): void {
  const files: Record<string, Buffer | string> = {
    'encoder.int8.onnx': namedOnnx({ ...whisperMetadata, model_type: 'whisper-tiny.en', is_multilingual: 0 }),
    'decoder.int8.onnx': namedOnnx(),
    'tokens.txt': whisperTokens,
    'silero_vad.onnx': namedOnnx(),
    'voices.onnx': tinySpeakerModel(),
  }
  const about = {
    format: 1,
    name: 'whisper-tiny.en',
    recogniser: {
      mode: 'offline',
      kind: 'whisper',
      languages: ['en'],
      detectsLanguage: false,
      lateMs: 74,
      files: { encoder: 'encoder.int8.onnx', decoder: 'decoder.int8.onnx', tokens: 'tokens.txt' },
    },
    vad: { file: 'silero_vad.onnx' },
    speakers: { name: 'voices', file: 'voices.onnx', size: 256 },
    files: Object.entries(files).map(([name, data]) => ({
      path: name,
      size: Buffer.from(data).length,
      sha256: createHash('sha256').update(data).digest('hex'),
    })),
  }
  writeFiles(folder, { ...files, 'model.json': JSON.stringify({ ...about, ...change }) })
}
