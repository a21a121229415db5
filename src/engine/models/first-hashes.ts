import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { EngineError } from '../../errors.ts'
import { type Environment, stateFolder } from './places.ts'

/** What a file was when it was first downloaded on this machine. */
export interface FirstHash {
  size: number
  sha256: string
}

/** The file that remembers them. */
export function firstHashesFile(env?: Environment): string {
  return path.join(stateFolder(env), 'hashes.json')
}

/**
 * What files of which no hash was known were at their first download, by repository and path.
 *
 * @throws EngineError `MODEL_UNUSABLE` where the file that remembers them is damaged.
 */
export function readFirstHashes(env?: Environment): Record<string, FirstHash> {
  const file = firstHashesFile(env)
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return {}
  }
  try {
    return JSON.parse(text) as Record<string, FirstHash>
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
