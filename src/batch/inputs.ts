import type { Stats } from 'node:fs'
import { type FileHandle, open, readdir, readFile, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { InputError } from '../errors.ts'
import { defined, invalidOption } from '../options.ts'
import { redact } from '../redact.ts'
import { filePath } from '../sources/address.ts'

/**
 * An input of {@link captionAll}: a file; a folder, of which all media files are taken, also in the folders in it; a list, a
 * text file that ends in `.txt` and has an input on each line; an `http:` or `https:` address of a recording. One given with a
 * `name` is a file or an address whose outputs are called so, without an ending; the name may have folders: `week1/opening`.
 */
export type CaptionInput = string | URL | { input: string | URL; name: string }

/** One recording that is to be captioned. */
export interface FoundInput {
  /** A path or an address. */
  input: string
  /** Folders between the folder that was given and the file, that one first; empty for what was named itself. */
  folder: string
  /** What its outputs are to be called, where the user says so. */
  name?: string | undefined
  /** Size of a file. */
  bytes?: number | undefined
  /** Why it cannot be read, where that is known already. */
  trouble?: InputError | undefined
}

/** What is taken out of folders. Whatever a file is called, it is taken where it is named. */
const MEDIA = new Set(
  (
    '3g2 3gp aac ac3 aif aiff amr asf au avi caf dv eac3 f4v flac flv m2ts m4a m4b m4v mka mkv mov mp2 mp3 mp4 mpeg mpg mts ' +
    'mxf oga ogg ogv opus rm spx ts vob w64 wav webm wma wmv wv'
  ).split(' '),
)

/** Endings that programs in TypeScript have, too. */
const TRANSPORT_STREAMS = new Set(['ts', 'mts'])
const PACKET_BYTES = 188
const SYNC_BYTE = 0x47

const ADDRESS = /^([a-z][a-z0-9+.-]+):\/\//i

/** The address that an input is; `undefined` for a path. */
export function addressOf(input: string): URL | undefined {
  const scheme = ADDRESS.exec(input)?.[1]?.toLowerCase()
  return (scheme === 'http' || scheme === 'https') && URL.canParse(input) ? new URL(input) : undefined
}

/** Whether an input is a list of others. */
export function isList(input: string): boolean {
  return !ADDRESS.test(input) && path.extname(input).toLowerCase() === '.txt'
}

/** The inputs that a list names, one a line; empty lines and those that begin with `#` are left out, a name follows a tab. */
export function parseList(text: string): { input: string; name?: string }[] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [input = '', ...name] = line.split('\t').map((part) => part.trim())
      return name.length === 0 ? { input } : { input, name: name.join(' ') }
    })
}

/** Refuses what cannot be the name of an output below a folder. */
function checkName(option: string, name: unknown): void {
  const isName = typeof name === 'string' && name !== '' && name.length <= 1000 && !/\p{Cc}|\\/u.test(name)
  const parts = isName ? name.split('/') : ['']
  if (parts.every((part) => !['', '.', '..'].includes(part)) && !path.isAbsolute(String(name))) return
  throw invalidOption(option, 'a name without ending, below the output folder', name)
}

/** An input as it was given, or stood in a list. */
export interface ListedInput {
  /** A path or an address. */
  input: string
  name?: string
}

/**
 * What was given, with the inputs in lists instead of these.
 *
 * @throws (rejects with) {@link ConfigurationError} `INVALID_OPTION`, {@link InputError} where a list cannot be read
 */
export async function listedInputs(given: readonly CaptionInput[]): Promise<ListedInput[]> {
  const listed: ListedInput[] = []
  for (const [index, item] of given.entries()) {
    const { input, name } = plain(item, `inputs[${index}]`)
    if (name !== undefined || !isList(input)) {
      listed.push({ input, ...defined({ name }) })
      continue
    }
    for (const entry of parseList(await readList(input))) {
      if (entry.name !== undefined) checkName(`the name in ${input}`, entry.name)
      const isRelative =
        !ADDRESS.test(entry.input) && !['-', 'mic'].includes(entry.input) && !path.isAbsolute(entry.input)
      listed.push({ ...entry, input: isRelative ? path.join(path.dirname(input), entry.input) : entry.input })
    }
  }
  return listed
}

/**
 * The recordings behind what was given, each once, in the order given; those of a folder by their names, `2` before `10`. What
 * cannot be found or read is among them, and fails when its turn comes.
 *
 * @throws (rejects with) {@link ConfigurationError} `INVALID_OPTION` for what has no end, {@link InputError} where a list cannot
 * be read, or there is nothing at all.
 */
export async function findInputs(given: readonly CaptionInput[]): Promise<FoundInput[]> {
  return findListed(await listedInputs(given), given)
}

