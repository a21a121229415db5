import path from 'node:path'
import { EngineError } from '../../errors.ts'
import { catalogue, findEntry, isPinned, type ModelEntry } from './catalogue.ts'
import { cachedModel, expectedFile } from './hub-cache.ts'
import { fromEntry, fromPackage, identifyRecogniser, listFolder } from './identify.ts'
import type { ActivityModelFile, ExpectedFile, RecogniserModel, SpeakerModelFile } from './model.ts'
import { bundledPackage, expectedFiles, findPackage, isPackageName, type ModelPackage, readPackage } from './package.ts'
import { type Environment, isFile, isFolder, modelsFolder, sizeOfFile } from './places.ts'
import { readOnnxMetadata } from './verify.ts'

/**
 * The recogniser that `model` names: the one in the box, without a name; a folder, for anything with a `/` in it; a folder
 * of that name in `DIARIZE_STREAM_MODELS`; a package that holds models; or a model of the catalogue that is in the cache of
 * the Hub. Nothing is downloaded, and nothing is loaded.
 *
 * @throws EngineError `MODEL_MISSING` with the next step where it is not here, `MODEL_UNUSABLE` where it is damaged or of a
 * kind that is not supported, `ENGINE_UNAVAILABLE` where the package is not installed.
 */
export async function findRecogniser(
  model: string | undefined,
  env: Environment = process.env,
): Promise<RecogniserModel> {
  if (model === undefined) return fromPackage(findPackage(bundledPackage, env))
  if (isPath(model)) return await identifyRecogniser(path.resolve(model), model)
  if (isPackageName(model)) return fromPackage(findPackage(model, env))
  const own = ownFolder(model, env)
  if (own !== undefined) return await identifyRecogniser(own, model)
  const entry = findEntry(model)
  if (entry?.role === 'recogniser') {
    const { folder, files, expected } = inCache(entry, env)
    // Of files of which nobody knows what they are, what they say of themselves counts.
    if (!isPinned(entry)) return { ...(await identifyRecogniser(folder, model)), expected }
    return fromEntry(entry, { name: model, folder, files, expected })
  }
  const box = tryBundled(env)
  if (box?.name === model) return fromPackage(box)
  if (entry !== undefined) {
    throw new EngineError(
      'MODEL_MISSING',
      `${model} tells voices apart, and recognises no words; ${choices('recogniser')}`,
    )
  }
  throw new EngineError('MODEL_MISSING', `there is no recogniser called ${model}; ${choices('recogniser')}`, { model })
}

/**
 * The speaker model by path, folder or catalogue; without a name, `voices*.onnx` beside the recogniser, or the one in
 * the box. @throws EngineError
 */
export async function findSpeakerModel(
  model: string | undefined,
  recogniserFolder?: string,
  env: Environment = process.env,
): Promise<SpeakerModelFile> {
  if (model === undefined) return await defaultVoices(recogniserFolder, env)
  if (isPath(model) || model.endsWith('.onnx')) return await checkVoices(namedFile(path.resolve(model), model))
  if (isPackageName(model)) return packagedVoices(findPackage(model, env))
  const own = ownFolder(model, env)
  if (own !== undefined) return await checkVoices(namedFile(own, model))
  const entry = findEntry(model)
  if (entry?.role === 'speakers') {
    const { folder, files, expected } = inCache(entry, env)
    return { name: model, folder, file: files['model']!, expected }
  }
  const what = entry === undefined ? `there is no speaker model called ${model}` : `${model} tells no voices apart`
  throw new EngineError('MODEL_MISSING', `${what}; ${choices('speakers')}`, { model })
}

/**
 * The model of voice activity: beside the recogniser, in `DIARIZE_STREAM_MODELS`, or in the box. @throws EngineError
 */
export async function findActivityModel(
  recogniserFolder?: string,
  env: Environment = process.env,
): Promise<ActivityModelFile> {
  for (const folder of nearFolders(recogniserFolder, env)) {
    const file = path.join(folder, 'silero_vad.onnx')
    if (isFile(file)) return { name: 'silero', folder, file, expected: expectedBeside(folder) }
  }
  const box = findPackage(bundledPackage, env)
  if (box.vad === undefined) throw lacks(box, 'model of voice activity')
  return { name: 'silero', folder: box.folder, file: path.join(box.folder, box.vad.file), expected: expectedFiles(box) }
}

/** The folder of an entry, whole, if it is on this machine. */
export function installedFolder(entry: ModelEntry, env: Environment = process.env): string | undefined {
  const own = ownFolder(entry.name, env)
  if (own !== undefined) return own
  const cached = cachedModel(entry, env)
  return cached?.missing.length === 0 ? cached.folder : undefined
}

