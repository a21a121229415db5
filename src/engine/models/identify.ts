import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { EngineError, errorCode } from '../../errors.ts'
import { catalogue, type ModelFile, type RecogniserEntry } from './catalogue.ts'
import type { ExpectedFile, RecogniserKind, RecogniserModel, RecogniserTraits } from './model.ts'
import { expectedFiles, type ModelPackage, readPackage } from './package.ts'
import { isFile, sizeOfFile } from './places.ts'
import { readOnnxMetadata } from './verify.ts'

/** Names of at most so many files are looked at; a folder of models has a few dozen. */
const maxFiles = 10_000

type Part = 'encoder' | 'decoder' | 'joiner'

/** By how many ms the token times of Whisper come late, as measured by `docs/engines.md`. */
const whisperLateMs: Readonly<Record<string, number>> = { 'whisper-tiny.en': 74, 'whisper-base': -64 }

/**
 * The recogniser in a folder that somebody has put together: by its `model.json`, else by the names and sizes of a model of
 * the catalogue, else by what its ONNX files say of themselves.
 *
 * @param name - what it is called in messages.
 * @throws EngineError `MODEL_MISSING` where a file is not there, `MODEL_UNUSABLE` where one is damaged or of a kind that is
 * not supported.
 */
export async function identifyRecogniser(folder: string, name: string): Promise<RecogniserModel> {
  const names = listFolder(folder)
  const described = readPackage(folder)
  if (described !== undefined) return fromPackage(described, name)
  const entry = catalogue.find((item): item is RecogniserEntry => item.role === 'recogniser' && isCopyOf(item, folder))
  if (entry !== undefined) {
    const files = mapFiles(entry.files, (file) => path.join(folder, path.posix.basename(file.path)))
    return fromEntry(entry, { name, folder, files, expected: expectedOf(entry, files) })
  }
  const tokens = names.find((item) => /(?:^|[-_.])tokens\.txt$/.test(item))
  const encoder = choosePart(names, 'encoder', undefined)
  const model =
    names.find((item) => /^model.*\.int8\.onnx$/.test(item)) ?? names.find((item) => /^model.*\.onnx$/.test(item))
  const found =
    encoder !== undefined
      ? await identifyParts(folder, names, encoder, tokens)
      : model !== undefined
        ? await identifySingle(folder, model, tokens)
        : undefined
  if (found === undefined) {
    const reason = 'it has neither *encoder*.onnx (Whisper and transducers) nor model*.onnx (SenseVoice)'
    throw missing(folder, reason, 'give the folder that has them')
  }
  const files = mapFiles(found.files, (file) => path.join(folder, file))
  return completed({ ...found, name, folder, files, expected: [] })
}

/** What the files of a folder say, and their names by the parts that they are. */
type Identified = RecogniserTraits & { files: Record<string, string> }

export function fromPackage(described: ModelPackage, name: string = described.name): RecogniserModel {
  const { folder, recogniser } = described
  if (recogniser === undefined) throw missing(folder, 'its model.json names no recogniser', 'give another folder')
  const files = mapFiles(recogniser.files, (file) => path.join(folder, file))
  requireFiles(folder, Object.values(recogniser.files))
  return completed({ ...recogniser, name, folder, files, expected: expectedFiles(described), hasWordTimes: true })
}

export function fromEntry(
  entry: RecogniserEntry,
  place: Pick<RecogniserModel, 'name' | 'folder' | 'files' | 'expected'>,
): RecogniserModel {
  const { mode, kind, languages, detectsLanguage, lateMs, hasWordTimes } = entry
  return completed({ ...place, mode, kind, languages, detectsLanguage, lateMs, hasWordTimes })
}

/** A recogniser with what follows from its kind and its vocabulary. */
function completed(model: Omit<RecogniserModel, 'takesHotwords' | 'onlyCapitals'>): RecogniserModel {
  const { mode, kind, files } = model
  const takesHotwords = mode === 'offline' && (kind === 'transducer' || kind === 'nemoTransducer')
  return { ...model, takesHotwords, onlyCapitals: hasOnlyCapitals(kind, files) }
}

