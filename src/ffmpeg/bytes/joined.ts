import { type FileKind, filesIn, kindHeadBytes, kindOf, mayBeLonger, ogg, oggPageBytes } from './file-kinds.ts'
import { lookInto } from './read-at.ts'

/**
 * Files of one kind that were joined by `cat`, told apart. Of most kinds FFmpeg reads the first alone, or takes those behind it
 * for more of it, at a wrong rate. MP3, ADTS, MPEG-TS and others without a header go on as they are; WAV has a reader of its own.
 */

/** What {@link filesIn} and {@link mayBeLonger} say of a file on disk; `unknown` where it cannot be read. */
export function joinedFile(path: string): { files: ReturnType<typeof filesIn>; mayBeLonger: boolean } {
  const unknown = { files: 'unknown', mayBeLonger: false } as const
  return lookInto(path, unknown, (readAt, size) => ({
    files: filesIn(readAt, size),
    mayBeLonger: mayBeLonger(readAt, size),
  }))
}

/** Tells apart the files in a stream of bytes. */
export class PartFinder {
  /** What may be the beginning of another file. */
  #held: Buffer = Buffer.alloc(0)
  #kind: FileKind | undefined
  #isKnown = false
  /** Bytes before {@link #held}. */
  #passed = 0
  /** Where the first pages of an Ogg end: one for each of its tracks. */
  #oggHeadEnd = 0
  /** Whether the first file has begun. */
  #begun = false

  /** Whether files of this kind are joined as a rule. */
  get isChain(): boolean {
    return this.#kind?.isChain === true
  }

  /** The bytes that can be handed on: first those that go on with the file at hand, then those of others, each from its beginning. */
  push(chunk: Buffer): Buffer[] {
    if (this.#isKnown && this.#kind === undefined) return [chunk]
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    if (!this.#isKnown) {
      this.#held = bytes
      if (bytes.length < kindHeadBytes) return [Buffer.alloc(0)]
      this.#isKnown = true
      this.#kind = kindOf(bytes)
    }
    if (this.#kind === undefined) return [this.flush()]
    return this.#split(bytes, this.#kind)
  }

  /** What has been held back. */
  flush(): Buffer {
    const held = this.#held
    this.#held = Buffer.alloc(0)
    return held
  }

  #split(bytes: Buffer, found: FileKind): Buffer[] {
    const { mark, markAt, need, begins } = found
    const pieces: Buffer[] = []
    let from = 0
    let end = Math.max(0, bytes.length - markAt - partOf(bytes, mark))
    for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) {
      const start = at - markAt
      if (start < from) continue
      if (start + need > bytes.length) {
        end = Math.min(end, start)
        break
      }
      if (!begins(bytes, start)) continue
      if (this.#isAnother(bytes, start, found)) {
        pieces.push(bytes.subarray(from, start))
        from = start
      }
    }
    end = Math.max(from, end)
    pieces.push(bytes.subarray(from, end))
    // What is held is copied: it would keep a large chunk in memory.
    this.#held = Buffer.from(bytes.subarray(end))
    this.#passed += end
    return pieces
  }

  #isAnother(bytes: Buffer, start: number, found: FileKind): boolean {
    const isFirst = !this.#begun
    this.#begun = true
    if (found !== ogg) return !isFirst
    const at = this.#passed + start
    const isTrack = at === this.#oggHeadEnd
    this.#oggHeadEnd = at + oggPageBytes + bytes[start + oggPageBytes - 1]!
    return !isFirst && !isTrack
  }
}

/** How many of the last bytes may begin a mark. */
function partOf(bytes: Buffer, mark: Buffer): number {
  for (let length = Math.min(mark.length - 1, bytes.length); length > 0; length--) {
    if (bytes.subarray(bytes.length - length).equals(mark.subarray(0, length))) return length
  }
  return 0
}
