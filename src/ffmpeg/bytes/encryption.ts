import { InputError } from '../../errors.ts'
import { firstBox, isEncrypted, isMovieStart } from '../probe.ts'

/** The longest index of an MP4 that is kept, in bytes: what its tracks are comes before their tables. */
const mostIndexBytes = 1_048_576
const boxHeadBytes = 16

/** FFmpeg takes encrypted sound for damaged, or decodes noise. */
export function encryptedInput(input: string): InputError {
  const message = `${input} is encrypted, as is what has copy protection; give a copy that is not`
  return new InputError('INPUT_UNREADABLE', message)
}

/** Finds out whether the sound of an MP4, whose bytes come in any pieces, is encrypted. */
export class EncryptionCheck {
  #pieces: Buffer[] = []
  #length = 0
  /** So many bytes must have come to tell more. */
  #needed = boxHeadBytes
  /** Bytes that come before the next box. */
  #skip = 0
  #isFirst = true
  #isDone = false

  /** Whether it is known to be encrypted, which is said once. */
  push(chunk: Buffer): boolean {
    if (this.#isDone) return false
    const piece = chunk.subarray(Math.min(this.#skip, chunk.length))
    this.#skip -= chunk.length - piece.length
    this.#pieces.push(piece)
    this.#length += piece.length
    if (this.#length < this.#needed) return false
    let bytes = Buffer.concat(this.#pieces)
    for (this.#needed = boxHeadBytes; bytes.length >= this.#needed; this.#isFirst = false) {
      const box = this.#isFirst && !isMovieStart(bytes) ? undefined : firstBox(bytes)
      const isIndex = box?.type === 'moov'
      this.#needed = isIndex ? Math.min(box.length, mostIndexBytes) : boxHeadBytes
      if (bytes.length < this.#needed) break
      this.#isDone = box === undefined || isIndex || !Number.isFinite(box.length)
      if (box === undefined || this.#isDone) break
      this.#skip = Math.max(0, box.length - bytes.length)
      bytes = bytes.subarray(box.length)
    }
    this.#pieces = this.#isDone ? [] : [bytes]
    this.#length = bytes.length
    return this.#isDone && isEncrypted((offset, length) => bytes.subarray(offset, offset + length), bytes.length)
  }
}
