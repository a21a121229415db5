import { stat } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../errors.ts'
import { hashFile } from './hash.ts'
import { readRecord } from './record.ts'

/** Files that were found to be right, with what would change if they did. */
const known = new Map<string, string>()

/**
 * Checks files of a pulled model against its record: size and SHA-256. A file that has not changed since this process
 * checked it is not read again. A folder without a record is somebody's own, and is left alone.
 *
 * @param files - full paths.
 * @throws EngineError `MODEL_UNUSABLE` for the first file that is not what it was.
 */
export async function verifyFiles(folder: string, files: readonly string[]): Promise<void> {
  const record = readRecord(folder)
  if (record === undefined) return
  for (const file of files) {
    const name = path.relative(folder, file).split(path.sep).join('/')
    const expected = record.files.find((item) => item.path === name)
    if (expected === undefined) throw unusable(file, 'it was not there when the model was pulled')
    const { size, mtimeMs, ino } = await stat(file)
    if (size !== expected.size) throw unusable(file, `it has ${size} bytes instead of ${expected.size}`)
    const state = `${size} ${mtimeMs} ${ino} ${expected.sha256}`
    if (known.get(file) === state) continue
    if ((await hashFile(file)) !== expected.sha256) throw unusable(file, 'its SHA-256 is not what it was when pulled')
    known.set(file, state)
  }
}

function unusable(file: string, reason: string): EngineError {
  return new EngineError(
    'MODEL_UNUSABLE',
    `the model file ${file} is not loaded: ${reason}. Delete its folder and pull the model again: diarize-stream models ` +
      'list',
    { file },
  )
}
