import { open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { OutputError } from '../errors.ts'
import { beside } from './file-lock.ts'

/**
 * Writes a file that only its owner can read: whole and on the disk, or it stays as it was.
 *
 * @throws OutputError `OUTPUT_UNWRITABLE`
 */
export async function replaceFile(file: string, text: string): Promise<void> {
  const draft = beside(file, 'tmp')
  try {
    await rm(draft, { force: true })
    const handle = await open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {})
    const { code } = error as { code?: unknown }
    const isFull = code === 'ENOSPC' || code === 'EDQUOT'
    const advice = isFull
      ? 'free some space; the file stays as it was'
      : 'make its folder writable, or name another file'
    const message = `cannot write to ${file}: ${(error as Error).message}; ${advice}`
    throw new OutputError('OUTPUT_UNWRITABLE', message, { cause: error, target: file })
  }
  await syncFolder(path.dirname(file))
}

/** Has the system keep the new name, too; some cannot, which does no harm. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}