/** The same of what was {@link listedInputs listed}; `given` is what is told where there is nothing. */
export async function findListed(
  listed: readonly ListedInput[],
  given: readonly CaptionInput[],
): Promise<FoundInput[]> {
  const found: FoundInput[] = []
  const seen = new Set<string>()
  const add = async (one: FoundInput): Promise<void> => {
    const same = addressOf(one.input)?.href ?? (await realpath(one.input).catch(() => path.resolve(one.input)))
    // There may be very many of them: what is called as its file needs no other text.
    const isSame = same === one.input
    const key = one.name === undefined ? (isSame ? one.input : same) : JSON.stringify([same, one.name])
    if (seen.has(key)) return
    seen.add(key)
    found.push(one)
  }
  for (const one of listed) {
    checkFinite(one.input)
    await expand(one, add)
  }
  if (found.length > 0) return found
  const where = given.map((item) => redact(plain(item, 'inputs').input)).slice(0, 3)
  const message = `there is no audio or video in ${where.join(', ')}; name a file itself where its ending is unusual`
  throw new InputError('INPUT_NOT_FOUND', message)
}

function plain(item: CaptionInput, option: string): { input: string; name?: string } {
  if (typeof item === 'string' && item !== '') return { input: fromUrl(item) }
  if (item instanceof URL) return { input: fromUrl(item.href) }
  if (typeof item === 'object' && item !== null && 'input' in item) {
    checkName(`${option}.name`, item.name)
    return { ...plain(item.input, option), name: item.name }
  }
  throw invalidOption(option, 'a path, an address, or one with a name', item)
}

function fromUrl(input: string): string {
  return /^file:\/\//i.test(input) ? filePath(input) : input
}

function checkFinite(input: string): void {
  const scheme = ADDRESS.exec(input)?.[1]
  const isUnknown = scheme !== undefined && addressOf(input) === undefined
  if (!isUnknown && input !== '-' && input !== 'mic') return
  throw invalidOption('inputs', 'files, folders, lists, and addresses that begin with http: or https:', redact(input))
}

async function readList(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw unreadable(file, cause)
  }
}

function unreadable(file: string, cause: unknown): InputError {
  const { code } = cause as { code?: string }
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new InputError('INPUT_NOT_FOUND', `${file} does not exist; check the path`, { cause })
  }
  return new InputError('INPUT_UNREADABLE', `${file} cannot be read (${code}); check its permissions`, { cause })
}

async function expand(one: { input: string; name?: string }, add: (one: FoundInput) => Promise<void>): Promise<void> {
  const stats = addressOf(one.input) === undefined ? await statOf(one.input) : undefined
  if (stats?.isDirectory() !== true) return add({ ...one, folder: '', bytes: sizeOf(stats) })
  // Of `.` and `..` there is no name to be had that says anything.
  const own = path.basename(one.input)
  await walk(one.input, own === '.' || own === '..' ? '' : own, add)
}

async function walk(directory: string, folder: string, add: (one: FoundInput) => Promise<void>): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((cause: unknown) =>
    unreadable(directory, cause),
  )
  if (entries instanceof InputError) return add({ input: directory, folder, trouble: entries })
  const visible = entries.filter(({ name }) => !name.startsWith('.'))
  for (const entry of visible.toSorted((a, b) => byName().compare(a.name, b.name))) {
    const input = path.join(directory, entry.name)
    // Links to folders may go round in circles.
    if (entry.isDirectory()) await walk(input, path.join(folder, entry.name), add)
    else if (await isMedia(input)) await add({ input, folder, bytes: sizeOf(await statOf(input)) })
  }
}

/** The media files that are called as `file` is, but for the ending, and lie beside it, by their names. */
export async function mediaBeside(file: string): Promise<string[]> {
  const folder = path.dirname(file)
  const name = path.basename(file, path.extname(file))
  const entries = await readdir(folder).catch((): string[] => [])
  // An output may be called by the whole name of its input: talk.mp4.jsonl.
  const named = entries.filter((entry) => entry === name || path.basename(entry, path.extname(entry)) === name)
  const found: string[] = []
  for (const entry of named.toSorted((a, b) => byName().compare(a, b))) {
    const beside = path.join(folder, entry)
    if (await isMedia(beside)) found.push(beside)
  }
  return found
}

let collator: Intl.Collator | undefined

/** Made when it is used, as that takes milliseconds. */
function byName(): Intl.Collator {
  return (collator ??= new Intl.Collator('en', { numeric: true }))
}

async function isMedia(file: string): Promise<boolean> {
  const ending = path.extname(file).slice(1).toLowerCase()
  // A named pipe would wait for its writer; what cannot be looked at is told when its turn comes.
  if (!MEDIA.has(ending) || (await statOf(file))?.isFile() === false) return false
  return !TRANSPORT_STREAMS.has(ending) || isTransportStream(file)
}

/** Whether a file has the mark of its packets where two of them begin; each may have a time of 4 bytes before it. */
async function isTransportStream(file: string): Promise<boolean> {
  let handle: FileHandle | undefined
  try {
    handle = await open(file, 'r')
    const { buffer } = await handle.read(Buffer.alloc(PACKET_BYTES + 9), 0, PACKET_BYTES + 9, 0)
    const isMark = (at: number): boolean => buffer[at] === SYNC_BYTE
    return (isMark(0) && isMark(PACKET_BYTES)) || (isMark(4) && isMark(4 + PACKET_BYTES + 4))
  } catch {
    // What is wrong with it is said when its turn comes.
    return true
  } finally {
    await handle?.close()
  }
}

function statOf(file: string): Promise<Stats | undefined> {
  return stat(file).catch(() => undefined)
}

function sizeOf(stats: Stats | undefined): number | undefined {
  return stats?.isFile() === true ? stats.size : undefined
}
