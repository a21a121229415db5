import { mkdir, open, rename, rm, stat, statfs, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EngineError, errorCode, isAbortError } from '../../errors.ts'
import { FileLock } from '../../sinks/file-lock.ts'
import type { ModelEntry, ModelFile } from './catalogue.ts'
import {
  cachedCommit,
  cachedModel,
  expectedFile,
  type FirstHash,
  firstHashesFile,
  firstHashKey,
  isCommit,
  readFirstHashes,
  rememberFirstHashes,
  repoFolder,
  snapshotFolder,
} from './hub-cache.ts'
import {
  boundedFetch,
  hubFailure,
  hubSettings,
  type HubSettings,
  type HubTimeouts,
  quietly,
  RangeIgnored,
} from './hub-client.ts'
import { type Environment, hubCache, sizeOfFile, stateFolder } from './places.ts'
import { hashFile } from './verify.ts'

type Hub = typeof import('@huggingface/hub')

/** How far a pull has come. Bytes of all files that are downloaded. */
export interface PullProgress {
  done: number
  total: number
}

/** Options of {@link pullModel}. */
export interface PullOptions extends Partial<HubTimeouts> {
  signal?: AbortSignal
  onProgress?: (progress: PullProgress) => void
  /** @defaultValue that of the process */
  env?: Environment
  /** How often a file is tried, from where it was. @defaultValue 5 */
  attempts?: number
  /** Pause before the second attempt in ms, doubled for each further one. @defaultValue 1000 */
  retryDelay?: number
}

export interface PulledModel {
  folder: string
  /** Names of the files that were downloaded, and of those that had been there. */
  fetched: string[]
  there: string[]
  /** SHA-256 of the files whose hash was not known before, by name. */
  firstHashes: Record<string, string>
}

interface Wanted {
  file: ModelFile
  size: number
  /** Its name among the blobs of the cache. */
  etag: string
  sha256: string | undefined
}

/**
 * Downloads what the cache of the Hub lacks of a model, and checks all of its files; nothing that is not what it must be
 * gets into the cache. A download that broke off goes on where it was, also in the next pull.
 *
 * @throws EngineError `DOWNLOAD_FAILED`, or `ENGINE_UNAVAILABLE` where the client of the Hub is not installed;
 * ConfigurationError `INVALID_OPTION` for an environment that cannot be; the reason of `signal`.
 */
export async function pullModel(entry: ModelEntry, options: PullOptions = {}): Promise<PulledModel> {
  const { env, signal = new AbortController().signal } = options
  const settings = hubSettings(env)
  signal.throwIfAborted()
  const before = cachedModel(entry, env)
  if (before?.missing.length === 0) {
    await checkThere(entry, before.files, env, signal)
    return { folder: before.folder, fetched: [], there: namesOf(entry), firstHashes: {} }
  }
  if (settings.offline) {
    throw failed(entry, 'HF_HUB_OFFLINE forbids it; unset it, or copy the model and name its folder')
  }
  const hub = await loadHub()
  const taken = await lock(entry.name, env)
  try {
    return await pullMissing(entry, hub, settings, { ...options, signal })
  } finally {
    await taken.release()
  }
}

