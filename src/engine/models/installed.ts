import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { EngineError } from '../../errors.ts'
import { catalogue, findEntry, type ModelEntry } from './catalogue.ts'
import { modelsFolder } from './folder.ts'
import { recordName } from './record.ts'

/** The files of a streaming transducer, full paths. */
export interface TransducerFiles {
  encoder: string
  decoder: string
  joiner: string
  tokens: string
}

/** A recogniser on this machine. */
export interface RecogniserFiles {
  name: string
  folder: string
  files: TransducerFiles
  /** Whether its vocabulary has no small letters. */
  onlyCapitals: boolean
}

/** A speaker model on this machine. */
export interface SpeakerFile {
  name: string
  folder: string
  file: string
  threshold: number
}

/** Cosine at which one voice is as likely as two, for a model of which nothing is known. */
const ordinaryThreshold = 0.5

/** Whether the model has been pulled, whole. */
export function isInstalled(entry: Pick<ModelEntry, 'name'>, models: string = modelsFolder()): boolean {
  return existsSync(path.join(models, entry.name, recordName))
}

/** The first entry of that role, in the order of the table, that has been pulled. */
export function firstInstalled(role: ModelEntry['role'], models: string = modelsFolder()): ModelEntry | undefined {
  return catalogue.find((entry) => entry.role === role && isInstalled(entry, models))
}

/**
 * The recogniser that `model` names.
 *
 * @param model - a name of the table, or a folder; anything with a `/` is a folder.
 * @throws EngineError `MODEL_MISSING` where it is not there, or is not whole.
 */
export function findRecogniser(model: string, models: string = modelsFolder()): RecogniserFiles {
  const folder = find(model, 'recogniser', models)
  const names = list(folder)
  const encoder = choose(names, 'encoder', '')
  // The parts are trained together: of several sets in a folder, one is taken.
  const rest = encoder === undefined ? '' : stem(encoder, 'encoder')
  const parts = { encoder, decoder: choose(names, 'decoder', rest), joiner: choose(names, 'joiner', rest) }
  const missing = Object.entries({ ...parts, tokens: names.find((name) => name === 'tokens.txt') }).find(
    ([, name]) => name === undefined,
  )
  if (missing !== undefined) {
    const wanted = missing[0] === 'tokens' ? 'tokens.txt' : `${missing[0]}*.onnx`
    throw new EngineError(
      'MODEL_MISSING',
      `${folder} is no streaming transducer of sherpa-onnx: it has no ${wanted}; give the folder that has it`,
      { folder },
    )
  }
  const at = (name: string | undefined): string => path.join(folder, name!)
  const files = {
    encoder: at(parts.encoder),
    decoder: at(parts.decoder),
    joiner: at(parts.joiner),
    tokens: at('tokens.txt'),
  }
  return { name: model, folder, files, onlyCapitals: knowsOnlyCapitals(readFileSync(files.tokens, 'utf8')) }
}

/**
 * The speaker model that `model` names: a name of the table, or the path of an `.onnx` file.
 *
 * @throws EngineError `MODEL_MISSING` where it is not there.
 */
export function findSpeakers(model: string, models: string = modelsFolder()): SpeakerFile {
  const entry = findEntry(model)
  const threshold = entry?.threshold ?? ordinaryThreshold
  if (isPath(model) || model.endsWith('.onnx')) {
    const file = path.resolve(model)
    if (statSync(file, { throwIfNoEntry: false })?.isFile() === true) {
      return { name: model, folder: path.dirname(file), file, threshold }
    }
    throw new EngineError('MODEL_MISSING', `there is no speaker model ${file}; check the path`)
  }
  const folder = find(model, 'speakers', models)
  const name = list(folder).find((item) => item.endsWith('.onnx'))
  if (name === undefined) throw new EngineError('MODEL_MISSING', `${folder} has no .onnx file; pull ${model} again`)
  return { name: model, folder, file: path.join(folder, name), threshold }
}

/** Whether a vocabulary, the text of a `tokens.txt`, has capitals and no small letters. */
export function knowsOnlyCapitals(vocabulary: string): boolean {
  const tokens = vocabulary.split('\n').map((line) => line.replace(/\s+\S*\s*$/, ''))
  const plain = tokens.filter((token) => !/^<[^<>]+>$/.test(token)).join('')
  return /\p{Lu}/u.test(plain) && !/\p{Ll}/u.test(plain)
}

function isPath(model: string): boolean {
  return model.includes('/') || model.includes(path.sep) || model === '.' || model === '..'
}

function find(model: string, role: ModelEntry['role'], models: string): string {
  if (isPath(model)) {
    const folder = path.resolve(model)
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return folder
    throw new EngineError('MODEL_MISSING', `there is no folder ${folder} with a model; check the path`)
  }
  const entry = findEntry(model)
  if (entry?.role === role) {
    if (isInstalled(entry, models)) return path.join(models, model)
    throw new EngineError(
      'MODEL_MISSING',
      `the model ${model} is not in ${models}; get it: diarize-stream models pull ${model}`,
      { model },
    )
  }
  const names = catalogue.filter((item) => item.role === role).map(({ name }) => name)
  throw new EngineError(
    'MODEL_MISSING',
    `there is no ${role === 'recogniser' ? 'recogniser' : 'speaker model'} called ${model}; it is one of ` +
      `${names.join(', ')}, or a path with a / in it`,
    { model },
  )
}

function list(folder: string): string[] {
  return readdirSync(folder).toSorted()
}

/** The file of one part: of the same set where there are several, and for the encoder, which is large, with small weights. */
function choose(names: readonly string[], part: keyof TransducerFiles, rest: string): string | undefined {
  const all = names.filter((name) => name.startsWith(part) && name.endsWith('.onnx'))
  const same = all.filter((name) => stem(name, part) === rest)
  const candidates = same.length > 0 ? same : all
  const isSmall = (name: string): boolean => name.endsWith('.int8.onnx')
  const wantsSmall = part !== 'decoder'
  return candidates.find((name) => isSmall(name) === wantsSmall) ?? candidates[0]
}

/** What the files of one set have in common. */
function stem(name: string, part: string): string {
  return name.slice(part.length).replace(/(\.int8|\.fp16)?\.onnx$/, '')
}
