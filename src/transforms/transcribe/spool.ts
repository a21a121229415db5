import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { OutputError } from '../../errors.ts'
import { toError } from '../../stream-helpers.ts'

/** Bytes that are gathered before they are written, 8 s of 16 kHz mono. */
const WRITE_BYTES = 262_144
const READ_BYTES = 65_536

/**
 * Audio in a temporary file, so that an upload that broke off can be made again, and parts of it be heard at the same time. Nobody else can
 * read the file; it has no name where the system allows that, and so is gone with the process, however that ends.
 */
export class Spool {
  readonly #file: FileHandle
  /** Where the file has a name. */
  #name: string | undefined
  readonly #buffer = Buffer.allocUnsafe(WRITE_BYTES)
  #buffered = 0
  #bytes = 0
  #written = 0
  #flushing: Promise<void> | undefined

  private constructor(file: FileHandle, name: string) {
    this.#file = file
    this.#name = name
  }

  /** @throws OutputError `OUTPUT_UNWRITABLE` where there can be no such file. */
  static async create(folder = tmpdir()): Promise<Spool> {
    const name = path.join(folder, `diarize-stream-${randomUUID()}.pcm`)
    const file = await open(name, 'wx+', 0o600).catch((error: unknown) => {
      throw unwritable(folder, error)
    })
    const spool = new Spool(file, name)
    await spool.#removeName()
    return spool
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** Appends bytes; a promise where there is something to wait for. @throws OutputError `OUTPUT_UNWRITABLE` */
  write(bytes: Buffer): Promise<void> | undefined {
    const fits = Math.min(bytes.length, WRITE_BYTES - this.#buffered)
    bytes.copy(this.#buffer, this.#buffered, 0, fits)
    this.#buffered += fits
    this.#bytes += fits
    return this.#buffered < WRITE_BYTES ? undefined : this.#writeRest(bytes.subarray(fits))
  }

  /** The bytes of a range, all without one, once no more are written. */
  async *read(from = 0, to = Infinity): AsyncGenerator<Buffer> {
    await this.#flush()
    const end = Math.min(to, this.#written)
    for (let at = from; at < end;) {
      const piece = Buffer.allocUnsafe(Math.min(READ_BYTES, end - at))
      const { bytesRead } = await this.#file.read(piece, 0, piece.length, at)
      if (bytesRead === 0) throw unwritable('the temporary file', new Error('it was cut short'))
      at += bytesRead
      yield piece.subarray(0, bytesRead)
    }
  }

  /** Removes the file. */
  async close(): Promise<void> {
    await this.#file.close()
    await this.#removeName()
  }

  async #writeRest(rest: Buffer): Promise<void> {
    await this.#flush()
    await this.write(rest)
  }

  /** Two readers may begin at once: one of an upload that was refused, and that of the next. */
  #flush(): Promise<void> {
    this.#flushing ??= this.#writeOut().finally(() => (this.#flushing = undefined))
    return this.#flushing
  }

  async #writeOut(): Promise<void> {
    try {
      for (let from = 0; from < this.#buffered;) {
        const { bytesWritten } = await this.#file.write(this.#buffer, from, this.#buffered - from, this.#written)
        from += bytesWritten
        this.#written += bytesWritten
      }
      this.#buffered = 0
    } catch (error) {
      throw unwritable('the temporary file', error)
    }
  }

  async #removeName(): Promise<void> {
    if (this.#name === undefined) return
    try {
      await unlink(this.#name)
      this.#name = undefined
    } catch {
      // A system that keeps names of open files: it goes when the file is closed.
    }
  }
}

function unwritable(target: string, cause: unknown): OutputError {
  const message = `the audio cannot be kept in ${target}: ${toError(cause).message}; choose another folder, by temporaryFolder of transcribe() or by TMPDIR`
  return new OutputError('OUTPUT_UNWRITABLE', message, { target, cause })
}
