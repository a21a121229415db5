import { readFileSync } from 'node:fs'
import path from 'node:path'

/** Name of the file in a model's folder that says what was pulled. */
export const recordName = 'diarize-stream-model.json'

/** A file of a model as it was when it was pulled. */
export interface RecordedFile {
  /** Path within the folder, with `/`. */
  path: string
  size: number
  sha256: string
}

/** What was pulled, and what it consisted of. */
export interface ModelRecord {
  name: string
  url: string
  licence: string
  /** SHA-256 of the download. */
  sha256: string
  /** Whether that hash was known before, or is that of the first download. */
  hashFrom: 'table' | 'first download'
  files: RecordedFile[]
}

/** The record in `folder`; `undefined` where there is none, as in a folder that was not pulled. */
export function readRecord(folder: string): ModelRecord | undefined {
  let text: string
  try {
    text = readFileSync(path.join(folder, recordName), 'utf8')
  } catch {
    return undefined
  }
  try {
    const record = JSON.parse(text) as ModelRecord
    return Array.isArray(record.files) ? record : { ...record, files: [] }
  } catch {
    // A damaged record is no reason to trust the files: every one of them is unknown to it.
    return { name: '', url: '', licence: '', sha256: '', hashFrom: 'first download', files: [] }
  }
}
