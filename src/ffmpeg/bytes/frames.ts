import { mp3Index, mp3IndexBytes, mpegFrame, tagHeadBytes, tagLength } from '../probe.ts'

const nothing = Buffer.alloc(0)

/** A format that is frames one behind the other. */
export interface FrameKind {
  /** Bytes of the frame that begins `at`; `undefined` where none does, or its length is not said, or too few bytes are there. */
  length: (bytes: Buffer, at: number) => number | undefined
  /** Bytes by which a frame is known, and those by which it is known what is in it. */
  head: number
  need: number
  /** The byte with which all of them begin; absent where it is not looked for behind damage. */
  mark?: number
  /** Whether the frame that begins `at` is an index. */
  isIndex?: (bytes: Buffer, at: number) => boolean
}

/** Bytes by which {@link frameKind} knows a format. */
export const kindBytes = 13

const mpeg: FrameKind = {
  length: (bytes, at) => mpegFrame(bytes, at)?.bytes,
  head: 4,
  need: 36 + mp3IndexBytes,
  mark: 0xff,
  isIndex: (bytes, at) => {
    const frame = mpegFrame(bytes, at)
    return frame !== undefined && mp3Index(bytes, at, frame) !== undefined
  },
}

const adts: FrameKind = { length: adtsLength, head: 7, need: 7, mark: 0xff }
const ac3: FrameKind = { length: ac3Length, head: 6, need: 6, mark: 0x0b }

const wavPack: FrameKind = {
  length: (bytes, at) => {
    if (at + 8 > bytes.length || bytes.toString('latin1', at, at + 4) !== 'wvpk') return undefined
    const size = bytes.readUInt32LE(at + 4)
    return size >= 24 && size < 1 << 24 ? size + 8 : undefined
  },
  head: 8,
  need: 8,
  mark: 0x77,
}

/** Its header, and tags of sound, picture or facts with their length behind them. */
const flv: FrameKind = {
  length: (bytes, at) => {
    if (at + 13 > bytes.length) return undefined
    if (bytes.toString('latin1', at, at + 4) === 'FLV\x01') return bytes.readUInt32BE(at + 5) + 4
    const isTag = [8, 9, 18].includes(bytes[at]! & 0x1f) && bytes.readUIntBE(at + 8, 3) === 0
    return isTag ? 15 + bytes.readUIntBE(at + 1, 3) : undefined
  },
  head: 13,
  need: 13,
}

/** The format of what begins with `bytes`, where it is one of frames. */
export function frameKind(bytes: Buffer): FrameKind | undefined {
  if (bytes.toString('latin1', 0, 3) === 'ID3') return mpeg
  return [mpeg, adts, ac3, wavPack, flv].find(({ length }) => length(bytes, 0) !== undefined)
}

function adtsLength(bytes: Buffer, at: number): number | undefined {
  if (at + 7 > bytes.length || bytes[at] !== 0xff || (bytes[at + 1]! & 0xf6) !== 0xf0) return undefined
  const length = ((bytes[at + 3]! & 3) << 11) | (bytes[at + 4]! << 3) | (bytes[at + 5]! >> 5)
  return length >= 7 ? length : undefined
}

/** In kbit/s, for every two values of the code. */
const ac3BitRates = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640]

/** AC-3 and E-AC-3 (ETSI TS 102 366). */
function ac3Length(bytes: Buffer, at: number): number | undefined {
  if (at + 6 > bytes.length || bytes[at] !== 0x0b || bytes[at + 1] !== 0x77) return undefined
  const version = bytes[at + 5]! >> 3
  if (version > 10) return version > 16 ? undefined : 2 * ((bytes.readUInt16BE(at + 2) & 0x7ff) + 1)
  const code = bytes[at + 4]! & 0x3f
  const bitRate = ac3BitRates[code >> 1]
  if (bitRate === undefined) return undefined
  // 48, 44.1 and 32 kHz.
  return [4 * bitRate, 2 * (Math.floor((320 * bitRate) / 147) + (code & 1)), 6 * bitRate][bytes[at + 4]! >> 6]
}

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
