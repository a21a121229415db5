import type { Copied, Piece } from '../captions/composer/composer.ts'
import { fileKey, isBeingRead } from '../destinations/files-being-read.ts'
import type { OutputError } from '../errors.ts'
import { faultOf, unwritable } from './destination.ts'
import { FileLock } from './file-lock.ts'
import { putInPlace } from './replacement.ts'
import { type BigIntStats, constants, realpathSync, type Stats } from 'node:fs'
import { access, type FileHandle, open, realpath, rm, stat } from 'node:fs/promises'
import path from 'node:path'

/** How much of a file is copied at a time when it is rewritten. */
const COPY_BYTES = 65_536

/** The files that sinks of this process are writing, by name, links resolved, and by number: two would spoil it. */
const beingWritten = new Set<string>()

/** The file of a {@link FileDestination}: valid at every instant, and looked at for changes by others before each block and rewrite. */
export class WrittenFile {
  readonly path: string
  readonly #signal: AbortSignal
  readonly #reserved = new Set<string>()
  #lock: FileLock | undefined
  #handle: FileHandle | undefined
  #bytes = 0
  #complete = false
  /** Whether what is written is to be on the disk, for a checkpoint. */
  #isSynced = false
  #refusal: OutputError | undefined

  /** @param signal - ends a rewrite that is under way; other writes end by themselves. */
  constructor(file: string, signal: AbortSignal) {
    this.path = file
    this.#signal = signal
  }

  async write(text: string): Promise<void> {
    if (this.#complete) throw new Error('the file is complete already')
    // Last words must not be written where the first ones were refused: it is the file of another, who may have left by now.
    if (this.#refusal !== undefined) throw this.#refusal
    try {
      const handle = this.#handle ?? (await this.#openFirst())
      await this.#assertOurs(handle)
      this.#bytes = await append(handle, this.#bytes, text)
    } catch (error) {
      throw unwritable(this.path, error)
    }
  }

  get bytes(): number {
    return this.#bytes
  }

  async resumeFrom(bytes: number): Promise<void> {
    try {
      const handle = await this.#open('r+')
      const { size } = await handle.stat()
      if (size < bytes) throw faultOf('FILE_CHANGED')
      await handle.truncate(bytes)
      this.#bytes = bytes
    } catch (error) {
      await this.#close().catch(() => {})
      throw unwritable(this.path, error)
    }
  }

  async sync(): Promise<void> {
    this.#isSynced = true
    try {
      await this.#handle?.sync()
    } catch (error) {
      throw unwritable(this.path, error)
    }
  }

  async finish(empty: string): Promise<void> {
    if (this.#handle === undefined) await this.write(empty)
    this.#complete = true
    try {
      if (this.#handle !== undefined) await this.#assertOurs(this.#handle)
      if (this.#isSynced) await this.#handle?.sync()
      await this.#close()
    } catch (error) {
      throw unwritable(this.path, error)
    }
  }

  async abandon(rest: string): Promise<void> {
    // The failure that is known already matters more than one of these last words.
    if (rest !== '') await this.write(rest).catch(() => {})
    const isEmpty = this.#handle !== undefined && this.#bytes === 0
    const real = isEmpty ? await this.#inPlace(this.#handle).catch(() => undefined) : undefined
    await this.#close()
    if (real !== undefined) await rm(real, { force: true })
  }

  /**
   * Replaces everything by `pieces`; the file is the whole old or new text at any time, and the old after a failure.
   */
  async rewrite(pieces: AsyncIterable<Piece>): Promise<void> {
    const old = this.#handle
    if (old === undefined) throw new Error('nothing has been written yet')
    try {
      await this.#assertOurs(old)
      const real = await this.#inPlace(old)
      const before = await old.stat()
      let bytes = 0
      let keys: string[] = []
      this.#handle = await putInPlace(real, before.mode & 0o777, async (next) => {
        await takeAfter(next, before)
        bytes = await this.#writePieces(pieces, old, next)
        await next.sync()
        await this.#assertOurs(old)
        keys = [await old.stat({ bigint: true }), await next.stat({ bigint: true })].map(fileKey)
      })
      this.#bytes = bytes
      this.#exchange(keys)
    } catch (error) {
      throw unwritable(this.path, error)
    }
    // What it held is in the new one.
    await old.close().catch(() => {})
  }

  /** Keeps others from the file, which stays as it is until {@link replace}. */
  async claim(): Promise<void> {
    try {
      await access(path.dirname(await this.#keep()), constants.W_OK)
    } catch (error) {
      throw unwritable(this.path, error)
    }
  }

  /** Makes the file of `bytes` at once, and completes it; it is the whole old or new at any time. */
  async replace(bytes: Buffer): Promise<void> {
    await this.claim()
    try {
      const real = await this.#keep()
      const before = await stat(this.path).catch(() => undefined)
      this.#handle = await putInPlace(real, (before?.mode ?? 0o666) & 0o777, async (next) => {
        if (before !== undefined) await takeAfter(next, before)
        await writeAll(next, bytes, 0)
        await next.sync()
      })
      this.#complete = true
      await this.#close()
    } catch (error) {
      await this.#close().catch(() => {})
      throw unwritable(this.path, error)
    }
  }

  async #writePieces(pieces: AsyncIterable<Piece>, from: FileHandle, to: FileHandle): Promise<number> {
    let bytes = 0
    let text = ''
    const flush = async () => {
      bytes = await writeAll(to, Buffer.from(text), bytes)
      text = ''
    }
    for await (const piece of pieces) {
      if (this.#signal.aborted) throw new Error('the sink was destroyed')
      if (typeof piece === 'string') text += piece
      if (text.length >= COPY_BYTES || (typeof piece !== 'string' && text !== '')) await flush()
      if (typeof piece !== 'string') bytes = await copy(from, to, piece, bytes)
    }
    await flush()
    return bytes
  }

  /** Where the file is, links resolved. @throws where something else is there by now. */
  async #inPlace(handle: FileHandle | undefined): Promise<string> {
    await this.#lock?.check()
    const ours = await handle?.stat({ bigint: true })
    const there = await this.#there()
    if (there === undefined || ours === undefined || fileKey(there) !== fileKey(ours)) throw faultOf('FILE_GONE')
    return realpath(this.path)
  }

  /** @throws where the file was changed, removed or exchanged; one that was renamed is completed there. */
  async #assertOurs(handle: FileHandle): Promise<void> {
    await this.#lock?.check()
    const [ours, there] = await Promise.all([handle.stat({ bigint: true }), this.#there()])
    if (ours.nlink === 0n || (there !== undefined && fileKey(there) !== fileKey(ours))) throw faultOf('FILE_GONE')
    if (ours.size !== BigInt(this.#bytes)) throw faultOf('FILE_CHANGED')
  }

  #there(): Promise<BigIntStats | undefined> {
    return stat(this.path, { bigint: true }).catch(() => undefined)
  }

  async #openFirst(): Promise<FileHandle> {
    try {
      return await this.#open()
    } catch (error) {
      this.#refusal = unwritable(this.path, error)
      throw error
    }
  }

  async #open(flags: 'w+' | 'r+' = 'w+'): Promise<FileHandle> {
    await this.#keep()
    const handle = await open(this.path, flags)
    this.#handle = handle
    this.#reserve(fileKey(await handle.stat({ bigint: true })))
    return handle
  }

  /** Keeps others from the file, and returns where it is, links resolved. */
  async #keep(): Promise<string> {
    const real = resolveLinks(this.path)
    this.#reserve(real)
    const there = await this.#there()
    if (there !== undefined && isBeingRead(fileKey(there))) throw faultOf('FILE_READ')
    if (there !== undefined) this.#reserve(fileKey(there))
    this.#lock ??= await FileLock.take(real)
    return real
  }

  /** The number of a file that is gone may soon be that of another. */
  #exchange([before = '', after = '']: string[]): void {
    beingWritten.delete(before)
    this.#reserved.delete(before)
    beingWritten.add(after)
    this.#reserved.add(after)
  }

