import { mkdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { EngineError } from '../../errors.ts'
import type { ModelEntry, ModelFile } from './catalogue.ts'
import type { ExpectedFile } from './model.ts'
import { type Environment, hubCache, isFile, sizeOfFile, stateFolder } from './places.ts'

/** Whether a revision is a commit, and not a branch that moves. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision)
}

/** The folder of a repository in the cache, laid out as all programs of the Hub do: blobs, refs, snapshots. */
export function repoFolder(repo: string, env?: Environment): string {
  return path.join(hubCache(env), `models--${repo.replaceAll('/', '--')}`)
}

/** The commit that the cache has for the revision of an entry; `undefined` where it has none. */
export function cachedCommit(
  { repo, revision }: Pick<ModelEntry, 'repo' | 'revision'>,
  env?: Environment,
): string | undefined {
  if (isCommit(revision)) return revision
  try {
    const commit = readFileSync(path.join(repoFolder(repo, env), 'refs', revision), 'utf8').trim()
    return isCommit(commit) ? commit : undefined
  } catch {
    return undefined
  }
}

export function snapshotFolder(repo: string, commit: string, env?: Environment): string {
  return path.join(repoFolder(repo, env), 'snapshots', commit)
}

export interface CachedModel {
  folder: string
  /** Full path of each file that is there, by its part. */
  files: Record<string, string>
  missing: string[]
}

/** What the cache of the Hub has of an entry, by whatever program it was fetched. Nothing is read but names. */
export function cachedModel(entry: ModelEntry, env?: Environment): CachedModel | undefined {
  const commit = cachedCommit(entry, env)
  if (commit === undefined) return undefined
  const folder = snapshotFolder(entry.repo, commit, env)
  const files: Record<string, string> = {}
  const missing: string[] = []
  for (const [part, { path: name }] of Object.entries<ModelFile>(entry.files)) {
    const file = path.join(folder, name)
    if (isFile(file)) files[part] = file
    else missing.push(part)
  }
  return { folder, files, missing }
}

export function isCached(entry: ModelEntry, env?: Environment): boolean {
  return cachedModel(entry, env)?.missing.length === 0
}

/** What a file must be: by the catalogue, else by its first download here, else by its name in the cache. */
export function expectedFile(
  entry: ModelEntry,
  part: string,
  file: string,
  env?: Environment,
): ExpectedFile | undefined {
  const known = (entry.files as Readonly<Record<string, ModelFile>>)[part]
  if (known?.sha256 !== undefined) return { file, size: known.size, sha256: known.sha256 }
  const first = known && readFirstHashes(env)[firstHashKey(entry, known)]
  if (first !== undefined) return { file, ...first }
  const size = sizeOfFile(file)
  const name = size === undefined ? '' : path.basename(realpathSync(file))
  return size !== undefined && /^[0-9a-f]{64}$/.test(name) ? { file, size, sha256: name } : undefined
}

/** By what the hash of a first download is found again. */
export function firstHashKey({ repo }: Pick<ModelEntry, 'repo'>, file: ModelFile): string {
  return `${repo}/${file.path}`
}

/** What a file was when it was first downloaded on this machine. */
export interface FirstHash {
  size: number
  sha256: string
}

export function firstHashesFile(env?: Environment): string {
  return path.join(stateFolder(env), 'hashes.json')
}

/** Files of which no hash was known, as first downloaded. @throws EngineError `MODEL_UNUSABLE` */
export function readFirstHashes(env?: Environment): Record<string, FirstHash> {
  const file = firstHashesFile(env)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return {}
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) throw new Error('it holds no hashes')
    return value as Record<string, FirstHash>
  } catch (error) {
    throw new EngineError(
      'MODEL_UNUSABLE',
      `${file} is damaged; correct it, or delete it, which forgets what earlier downloads were`,
      { cause: error },
    )
  }
}

/** Remembers what files were; those before stay. */
export function rememberFirstHashes(hashes: Readonly<Record<string, FirstHash>>, env?: Environment): void {
  if (Object.keys(hashes).length === 0) return
  const file = firstHashesFile(env)
  mkdirSync(path.dirname(file), { recursive: true })
  const fresh = `${file}.${process.pid}`
  writeFileSync(fresh, `${JSON.stringify({ ...readFirstHashes(env), ...hashes }, undefined, 2)}\n`)
  renameSync(fresh, file)
}
