import { mkdir, mkdtemp, open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { EngineError, isAbortError } from '../../errors.ts'
import { fromMirror, type ModelEntry } from './catalogue.ts'
import { download, type DownloadOptions, failed } from './download.ts'
import { modelsFolder } from './folder.ts'
import { hashFile } from './hash.ts'
import { findRecogniser, isInstalled } from './installed.ts'
import { type ModelRecord, type RecordedFile, recordName } from './record.ts'
import { unpack } from './unpack.ts'

/** How far a pull has come. Bytes. */
export interface PullProgress {
  phase: 'download' | 'unpack'
  done: number
  total: number | undefined
}

/** Options of {@link pullModel}. */
export interface PullOptions extends Pick<
  DownloadOptions,
  'signal' | 'answerTimeout' | 'stallTimeout' | 'attempts' | 'retryDelay'
> {
  /** Folder of all models. @defaultValue what `modelsFolder()` gives */
  models?: string
  onProgress?: (progress: PullProgress) => void
}

/** What was pulled. */
export interface PulledModel {
  folder: string
  /** Whether it had been there before, so that nothing was done. */
  wasThere: boolean
  /** SHA-256 of the download and where it is known from; absent where nothing was done. */
  sha256?: string
  hashFrom?: ModelRecord['hashFrom']
}

/**
 * Downloads a model, checks and unpacks it, and puts it in its place as a whole. What was downloaded of a pull that broke
 * off is used by the next. Where the table knows no hash, that of the first download stands in `hashes.json` beside the
 * models, and later ones must equal it.
 *
 * @throws EngineError `DOWNLOAD_FAILED`.
 */
export async function pullModel(entry: ModelEntry, options: PullOptions = {}): Promise<PulledModel> {
  const { models = modelsFolder(), onProgress, signal, ...network } = options
  const folder = path.join(models, entry.name)
  if (isInstalled(entry, models)) return { folder, wasThere: true }
  const unlock = await lock(models, entry.name)
  const work = `.${entry.name}-`
  try {
    // What a pull that was killed has left.
    for (const name of await readdir(models)) if (name.startsWith(work)) await remove(path.join(models, name))
    const { url } = fromMirror(entry)
    const file = path.join(models, `${entry.name}.part`)
    await download({
      ...network,
      url,
      file,
      mostBytes: entry.size,
      signal,
      onProgress: (done, total) => onProgress?.({ phase: 'download', done, total }),
    })
    const { size } = await stat(file)
    const sha256 = await hashFile(file, signal)
    const hashFrom = await checkHash(entry, sha256, models, file)
    const place = await mkdtemp(path.join(models, work))
    try {
      const files = entry.url.endsWith('.tar.bz2')
        ? await unpack(file, place, {
            mostUnpacked: entry.mostUnpacked,
            signal,
            onProgress: (done) => onProgress?.({ phase: 'unpack', done, total: size }),
          })
        : await keep(file, place, entry, sha256)
      const kept = entry.role === 'recogniser' ? await withoutSpares(place, files) : files
      const record: ModelRecord = { name: entry.name, url, licence: entry.licence, sha256, hashFrom, files: kept }
      await writeFile(path.join(place, recordName), `${JSON.stringify(record, undefined, 2)}\n`)
      await remove(folder)
      await rename(place, folder)
    } finally {
      await remove(place)
    }
    await remember(models, entry, sha256)
    await remove(file)
    return { folder, wasThere: false, sha256, hashFrom }
  } catch (error) {
    if (isAbortError(error) || (error instanceof EngineError && error.code === 'DOWNLOAD_FAILED')) throw error
    // The download is what it is: unpacking it again would fail again.
    await remove(path.join(models, `${entry.name}.part`))
    throw failed(entry.url, `it cannot be unpacked: ${(error as Error).message}`, false, error)
  } finally {
    await unlock()
  }
}

/** A model that is one file. */
async function keep(file: string, place: string, entry: ModelEntry, sha256: string): Promise<RecordedFile[]> {
  const name = path.posix.basename(new URL(entry.url).pathname)
  const { size } = await stat(file)
  await rename(file, path.join(place, name))
  return [{ path: name, size, sha256 }]
}

/** Deletes the weights that are not loaded: archives have the same ones in several forms, the largest 262 MB. */
async function withoutSpares(place: string, files: readonly RecordedFile[]): Promise<RecordedFile[]> {
  const used = Object.values(findRecogniser(place).files).map((file) => path.basename(file))
  const isKept = ({ path: name }: RecordedFile): boolean => used.includes(name) || !name.endsWith('.onnx')
  for (const file of files) if (!isKept(file)) await remove(path.join(place, file.path))
  return files.filter(isKept)
}

const hashesName = 'hashes.json'

async function readHashes(models: string): Promise<Record<string, string>> {
  let text: string
  try {
    text = await readFile(path.join(models, hashesName), 'utf8')
  } catch {
    return {}
  }
  try {
    return JSON.parse(text) as Record<string, string>
  } catch (error) {
    throw new EngineError(
      'DOWNLOAD_FAILED',
      `${path.join(models, hashesName)} is damaged; correct it, or delete it, which forgets what earlier downloads were`,
      { cause: error },
    )
  }
}

/** Where the hash that a download has is known from; where it has another, nothing is kept of it. */
async function checkHash(
  entry: ModelEntry,
  sha256: string,
  models: string,
  file: string,
): Promise<ModelRecord['hashFrom']> {
  const known = (await readHashes(models))[entry.url]
  const expected = entry.sha256 ?? known
  if (expected === undefined || expected === sha256) return entry.sha256 === undefined ? 'first download' : 'table'
  await remove(file)
  const advice =
    entry.sha256 === undefined
      ? `it is not what it was when it was first downloaded here. If you know why, delete its line in ${path.join(models, hashesName)}`
      : 'it is not the file that this version of diarize-stream knows'
  throw failed(entry.url, `its SHA-256 is ${sha256} instead of ${expected}: ${advice}`, false)
}

async function remember(models: string, entry: ModelEntry, sha256: string): Promise<void> {
  const hashes = { ...(await readHashes(models)), [entry.url]: sha256 }
  const fresh = path.join(models, `.${hashesName}.${process.pid}`)
  await writeFile(fresh, `${JSON.stringify(hashes, undefined, 2)}\n`)
  await rename(fresh, path.join(models, hashesName))
}

/** Keeps two processes from pulling one model into the same file. */
async function lock(models: string, name: string): Promise<() => Promise<void>> {
  const file = path.join(models, `${name}.lock`)
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await mkdir(models, { recursive: true })
      const handle = await open(file, 'wx')
      await handle.write(String(process.pid))
      await handle.close()
      return () => remove(file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
        const message = `models cannot be kept in ${models}: ${(error as Error).message}; name another folder in DIARIZE_STREAM_MODELS`
        throw new EngineError('DOWNLOAD_FAILED', message, { cause: error })
      }
    }
    const pid = Number(await readFile(file, 'utf8').catch(() => ''))
    if (isAlive(pid)) break
    await remove(file)
  }
  throw new EngineError(
    'DOWNLOAD_FAILED',
    `${name} is being pulled by another process; wait for it, or delete ${file} if there is none`,
    { retryable: true },
  )
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function remove(target: string): Promise<void> {
  await rm(target, { recursive: true, force: true })
}
