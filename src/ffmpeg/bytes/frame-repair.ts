import { type FrameKind, tagHeadBytes, tagLength } from './frames.ts'

const nothing = Buffer.alloc(0)

/**
 * Formats that are frames one behind the other, without what is none: the tags and the filling between and behind them, which
 * FFmpeg takes for damaged sound, and of MP3 indexes there, which would be played as a frame of silence. What stands at the very
 * start stays: it tells FFmpeg what the bytes are.
 */
export class FrameRepair {
  readonly #kind: FrameKind
  #held: Buffer = nothing
  /** Bytes that pass, and then bytes that are left out. */
  #pass = 0
  #skip = 0
  /** Whether no frame has come yet. */
  #atStart = true
  /** Whether frames follow one another; where they do not, whatever comes is for FFmpeg to judge. */
  #inStep = true

  constructor(kind: FrameKind) {
    this.#kind = kind
  }

  push(more: Buffer): Buffer {
    let bytes = this.#held.length === 0 ? more : Buffer.concat([this.#held, more])
    this.#held = nothing
    const out: Buffer[] = []
    while (bytes.length > 0) {
      const passed = Math.min(this.#pass, bytes.length)
      out.push(bytes.subarray(0, passed))
      this.#pass -= passed
      const skipped = Math.min(this.#skip, bytes.length - passed)
      this.#skip -= skipped
      bytes = bytes.subarray(passed + skipped)
      if (bytes.length === 0 || this.#decide(bytes)) continue
      this.#held = bytes
      break
    }
    return out.length === 1 ? out[0]! : Buffer.concat(out)
  }

  flush(): Buffer {
    const held = this.#held
    this.#held = nothing
    const isFilling = held.every((byte) => byte === 0) || (held.length > 2 && held.every((byte) => byte === 0xff))
    return this.#inStep && !this.#atStart && isFilling ? nothing : held
  }

  /** Says what becomes of the next bytes; `false` where more must come. */
  #decide(bytes: Buffer): boolean {
    const kind = this.#kind
    const length = kind.length(bytes, 0)
    if (length !== undefined && (this.#inStep || isFollowed(kind, bytes, length))) {
      if (bytes.length < Math.min(length, kind.need)) return false
      this.#inStep = true
      if (!this.#atStart && kind.isIndex?.(bytes, 0) === true) this.#skip = length
      else this.#pass = length
      this.#atStart = false
      return true
    }
    let tag = this.#inStep ? tagLength(bytes) : 0
    if (tag === 0 && this.#inStep && !this.#atStart) tag = fillingLength(kind, bytes)
    if (tag === undefined || (this.#inStep && bytes.length < kind.head)) return false
    if (tag > 0) {
      if (this.#atStart) this.#pass = tag
      else this.#skip = tag
      return true
    }
    this.#inStep = false
    const next = kind.mark === undefined ? -1 : bytes.indexOf(kind.mark, 1)
    this.#pass = next < 0 ? bytes.length : next
    return true
  }
}

/** Whether another frame begins where one is to end, as far as that can be seen. */
function isFollowed(kind: FrameKind, bytes: Buffer, length: number): boolean {
  if (bytes.length < length + kind.head || kind.length(bytes, length) !== undefined) return true
  return tagLength(bytes, length) !== 0
}

/** What is longer is no filling, and no tag, in bytes. */
const longestFilling = 1_048_576

/**
 * Bytes of what people have between and behind joined files and is no sound: zeros or ones, Lyrics3, an APE tag that only its foot
 * tells.
 * 0 where there is none; `undefined` where more bytes must come to tell.
 */
function fillingLength(kind: FrameKind, bytes: Buffer): number | undefined {
  const more = bytes.length < longestFilling ? undefined : 0
  const filling = bytes[0]!
  if (filling === 0 || (filling === 0xff && bytes.length >= 3 && bytes[1] === 0xff && bytes[2] === 0xff)) {
    const other = bytes.findIndex((byte) => byte !== filling)
    if (other < 0 || bytes.length - other < 64) return more
    // The last of the ones may begin a frame.
    const end = filling === 0xff && kind.mark === 0xff ? other - 1 : other
    // Behind filling that stands for lost sound that goes on, with no tag and no index.
    const isFrame = kind.length(bytes, end) !== undefined
    const isJoined = isFrame ? kind.isIndex?.(bytes, end) === true : tagLength(bytes, other) !== 0
    return isJoined ? (isFrame ? end : other) : 0
  }
  if ('LYRICSBEGIN'.startsWith(bytes.toString('latin1', 0, 11))) {
    const ends = ['LYRICS200', 'LYRICSEND'].map((end) => bytes.indexOf(end)).filter((at) => at >= 0)
    return ends.length === 0 ? more : Math.min(...ends) + 9
  }
  // The first of its items: its length, flags, and its name.
  if (bytes.length < 16) return more
  if (bytes[3] !== 0 || !/^[\x20-\x7e]{2}/.test(bytes.toString('latin1', 8, 10))) return 0
  const foot = bytes.indexOf('APETAGEX')
  if (foot < 0 || foot + tagHeadBytes > bytes.length) return more
  return bytes.readUInt32LE(foot + 12) === foot + tagHeadBytes ? foot + tagHeadBytes : 0
}
