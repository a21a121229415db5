import { open } from 'node:fs/promises'
import path from 'node:path'
import { errorCode, OutputError } from '../errors.ts'
import { putInPlace } from './replacement.ts'

/**
 * Writes a file that only its owner can read: whole and on the disk, or it stays as it was.
 *
 * @throws OutputError `OUTPUT_UNWRITABLE`
 */
export async function replaceFile(file: string, text: string): Promise<void> {
  try {
    const written = await putInPlace(file, 0o600, async (draft) => {
      await draft.writeFile(text)
      await draft.sync()
    })
    await written.close()
  } catch (error) {
    const code = errorCode(error)
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
