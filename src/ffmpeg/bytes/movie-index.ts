import { boxesIn, isEncrypted, isMovieStart, type Silence, silencesOf } from '../probe.ts'
import type { ReadAt } from './read-at.ts'

/** The longest index of an MP4 that is kept, in bytes: what its tracks are comes before their tables. */
const mostIndexBytes = 1_048_576
const boxHeadBytes = 16

/** Finds the index of an MP4, whose bytes come in any pieces, and what it says of the sound. */
export class MovieIndex {
  /** Whether all of it is encrypted. */
  isEncrypted = false
  /** Where there is to be none, of each track. */
  silences: readonly (readonly Silence[])[] = []
  #pieces: Buffer[] = []
  #length = 0
  /** So many bytes must have come to tell more. */
  #needed = boxHeadBytes
  /** Bytes that come before the next box. */
  #skip = 0
  #isFirst = true
  #isDone = false

  push(chunk: Buffer): void {
    if (this.#isDone) return
    const piece = chunk.subarray(Math.min(this.#skip, chunk.length))
    this.#skip -= chunk.length - piece.length
    this.#pieces.push(piece)
    this.#length += piece.length
    if (this.#length < this.#needed) return
    let bytes = Buffer.concat(this.#pieces)
    for (this.#needed = boxHeadBytes; bytes.length >= this.#needed; this.#isFirst = false) {
      const [box] = this.#isFirst && !isMovieStart(bytes) ? [] : boxesIn(bytes, 1)
      const isIndex = box?.type === 'moov'
      this.#needed = isIndex ? Math.min(box.to, mostIndexBytes) : boxHeadBytes
      if (bytes.length < this.#needed) break
      this.#isDone = box === undefined || isIndex || !Number.isFinite(box.to)
      if (box === undefined || this.#isDone) break
      this.#skip = Math.max(0, box.to - bytes.length)
      bytes = bytes.subarray(box.to)
    }
    this.#pieces = this.#isDone ? [] : [bytes]
    this.#length = bytes.length
    if (!this.#isDone) return
    const readAt: ReadAt = (offset, length) => bytes.subarray(offset, offset + length)
    this.isEncrypted = isEncrypted(readAt, bytes.length)
    this.silences = silencesOf(readAt, bytes.length)
  }
}
