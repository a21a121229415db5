import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { errorCode } from '../errors.ts'
import { beside } from './file-lock.ts'

/**
 * Puts a new file in the place of another, which stays as it is until the new one is whole, and after a failure.
 *
 * @param mode - as far as the umask lets it.
 * @param fill - writes the new file, and has it on the disk.
 * @returns the new file, which is still open.
 */
export async function putInPlace(
  file: string,
  mode: number,
  fill: (next: FileHandle) => Promise<void>,
): Promise<FileHandle> {
  const draft = beside(file, 'tmp')
  let next: FileHandle | undefined
  try {
    // Whatever is left of an earlier run must neither be followed nor kept.
    await rm(draft, { force: true })
    next = await open(draft, 'wx+', mode)
    await fill(next)
    await rename(draft, file)
    return next
  } catch (error) {
    await next?.close().catch(() => {})
    await rm(draft, { force: true }).catch(() => {})
    throw error
  }
}

/** Has the disk hold what was written to a file. */
export async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes a folder and those it lies in, if they are not there. Node's own way tries for ever where nothing can be made, as in /proc. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder)
  } catch (error) {
    if (await isFolder(folder)) return
    const parent = path.dirname(folder)
    if (errorCode(error) !== 'ENOENT' || (await isFolder(parent))) throw error
    await makeFolder(parent)
    await makeFolder(folder)
  }
}

async function isFolder(name: string): Promise<boolean> {
  return await stat(name).then(
    (found) => found.isDirectory(),
    () => false,
  )
}