async function pullMissing(
  entry: ModelEntry,
  hub: Hub,
  settings: HubSettings,
  options: PullOptions & { signal: AbortSignal },
): Promise<PulledModel> {
  const { env, signal, onProgress, attempts = 5, retryDelay = 1000, answerTimeout = 30_000 } = options
  const { stallTimeout = 60_000 } = options
  const parameters = (until = signal) => ({
    repo: entry.repo,
    hubUrl: settings.endpoint,
    fetch: boundedFetch(settings, answerTimeout, until),
  })
  let done = 0
  let total = 0
  const received = (bytes: number): void => onProgress?.({ done: (done += bytes), total })

  /** Tries again while the failure may pass; `what` is asked for. */
  async function retried<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    for (let count = 1; ; count++) {
      try {
        return await attempt()
      } catch (error) {
        signal.throwIfAborted()
        const failure = isFileError(error) ? error : hubFailure(error, what, settings)
        if (count >= attempts || !(failure instanceof EngineError) || !failure.retryable) throw failure
        await delay(retryDelay * 2 ** (count - 1), undefined, { signal })
      }
    }
  }

  async function findCommit(): Promise<string> {
    const { repo: name, revision } = entry
    if (isCommit(revision)) return revision
    const { sha } = await retried(name, () =>
      hub.modelInfo({ ...parameters(), name, revision, additionalFields: ['sha'] }),
    )
    if (!isCommit(sha)) throw failed(entry, `${settings.endpoint} names no commit of ${name}`)
    return sha
  }

  /** The files that are to be downloaded, as the Hub describes them, and not before their sizes are right. */
  async function findFiles(commit: string): Promise<Wanted[]> {
    const files = filesOf(entry, cachedModel({ ...entry, revision: commit }, env)?.missing)
    const paths = files.map((file) => file.path)
    const infos = await retried(entry.repo, () =>
      hub.pathsInfo({ ...parameters(), paths, revision: commit, expand: true }),
    )
    const first = readFirstHashes(env)
    return files.map((file) => {
      const info = infos.find((item) => item.path === file.path)
      if (info === undefined) throw failed(entry, `${entry.repo} has no file ${file.path}`)
      const size = info.lfs?.size ?? info.size
      const isRight = file.sha256 === undefined ? size > 0 && size <= file.size : size === file.size
      if (!isRight) {
        const wanted = file.sha256 === undefined ? `at most ${file.size}` : String(file.size)
        throw failed(entry, `${file.path} has ${size} bytes there instead of ${wanted}: it is another file`)
      }
      const etag = info.lfs?.oid ?? info.xetHash ?? info.oid
      // It becomes the name of a file.
      if (etag === undefined || !/^[0-9a-f]{40,64}$/.test(etag)) {
        throw failed(entry, `${file.path} has no hash there`)
      }
      // What the Hub says of a file of which nothing else is known shows at least whether it arrived whole.
      const sha256 = file.sha256 ?? first[firstHashKey(entry, file)]?.sha256 ?? info.lfs?.oid
      return { file, size, etag, sha256 }
    })
  }

  /** Downloads a file into the blobs of the cache, checks it there, and links it into the snapshot. Returns its hash. */
  async function fetchFile(item: Wanted, commit: string): Promise<string> {
    const blob = path.join(repoFolder(entry.repo, env), 'blobs', item.etag)
    const incomplete = `${blob}.incomplete`
    try {
      let sha256: string
      await mkdir(path.dirname(blob), { recursive: true })
      // Another revision may have the same file. One that is not what it must be is replaced.
      const there = sizeOfFile(blob) === item.size ? await hashFile(blob, signal) : undefined
      if (there !== undefined && (item.sha256 === undefined || there === item.sha256)) {
        received(item.size)
        sha256 = there
      } else {
        await download(item, commit, incomplete)
        sha256 = await hashFile(incomplete, signal)
        try {
          requireHash(item, sha256)
        } catch (error) {
          await rm(incomplete, { force: true })
          throw error
        }
        await rename(incomplete, blob)
      }
      const file = { path: item.file.path, revision: commit, cacheDir: hubCache(env) }
      await retried(file.path, () => quietly(() => hub.downloadFileToCacheDir({ ...parameters(), ...file })))
      return sha256
    } catch (error) {
      throw localFailure(error, entry, env)
    }
  }

  function requireHash({ file, sha256: expected }: Wanted, sha256: string): void {
    if (expected === undefined || sha256 === expected) return
    const advice =
      file.sha256 === undefined
        ? `it is not what it was when it was first downloaded here. If you know why, delete its line in ${firstHashesFile(env)}`
        : 'it is not the file that this version of diarize-stream knows, and was not kept'
    const what = `the SHA-256 of ${file.path} from ${settings.endpoint}`
    throw failed(entry, `${what} is ${sha256} instead of ${expected}: ${advice}`)
  }

  /** Downloads what is missing of a file, in several attempts. */
  async function download(item: Wanted, commit: string, incomplete: string): Promise<void> {
    let counted = 0
    const count = (have: number): void => {
      received(have - counted)
      counted = have
    }
    await retried(item.file.path, async () => {
      const there = sizeOfFile(incomplete) ?? 0
      const have = there > item.size ? 0 : there
      count(have)
      try {
        await receive(item, commit, incomplete, have, count)
      } catch (error) {
        // Begins anew, in the next attempt.
        if (error instanceof RangeIgnored) await rm(incomplete, { force: true })
        throw error
      }
    })
  }

  /** Appends to what is there, in one attempt. */
  async function receive(
    { file, size }: Wanted,
    commit: string,
    incomplete: string,
    start: number,
    count: (have: number) => void,
  ): Promise<void> {
    const stalled = new AbortController()
    let watch: NodeJS.Timeout | undefined
    // Of an error in the middle the library passes on the text only.
    let reason: unknown
    const handle = await open(incomplete, start === 0 ? 'w' : 'a')
    try {
      if (start === size) return
      const client = parameters(AbortSignal.any([signal, stalled.signal]))
      const noting: typeof fetch = async (...request) => {
        try {
          return await client.fetch(...request)
        } catch (error) {
          reason = error
          throw error
        }
      }
      // By plain requests, which go through proxies and mirrors that the other protocol of the Hub does not know.
      const wanted = { ...client, fetch: noting, path: file.path, revision: commit, xet: false }
      const whole = await hub.downloadFile(wanted)
      if (whole === null) throw failed(entry, `${entry.repo} has no file ${file.path}`)
      if (whole.size !== size) throw failed(entry, `${file.path} has ${whole.size} bytes instead of ${size}`)
      let have = start
      const onStall = (): void => stalled.abort(new Error(`nothing came for ${stallTimeout / 1000} s`))
      watch = setTimeout(onStall, stallTimeout)
      const stream = start === 0 ? whole.stream() : whole.slice(start).stream()
      for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) {
        have += chunk.length
        if (have > size) throw failed(entry, `more than the ${size} bytes of ${file.path} come`)
        await handle.appendFile(chunk)
        watch.refresh()
        count(have)
      }
      if (have < size) throw new Error(`it broke off after ${have} of ${size} bytes`)
    } catch (error) {
      throw stalled.signal.aborted ? stalled.signal.reason : (reason ?? error)
    } finally {
      clearTimeout(watch)
      await handle.close()
    }
  }

  const commit = await findCommit()
  const wanted = await findFiles(commit)
  total = wanted.reduce((sum, { size }) => sum + size, 0)
  await requireSpace(entry, total, env)
  const hashes: Record<string, FirstHash> = {}
  const firstHashes: Record<string, string> = {}
  for (const item of wanted) {
    const sha256 = await fetchFile(item, commit)
    if (item.file.sha256 !== undefined) continue
    hashes[firstHashKey(entry, item.file)] = { size: item.size, sha256 }
    firstHashes[item.file.path] = sha256
  }
  if (!isCommit(entry.revision)) await writeRef(entry, commit, env)
  rememberFirstHashes(hashes, env)
  const fetched = wanted.map(({ file }) => file.path)
  const there = namesOf(entry).filter((name) => !fetched.includes(name))
  const after = cachedModel(entry, env)
  if (after !== undefined) await checkThere(entry, after.files, env, signal, fetched)
  return { folder: snapshotFolder(entry.repo, commit, env), fetched, there, firstHashes }
}

