import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { EngineError } from '../../errors.ts'
import type { ExpectedFile, RecogniserKind, RecogniserTraits } from './model.ts'
import { type Environment, modelsFolder } from './places.ts'

/** The npm package of the model that comes in the box. */
export const bundledPackage = 'diarize-stream-model-en-tiny'

const packageName = /^(?:@[a-z0-9][\w.-]*\/)?diarize-stream-model-[a-z0-9][\w.-]*$/

/** What `model.json` in a folder of models says. */
export interface ModelPackage {
  name: string
  folder: string
  recogniser?: Omit<RecogniserTraits, 'hasWordTimes'> & { files: Record<string, string> }
  vad?: { file: string }
  speakers?: { name: string; file: string; size: number }
  files: { path: string; size: number; sha256: string }[]
}

export function isPackageName(model: string): boolean {
  return packageName.test(model)
}

/** In CommonJS, as bundlers make it, nothing has an address: what counts is what is installed where the program runs. */
const { url: here = path.resolve('index.js') } = import.meta as { url?: string }

/** The versions of `model.json` that are understood. */
const format = 1
/** Most bytes of it. */
const maxBytes = 1 << 20
const kinds: readonly string[] = ['whisper', 'transducer', 'nemoTransducer', 'senseVoice'] satisfies RecogniserKind[]

/** That package in `DIARIZE_STREAM_MODELS`, else where npm put it. @throws EngineError */
export function findPackage(name: string, env?: Environment): ModelPackage {
  const own = modelsFolder(env)
  const copied = own === undefined ? undefined : readPackage(path.join(own, name))
  if (copied !== undefined) return copied
  let manifest: string
  try {
    manifest = createRequire(here).resolve(`${name}/package.json`)
  } catch (error) {
    throw new EngineError(
      'ENGINE_UNAVAILABLE',
      `the npm package ${name} with the model is not installed, perhaps left out by --omit=optional; npm install ${name}`,
      { cause: error, package: name },
    )
  }
  const found = readPackage(path.dirname(manifest))
  if (found !== undefined) return found
  throw new EngineError('MODEL_UNUSABLE', `the npm package ${name} has no model.json; npm install ${name}`, {
    folder: path.dirname(manifest),
  })
}

/** What `model.json` in `folder` says; `undefined` without one. @throws EngineError `MODEL_UNUSABLE` */
export function readPackage(folder: string): ModelPackage | undefined {
  const file = path.join(folder, 'model.json')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
  const unusable = (reason: string): EngineError => new EngineError('MODEL_UNUSABLE', `${file} ${reason}`, { folder })
  if (text.length > maxBytes) throw unusable('is too long; install the package again')
  let value: { format?: unknown } & ModelPackage
  try {
    value = Object(JSON.parse(text)) as typeof value
  } catch {
    throw unusable('is damaged; install the package again')
  }
  if (typeof value.format === 'number' && value.format > format) {
    throw unusable('was made for a newer diarize-stream; npm install diarize-stream@latest')
  }
  if (value.format !== format || !isPackage(value)) throw unusable('is damaged; install the package again')
  return { ...value, folder }
}

export function expectedFiles({ folder, files }: ModelPackage): ExpectedFile[] {
  return files.map(({ path: name, size, sha256 }) => ({ file: path.join(folder, name), size, sha256 }))
}

function isPackage(value: Omit<ModelPackage, 'folder'>): boolean {
  if ([value.vad, value.speakers, value.recogniser].includes(null as never)) return false
  const { name, recogniser, vad, speakers, files } = value
  const isFile = (file: unknown): boolean =>
    typeof file === 'string' && file !== '' && !path.isAbsolute(file) && !file.split(/[/\\]/).includes('..')
  const isText = (text: unknown): boolean => typeof text === 'string' && text !== ''
  return (
    isText(name) &&
    Array.isArray(files) &&
    files.every(
      (item) => isFile(item?.path) && Number.isSafeInteger(item.size) && /^[0-9a-f]{64}$/.test(item.sha256),
    ) &&
    (vad === undefined || isFile(vad.file)) &&
    (speakers === undefined || (isText(speakers.name) && isFile(speakers.file))) &&
    (recogniser === undefined ||
      (kinds.includes(recogniser.kind) &&
        (recogniser.mode === 'offline' || recogniser.mode === 'streaming') &&
        Array.isArray(recogniser.languages) &&
        recogniser.languages.every(isText) &&
        typeof recogniser.detectsLanguage === 'boolean' &&
        Number.isFinite(recogniser.lateMs) &&
        typeof recogniser.files === 'object' &&
        isFile(recogniser.files['tokens']) &&
        Object.values(recogniser.files).every(isFile)))
  )
}