  #reserve(key: string): void {
    if (this.#reserved.has(key)) return
    if (beingWritten.has(key)) throw faultOf('FILE_SHARED')
    beingWritten.add(key)
    this.#reserved.add(key)
  }

  async #close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    try {
      await handle?.close()
    } finally {
      for (const key of this.#reserved) beingWritten.delete(key)
      this.#reserved.clear()
      await this.#lock?.release()
      this.#lock = undefined
    }
  }
}

/** Gives a file the mode, which the umask has cut, and as far as it may the owner of the one whose place it takes. */
async function takeAfter(file: FileHandle, { mode, uid, gid }: Stats): Promise<void> {
  const own = await file.stat()
  if (own.uid !== uid || own.gid !== gid) {
    await file
      .chown(uid, gid)
      .catch(() => file.chown(own.uid, gid))
      .catch(() => {})
  }
  await file.chmod(mode & 0o777).catch(() => {})
}

function resolveLinks(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    // It does not exist yet; its directory does, or opening the file will tell.
    return path.dirname(file) === file ? file : path.join(resolveLinks(path.dirname(file)), path.basename(file))
  }
}

/** Appends `text` at byte `at`; takes back what was written of it where it does not fit whole. */
async function append(handle: FileHandle, at: number, text: string): Promise<number> {
  try {
    return await writeAll(handle, Buffer.from(text), at)
  } catch (error) {
    await handle.truncate(at).catch(() => {})
    throw error
  }
}

/** Writes `bytes` at byte `at`, and returns the byte after them. A single write may take only part of what it is given. */
async function writeAll(handle: FileHandle, bytes: Buffer, at: number): Promise<number> {
  let done = 0
  while (done < bytes.length) {
    done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten
  }
  return at + done
}

async function copy(from: FileHandle, to: FileHandle, { edit, ...range }: Copied, at: number): Promise<number> {
  let rest: Buffer = Buffer.alloc(0)
  for (let next = range.from; next < range.to;) {
    const block = Buffer.allocUnsafe(Math.min(COPY_BYTES, range.to - next))
    const { bytesRead } = await from.read(block, 0, block.length, next)
    if (bytesRead === 0) throw new Error('the file has become shorter')
    next += bytesRead
    const bytes = block.subarray(0, bytesRead)
    if (edit === undefined) {
      at = await writeAll(to, bytes, at)
      continue
    }
    const all = Buffer.concat([rest, bytes])
    const end = all.lastIndexOf('\n\n') + 1
    const whole = all.subarray(0, end === 0 ? 0 : end + 1)
    rest = all.subarray(whole.length)
    at = await writeAll(to, Buffer.from(edit(whole.toString())), at)
  }
  if (rest.length > 0) throw new Error('the file is not as it was written')
  return at
}