/** Files that were in the cache may be anybody's. */
async function checkThere(
  entry: ModelEntry,
  files: Readonly<Record<string, string>>,
  env: Environment | undefined,
  signal: AbortSignal,
  except: readonly string[] = [],
): Promise<void> {
  for (const [part, file] of Object.entries(files)) {
    const expected = expectedFile(entry, part, file, env)
    if (expected === undefined || namesOf(entry, [part]).some((name) => except.includes(name))) continue
    const { size } = await stat(file)
    if (size === expected.size && (await hashFile(file, signal)) === expected.sha256) continue
    throw failed(entry, `${file}, which was there before, is damaged or another file; delete it and pull again`)
  }
}

function filesOf({ files }: ModelEntry, parts: readonly string[] = Object.keys(files)): ModelFile[] {
  return parts.map((part) => (files as Readonly<Record<string, ModelFile>>)[part]!)
}

function namesOf(entry: ModelEntry, parts?: readonly string[]): string[] {
  return filesOf(entry, parts).map((file) => file.path)
}

async function loadHub(): Promise<Hub> {
  try {
    return await import('@huggingface/hub')
  } catch (error) {
    const message =
      'models are downloaded by the npm package @huggingface/hub, which is not installed; npm install @huggingface/hub'
    throw new EngineError('ENGINE_UNAVAILABLE', message, { cause: error })
  }
}

