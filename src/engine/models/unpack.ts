import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import path from 'node:path'
import { bunzip2 } from './bzip2.ts'
import type { RecordedFile } from './record.ts'
import { readTar } from './tar.ts'

/** Most files that are taken from an archive. */
const mostFiles = 1000

/** What bounds unpacking, and who is told of it. */
export interface UnpackOptions {
  /** Most bytes of all files together. */
  mostUnpacked: number
  /** Is told how many bytes of the archive have been read. */
  onProgress?: (read: number) => void
  signal?: AbortSignal | undefined
}

/**
 * Unpacks a `.tar.bz2` into a folder that exists and is empty. The first folder of each path is left out, since archives
 * have all their files in one; folders within it, which hold examples, are left out with what is in them.
 *
 * @returns what was written.
 * @throws Error where the archive is damaged, too large, or names a place outside of the folder.
 */
export async function unpack(archive: string, folder: string, options: UnpackOptions): Promise<RecordedFile[]> {
  const { mostUnpacked, onProgress, signal } = options
  const written: RecordedFile[] = []
  let total = 0
  async function* read(): AsyncGenerator<Uint8Array> {
    let count = 0
    for await (const chunk of createReadStream(archive, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      signal?.throwIfAborted()
      yield chunk
      onProgress?.((count += chunk.length))
    }
  }
  // Every byte counts, also of what is not kept: a small archive can stand for a very large one.
  async function* bounded(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      total += chunk.length
      if (total > mostUnpacked) throw new Error(`the archive holds more than ${mostUnpacked} bytes`)
      signal?.throwIfAborted()
      yield chunk
    }
  }
  await mkdir(folder, { recursive: true })
  for await (const file of readTar(bounded(bunzip2(read())))) {
    const name = safeName(file.path)
    if (name === undefined) continue
    if (written.length >= mostFiles) throw new Error(`the archive holds more than ${mostFiles} files`)
    const target = await open(path.join(folder, name), 'wx', 0o644)
    try {
      const hash = createHash('sha256')
      for await (const chunk of file.body) {
        hash.update(chunk)
        await target.write(chunk)
      }
      written.push({ path: name, size: file.size, sha256: hash.digest('hex') })
    } finally {
      await target.close()
    }
  }
  return written
}

/**
 * The plain name under which a file of an archive is kept; `undefined` for one that is not kept.
 *
 * @throws Error for a path that leads out of the archive's folder, on any system.
 */
export function safeName(from: string): string | undefined {
  const parts = from.split('/').filter((part) => part !== '' && part !== '.')
  // eslint-disable-next-line no-control-regex
  const isUnsafe = from.startsWith('/') || parts.includes('..') || /[\\:\0-\x1f]/.test(from)
  if (isUnsafe) throw new Error(`the archive has a file at an unsafe path, ${JSON.stringify(from.slice(0, 200))}`)
  const [first, second, third] = parts
  const name = second ?? first
  // Files that begin with a dot are what file managers leave behind.
  return third !== undefined || name === undefined || name.startsWith('.') ? undefined : name
}