/** Whether a vocabulary, the text of a `tokens.txt`, has capitals and no small letters. */
export function knowsOnlyCapitals(vocabulary: string): boolean {
  const tokens = vocabulary.split('\n').map((line) => line.replace(/\s+\S*\s*$/, ''))
  const plain = tokens.filter((token) => !/^<[^<>]+>$/.test(token)).join('')
  return /\p{Lu}/u.test(plain) && !/\p{Ll}/u.test(plain)
}

/** Whisper's vocabulary is in base64, and has all letters. */
function hasOnlyCapitals(kind: RecogniserKind, { tokens }: Readonly<Record<string, string>>): boolean {
  try {
    return kind !== 'whisper' && tokens !== undefined && knowsOnlyCapitals(readFileSync(tokens, 'utf8'))
  } catch {
    return false
  }
}

async function identifyParts(
  folder: string,
  names: readonly string[],
  encoder: string,
  tokens: string | undefined,
): Promise<Identified> {
  const metadata = await metadataOf(folder, encoder)
  const type = metadata.get('model_type') ?? ''
  const isWhisper = type.startsWith('whisper')
  const kind: RecogniserKind = isWhisper ? 'whisper' : type.startsWith('EncDec') ? 'nemoTransducer' : 'transducer'
  if (!isWhisper && kind === 'transducer' && !/^(?:zipformer2?|conformer|lstm|ebranchformer)$/.test(type)) {
    throw unsupported(folder, encoder, type)
  }
  const parts: Partial<Record<Part | 'tokens', string | undefined>> = {
    encoder,
    decoder: choosePart(names, 'decoder', encoder, isWhisper),
    ...(!isWhisper && { joiner: choosePart(names, 'joiner', encoder) }),
    tokens,
  }
  const gone = Object.entries(parts).filter(([, file]) => file === undefined)
  if (gone.length > 0) {
    const wanted = gone.map(([part]) => (part === 'tokens' ? '*tokens.txt' : `*${part}*.onnx`)).join(' and no ')
    const what = isWhisper ? 'a Whisper' : 'a transducer'
    throw missing(folder, `it has ${encoder} of ${what}, but no ${wanted}`, 'copy the whole model')
  }
  const isStreaming = metadata.has(kind === 'transducer' ? 'decode_chunk_len' : 'window_size') && !isWhisper
  // A conversion of a model of the catalogue, though not the same files.
  const url = metadata.get('url')
  const alike = catalogue.find((item): item is RecogniserEntry => item.role === 'recogniser' && item.origin === url)
  const isMultilingual = metadata.get('is_multilingual') === '1'
  const languages = isWhisper
    ? isMultilingual
      ? listOf(metadata.get('all_language_codes'))
      : ['en']
    : (alike?.languages ?? [])
  return {
    mode: isStreaming ? 'streaming' : 'offline',
    kind,
    files: parts as Record<string, string>,
    languages,
    detectsLanguage: isWhisper ? isMultilingual : (alike?.detectsLanguage ?? false),
    lateMs: whisperLateMs[type] ?? 0,
    hasWordTimes: !isWhisper || listOf(metadata.get('alignment_heads')).length > 0,
  }
}

async function identifySingle(folder: string, model: string, tokens: string | undefined): Promise<Identified> {
  const metadata = await metadataOf(folder, model)
  const type = metadata.get('model_type') ?? ''
  if (type !== 'sense_voice_ctc') throw unsupported(folder, model, type)
  if (tokens === undefined) throw missing(folder, `it has ${model}, but no tokens.txt`, 'copy the whole model')
  const languages = [...metadata.keys()].flatMap((key) => /^lang_([a-z]{2,3})$/.exec(key)?.[1] ?? [])
  return {
    mode: 'offline',
    kind: 'senseVoice',
    files: { model, tokens },
    languages: languages.toSorted(),
    detectsLanguage: metadata.has('lang_auto'),
    lateMs: 0,
    hasWordTimes: true,
  }
}

