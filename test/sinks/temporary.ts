import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Writable } from 'node:stream'
import { afterEach } from 'vitest'
import type { Turn } from '../../src/model.ts'

/** A fresh directory for each call, removed after the test. */
export function temporaryDirectories(): () => string {
  const made: string[] = []
  afterEach(() => {
    for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true })
  })
  return () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'diarize-stream-sinks-'))
    made.push(directory)
    return directory
  }
}

/** A Writable that keeps the text it is given. */
export class TextCollector extends Writable {
  text = ''
  writes = 0

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString()
    this.writes += 1
    done()
  }
}

/** Gives out `items`, then fails. */
export async function* failingAfter(items: Turn[]): AsyncGenerator<Turn> {
  yield* items
  await new Promise((resolve) => setImmediate(resolve))
  throw new Error('upstream failed')
}

/** Resolves once `file` holds `text`. */
export async function untilFileHolds(file: string, text: string): Promise<void> {
  while (!existsSync(file) || !readFileSync(file, 'utf8').includes(text)) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}