/** What the branch stands at, for all programs that use the cache. */
async function writeRef(entry: ModelEntry, commit: string, env: Environment | undefined): Promise<void> {
  if (cachedCommit(entry, env) === commit) return
  const ref = path.join(repoFolder(entry.repo, env), 'refs', entry.revision)
  await mkdir(path.dirname(ref), { recursive: true })
  await writeFile(ref, commit)
}

/** Fails before the disk is full. */
async function requireSpace(entry: ModelEntry, bytes: number, env: Environment | undefined): Promise<void> {
  const cache = hubCache(env)
  let free: number
  try {
    await mkdir(cache, { recursive: true })
    const { bavail, bsize } = await statfs(cache)
    free = bavail * bsize
  } catch (error) {
    throw localFailure(error, entry, env)
  }
  if (free >= bytes) return
  const need = `${Math.ceil(bytes / 1e6)} MB are needed, and ${Math.floor(free / 1e6)} MB are free in ${cache}`
  throw failed(entry, `${need}; make room, or name another folder in HF_HOME`)
}

function isFileError(error: unknown): boolean {
  return (error as { syscall?: unknown } | undefined)?.syscall === 'write' || errorCode(error) === 'ENOSPC'
}

function localFailure(error: unknown, entry: ModelEntry, env: Environment | undefined): unknown {
  if (isAbortError(error) || error instanceof EngineError) return error
  const message = `models cannot be kept in ${hubCache(env)}: ${(error as Error).message}; name another folder in HF_HOME`
  return new EngineError('DOWNLOAD_FAILED', message, { cause: error, model: entry.name })
}

function failed({ name }: ModelEntry, reason: string): EngineError {
  return new EngineError('DOWNLOAD_FAILED', `the model ${name} cannot be pulled: ${reason}`, { model: name })
}

/** Keeps two processes from pulling one model into the same files. */
async function lock(name: string, env: Environment | undefined): Promise<FileLock> {
  const file = path.join(stateFolder(env), 'locks', name)
  try {
    await mkdir(path.dirname(file), { recursive: true })
    const taken = await FileLock.take(file)
    if (taken !== undefined) return taken
    throw new Error('no file can be made there')
  } catch (error) {
    if (errorCode(error) === 'FILE_SHARED') {
      const { pid } = error as { pid?: unknown }
      const message = `${name} is being pulled by another process (${String(pid)}); wait for it`
      throw new EngineError('DOWNLOAD_FAILED', message, { retryable: true, cause: error })
    }
    const message = `nothing can be written in ${stateFolder(env)}: ${(error as Error).message}; name another folder in XDG_CACHE_HOME`
    throw new EngineError('DOWNLOAD_FAILED', message, { cause: error })
  }
}