/** One part, of the encoder's set, and with small weights, except for the small decoder of a transducer. */
function choosePart(
  names: readonly string[],
  part: Part,
  encoder: string | undefined,
  isWhisper = false,
): string | undefined {
  const all = names.filter((name) => name.endsWith('.onnx') && stem(name, part) !== undefined)
  const same = encoder === undefined ? all : all.filter((name) => stem(name, part) === stem(encoder, 'encoder'))
  const candidates = same.length > 0 ? same : all
  const wantsSmall = part !== 'decoder' || isWhisper
  return candidates.find((name) => name.endsWith('.int8.onnx') === wantsSmall) ?? candidates[0]
}

/** What the names of the files of one set have in common. */
function stem(name: string, part: Part): string | undefined {
  const [, before, after] = new RegExp(`^(.*?)${part}(.*?)(?:\\.int8|\\.fp16)?\\.onnx$`).exec(name) ?? []
  return before === undefined || (before !== '' && !/[-_.]$/.test(before)) ? undefined : `${before}*${after}`
}

/** Whether a folder has all files of an entry, by name and size; others have files of the same names. */
function isCopyOf(entry: RecogniserEntry, folder: string): boolean {
  return Object.values(entry.files).every(({ path: name, size, sha256 }) => {
    return sha256 !== undefined && sizeOfFile(path.join(folder, path.posix.basename(name))) === size
  })
}

function expectedOf(entry: RecogniserEntry, files: Readonly<Record<string, string>>): ExpectedFile[] {
  return Object.entries<ModelFile>(entry.files).flatMap(([part, { size, sha256 }]) =>
    sha256 === undefined ? [] : [{ file: files[part]!, size, sha256 }],
  )
}

function mapFiles<T>(files: Readonly<Record<string, T>>, map: (file: T) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([part, file]) => [part, map(file)]))
}

export function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder).slice(0, maxFiles).toSorted()
  } catch (error) {
    const isGone = errorCode(error) === 'ENOENT'
    const reason = isGone
      ? `there is no folder ${folder} with a model`
      : `the folder ${folder} cannot be read: ${(error as Error).message}`
    throw new EngineError('MODEL_MISSING', `${reason}; check the path`, { cause: error, folder })
  }
}

function requireFiles(folder: string, files: readonly string[]): void {
  const gone = files.filter((file) => !isFile(path.join(folder, file)))
  if (gone.length > 0)
    throw missing(folder, `it has no ${gone.join(' and no ')}, which its model.json names`, 'copy the whole model')
}

async function metadataOf(folder: string, name: string): Promise<Map<string, string>> {
  const file = path.join(folder, name)
  try {
    return await readOnnxMetadata(file)
  } catch (error) {
    const message = `the model in ${folder} cannot be used: ${name}: ${(error as Error).message}; copy that file again`
    throw new EngineError('MODEL_UNUSABLE', message, { cause: error, folder, file })
  }
}

function listOf(text: string | undefined): string[] {
  return (text ?? '').split(',').filter((item) => item !== '')
}

function missing(folder: string, reason: string, next: string): EngineError {
  return new EngineError('MODEL_MISSING', `${folder} is no whole model: ${reason}; ${next}`, { folder })
}

/** @param type - what `file` says of itself; empty where it says nothing. */
function unsupported(folder: string, file: string, type: string): EngineError {
  const what = type === '' ? 'has no model_type in its metadata' : `is of the type ${JSON.stringify(type)}`
  return new EngineError(
    'MODEL_UNUSABLE',
    `the model in ${folder} is of no kind that is supported: ${file} ${what}; what is: Whisper, transducers of icefall and NeMo, ` +
      'SenseVoice, as sherpa-onnx exports them',
    { folder },
  )
}
