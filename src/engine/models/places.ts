import { type Stats, statSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'

export type Environment = Readonly<Record<string, string | undefined>>

/** The folder of models that `DIARIZE_STREAM_MODELS` names, if it names one. */
export function modelsFolder(env: Environment = process.env): string | undefined {
  const folder = given(env, 'DIARIZE_STREAM_MODELS')
  return folder === undefined ? undefined : path.resolve(folder)
}

/** The cache that all programs of the Hub share, by the rules that they share. */
export function hubCache(env: Environment = process.env): string {
  const cache = given(env, 'HF_HUB_CACHE') ?? given(env, 'HUGGINGFACE_HUB_CACHE')
  if (cache !== undefined) return path.resolve(cache)
  return path.join(path.resolve(given(env, 'HF_HOME') ?? path.join(userCache(env), 'huggingface')), 'hub')
}

/** The folder of what this program remembers between its runs; nothing in it is hard to replace. */
export function stateFolder(env: Environment = process.env): string {
  return path.join(userCache(env), 'diarize-stream')
}

function userCache(env: Environment): string {
  const cache = given(env, 'XDG_CACHE_HOME')
  // The standard wants relative paths to be ignored.
  return cache !== undefined && path.isAbsolute(cache) ? cache : path.join(home(), '.cache')
}

/**
 * Where the system knows no home, as of a user without a name in a container: the root, as Docker has it. In a folder of temporary
 * files others could lay models.
 */
function home(): string {
  try {
    return homedir()
  } catch {
    return path.resolve('/')
  }
}

function given(env: Environment, name: string): string | undefined {
  const value = env[name]
  return value === undefined || value === '' ? undefined : value
}

export function isFile(file: string): boolean {
  return lookAt(file)?.isFile() === true
}

export function isFolder(folder: string): boolean {
  return lookAt(folder)?.isDirectory() === true
}

/** Size of a file in bytes; `undefined` where there is none. */
export function sizeOfFile(file: string): number | undefined {
  const found = lookAt(file)
  return found?.isFile() === true ? found.size : undefined
}

function lookAt(place: string): Stats | undefined {
  try {
    return statSync(place)
  } catch {
    return undefined
  }
}
