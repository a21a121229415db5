import { randomUUID } from 'node:crypto'
import { open, realpath, rename, rm, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import type { OutputError } from '../errors.ts'
import type { Destination } from './destination.ts'
import { unwritable } from './unwritable.ts'

/** How much of a file is copied at a time when it is rewritten. */
const COPY_BYTES = 65_536

/**
 * A regular file that is valid at every instant: it is created (or emptied) with the first block, each block is
 * appended by one write, and what has to be replaced is written beside it and renamed over it.
 */
export class FileDestination implements Destination {
  readonly trouble: OutputError | undefined
  readonly #path: string
  #handle: FileHandle | undefined
  #bytes = 0
  #complete = false

  constructor(file: string, trouble?: OutputError) {
    this.#path = file
    this.trouble = trouble
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes
  }

  async write(text: string): Promise<void> {
    if (this.trouble !== undefined) throw this.trouble
    if (this.#complete) throw new Error('the file is complete already')
    try {
      this.#handle ??= await open(this.#path, 'w+')
      this.#bytes = await append(this.#handle, this.#bytes, text)
    } catch (error) {
      throw unwritable(this.#path, error)
    }
  }

  async finish(empty: string): Promise<void> {
    if (this.#handle === undefined) await this.write(empty)
    this.#complete = true
    try {
      await this.#close()
    } catch (error) {
      throw unwritable(this.#path, error)
    }
  }

  interrupt(): void {
    // Work on a regular file ends by itself.
  }

  async abandon(): Promise<void> {
    const created = this.#handle !== undefined
    await this.#close()
    if (created && this.#bytes === 0) await rm(this.#path, { force: true })
  }

  /**
   * Replaces everything from byte `from` on by `text`. Whoever opens the file meanwhile sees the whole old text or
   * the whole new text. After a failure the old file stands, and can be appended to.
   */
  async rewrite(from: number, text: string): Promise<void> {
    const old = this.#handle
    if (old === undefined) return this.write(text)
    let next: FileHandle | undefined
    let beside: string | undefined
    try {
      // A link stays a link: what it points to is replaced.
      const real = await realpath(this.#path)
      beside = path.join(path.dirname(real), `.${path.basename(real)}.${randomUUID().slice(0, 8)}.tmp`)
      const { mode } = await old.stat()
      next = await open(beside, 'wx+', mode & 0o777)
      await copy(old, next, from)
      const bytes = await append(next, from, text)
      await next.sync()
      await rename(beside, real)
      this.#handle = next
      this.#bytes = bytes
    } catch (error) {
      await next?.close().catch(() => {})
      if (beside !== undefined) await rm(beside, { force: true }).catch(() => {})
      throw unwritable(this.#path, error)
    }
    await old.close()
  }

  async #close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    await handle?.close()
  }
}

/** Appends `text` at byte `at`; takes back what was written of it where it does not fit whole. */
async function append(handle: FileHandle, at: number, text: string): Promise<number> {
  const bytes = Buffer.from(text)
  let done = 0
  try {
    while (done < bytes.length) {
      done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten
    }
  } catch (error) {
    await handle.truncate(at).catch(() => {})
    throw error
  }
  return at + done
}

async function copy(from: FileHandle, to: FileHandle, length: number): Promise<void> {
  const block = Buffer.allocUnsafe(Math.min(COPY_BYTES, length))
  for (let at = 0; at < length;) {
    const { bytesRead } = await from.read(block, 0, Math.min(block.length, length - at), at)
    if (bytesRead === 0) throw new Error('the file has become shorter')
    await to.write(block, 0, bytesRead, at)
    at += bytesRead
  }
}