function inCache(
  entry: ModelEntry,
  env: Environment,
): { folder: string; files: Record<string, string>; expected: ExpectedFile[] } {
  const cached = cachedModel(entry, env)
  if (cached !== undefined && cached.missing.length === 0) {
    const expected = Object.entries(cached.files).flatMap(([part, file]) => expectedFile(entry, part, file, env) ?? [])
    return { ...cached, expected }
  }
  const isBroken = cached !== undefined && Object.keys(cached.files).length > 0
  const what = isBroken
    ? `of the model ${entry.name} a part is not on this machine`
    : `the model ${entry.name} is not on this machine`
  const next = `diarize-stream models pull ${entry.name}`
  throw new EngineError('MODEL_MISSING', `${what}; get it: ${next}`, { model: entry.name })
}

async function defaultVoices(recogniserFolder: string | undefined, env: Environment): Promise<SpeakerModelFile> {
  for (const folder of nearFolders(recogniserFolder, env)) {
    const file = listFolder(folder).find((item) => /^voices.*\.onnx$/.test(item))
    if (file === undefined) continue
    const { name } = path.parse(file)
    return await checkVoices({ name, folder, file: path.join(folder, file), expected: expectedBeside(folder) })
  }
  return packagedVoices(findPackage(bundledPackage, env))
}

/** Where the other models of a recogniser are looked for: beside it, then in the folder of all models. */
function nearFolders(recogniserFolder: string | undefined, env: Environment): string[] {
  return [recogniserFolder, modelsFolder(env)].filter((folder) => folder !== undefined).filter(isFolder)
}

function packagedVoices(box: ModelPackage): SpeakerModelFile {
  if (box.speakers === undefined) throw lacks(box, 'speaker model')
  const { name, file } = box.speakers
  return { name, folder: box.folder, file: path.join(box.folder, file), expected: expectedFiles(box) }
}

function namedFile(place: string, name: string): SpeakerModelFile {
  if (isFile(place)) return { name, folder: path.dirname(place), file: place, expected: knownVoices(place) }
  if (!isFolder(place)) {
    throw new EngineError('MODEL_MISSING', `there is no speaker model ${place}; check the path`, { model: name })
  }
  const all = listFolder(place).filter((item) => item.endsWith('.onnx') && item !== 'silero_vad.onnx')
  const voices = all.filter((item) => item.startsWith('voices'))
  const file = voices[0] ?? all[0]
  if (file === undefined || (voices.length === 0 && all.length > 1)) {
    const what = file === undefined ? 'has no .onnx file' : `has several .onnx files: ${all.slice(0, 5).join(', ')}`
    throw new EngineError('MODEL_MISSING', `${place} ${what}; name the file of the speaker model`, { folder: place })
  }
  return { name, folder: place, file: path.join(place, file), expected: knownVoices(path.join(place, file)) }
}

/** What the catalogue knows of a file of that name and size. */
function knownVoices(file: string): ExpectedFile[] {
  const size = sizeOfFile(file)
  for (const entry of catalogue) {
    if (entry.role !== 'speakers') continue
    const { path: name, size: known, sha256 } = entry.files.model
    if (path.basename(file) === name && size === known && sha256 !== undefined) return [{ file, size: known, sha256 }]
  }
  return []
}

/** The library ends the process at a file without these metadata. */
async function checkVoices(found: SpeakerModelFile): Promise<SpeakerModelFile> {
  let reason: string | undefined
  let cause: unknown
  try {
    const metadata = await readOnnxMetadata(found.file)
    const framework = metadata.get('framework') ?? ''
    const rate = metadata.get('sample_rate')
    if (!['wespeaker', '3d-speaker', 'nemo'].includes(framework)) {
      reason = 'its metadata name neither wespeaker nor 3d-speaker nor nemo as framework'
    } else if (rate !== '16000')
      reason = `it wants audio of ${rate ?? 'an unknown number of'} samples a second, not 16000`
  } catch (error) {
    cause = error
    reason = (error as Error).message
  }
  if (reason === undefined) return found
  const message = `${found.file} is no speaker model that can be used: ${reason}; take one of sherpa-onnx's`
  throw new EngineError('MODEL_UNUSABLE', message, { file: found.file, cause })
}

function expectedBeside(folder: string): ExpectedFile[] {
  const described = readPackage(folder)
  return described === undefined ? [] : expectedFiles(described)
}

function ownFolder(model: string, env: Environment): string | undefined {
  const models = modelsFolder(env)
  const folder = models === undefined ? undefined : path.join(models, model)
  return folder !== undefined && isFolder(folder) ? folder : undefined
}

function tryBundled(env: Environment): ModelPackage | undefined {
  try {
    return findPackage(bundledPackage, env)
  } catch {
    return undefined
  }
}

function isPath(model: string): boolean {
  return /[/\\]/.test(model.replace(/^@[^/]+\/(?=diarize-stream-model-)/, '')) || model === '.' || model === '..'
}

function choices(role: ModelEntry['role']): string {
  const names = catalogue.filter((entry) => entry.role === role).map(({ name }) => name)
  return `it is one of ${names.join(', ')}, a package diarize-stream-model-…, or a path with a / in it`
}

function lacks({ name, folder }: ModelPackage, what: string): EngineError {
  return new EngineError('MODEL_MISSING', `the model ${name} in ${folder} has no ${what}; name one`, { folder })
}
