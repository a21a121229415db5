import type { Lack } from './ogg-end.ts'
import type { ReadAt } from './read-at.ts'
import { tagLength } from './frames.ts'

/** Bytes of the head of a FLAC by which it is known how long it is, and more than the head of a frame has. */
const headBytes = 42
/** Bytes in which a frame is looked for: more than almost all have. */
const windowBytes = 65_536
/** The most blocks before the first frame that are looked at. */
const mostBlocks = 128

const mark = Buffer.from('fLaC')

interface FlacInfo {
  /** Samples of all but the last frame, where all have as many. */
  blockSamples: number
  /** The longest frame, in bytes; 0 where it does not say. */
  longestFrame: number
  /** Samples a second. */
  rate: number
  channels: number
  /** Samples of each channel. */
  samples: number
}

interface FlacFrame {
  /** Which sample it begins with. */
  start: number
  end: number
}

/**
 * Whether a FLAC is one file, and not several that were joined: its frames count on to the number of samples that its head says. `false`
 * also where a few small reads do not tell.
 */
export function isOneFlac(readAt: ReadAt, size: number): boolean {
  const info = flacInfo(readAt(0, headBytes))
  const first = info && firstFrame(readAt, size)
  // One that is cut off may end before its first frame.
  if (info === undefined || first === undefined || first >= size || !Number.isFinite(size)) return false
  const length = Math.max(windowBytes, 2 * info.longestFrame)
  // What follows what is looked at; where another file begins, frames count anew, before such a place or in it.
  let next = info.samples
  let end = size
  let at = Math.max(first, size - length)
  for (let isLast = true; ; isLast = false) {
    const bytes = readAt(at, Math.min(length, end - at))
    const frames = [...framesIn(bytes, info)]
    if (frames.length === 0 || bytes.includes(mark) || (isLast && frames.at(-1)!.end !== next)) return false
    for (const frame of frames.toReversed()) {
      if (frame.end > next) return false
      next = frame.start
    }
    if (at === first) return next === 0
    end = at
    at = at - first < length ? first : first + Math.floor((at - first) / 2)
  }
}

/**
 * Finds out whether a FLAC, whose bytes come in any pieces, ends before the last of the samples that its head says. FFmpeg says nothing
 * where it is cut between two frames.
 */
export class FlacEnd {
  /** `null` where it is no FLAC, or does not say how long it is. */
  #info: FlacInfo | undefined | null
  #kept: Buffer = Buffer.alloc(0)
  /** Bytes of a tag before it that have not come. */
  #skip = 0
  /** Bytes that have come, and samples up to the end of the last frame that has begun. */
  #received = 0
  #samples = 0

  push(chunk: Buffer): void {
    if (this.#info === null) return
    const more = chunk.subarray(Math.min(this.#skip, chunk.length))
    this.#skip -= chunk.length - more.length
    this.#received += more.length
    const bytes = this.#kept.length === 0 ? more : Buffer.concat([this.#kept, more])
    if (this.#info === undefined && bytes.length >= headBytes) {
      const tag = tagLength(bytes) ?? 0
      if (tag > 0) {
        this.end()
        this.#skip = tag
        return this.push(bytes)
      }
      const info = flacInfo(bytes)
      this.#info = info === undefined || info.samples === 0 ? null : info
    }
    if (this.#info) {
      const { samples } = this.#info
      // Noise may look like a frame of any number; one beyond the end by the head goes on where another ends.
      for (const { start, end } of framesIn(bytes, this.#info))
        if (end <= samples || start === this.#samples) this.#samples = Math.max(this.#samples, end)
    }
    this.#kept = Buffer.from(bytes.subarray(Math.max(0, bytes.length - headBytes)))
  }

  /** What is lacking of all that has come, in bytes by what a second of it took so far; what comes next is another file. */
  end(): Lack | undefined {
    const [info, there, bytes] = [this.#info, this.#samples, this.#received]
    this.#info = undefined
    this.#kept = Buffer.alloc(0)
    this.#skip = this.#received = this.#samples = 0
    if (!info || there === 0 || there >= info.samples) return undefined
    const lacking = info.samples - there
    return { missing: Math.ceil((bytes * lacking) / there), missingMs: Math.round((lacking * 1000) / info.rate) }
  }
}

/** What a FLAC says of itself that begins with `head`. */
export function flacInfo(head: Buffer): FlacInfo | undefined {
  if (head.length < headBytes || head.toString('latin1', 0, 4) !== 'fLaC') return undefined
  return {
    blockSamples: head.readUInt16BE(10),
    longestFrame: head.readUIntBE(15, 3),
    rate: head.readUIntBE(18, 3) >> 4,
    channels: ((head[20]! >> 1) & 7) + 1,
    samples: (head[21]! & 0x0f) * 2 ** 32 + head.readUInt32BE(22),
  }
}

/** Where the first frame begins. */
function firstFrame(readAt: ReadAt, size: number): number | undefined {
  let at = 4
  for (let blocks = 0; blocks < mostBlocks && at < size; blocks++) {
    const head = readAt(at, 4)
    if (head.length < 4) return undefined
    at += 4 + head.readUIntBE(1, 3)
    if ((head[0]! & 0x80) !== 0) return at
  }
  return undefined
}

function* framesIn(bytes: Buffer, info: FlacInfo): Generator<FlacFrame, undefined> {
  for (let at = bytes.indexOf(0xff); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    const frame = frameAt(bytes, at, info)
    if (frame !== undefined) yield frame
  }
}

/** The frame whose head begins `at` (RFC 9639, section 9.1). */
function frameAt(bytes: Buffer, at: number, { blockSamples, channels }: FlacInfo): FlacFrame | undefined {
  if (at + 6 > bytes.length || (bytes[at + 1]! & 0xfe) !== 0xf8 || (bytes[at + 3]! & 1) !== 0) return undefined
  const assigned = bytes[at + 3]! >> 4
  if (assigned > 10 || channels !== (assigned > 7 ? 2 : assigned + 1)) return undefined
  const first = bytes[at + 4]!
  const more = first < 0x80 ? 0 : Math.clz32(~(first << 24)) - 1
  if (more > 6 || (first >= 0x80 && more === 0)) return undefined
  let number = first < 0x80 ? first : first & (0x3f >> more)
  let next = at + 5
  for (let byte = 0; byte < more; byte++) number = number * 64 + (bytes[next++]! & 0x3f)
  const [sizeCode, rateCode] = [bytes[at + 2]! >> 4, bytes[at + 2]! & 0x0f]
  if (sizeCode === 0 || rateCode === 15) return undefined
  let samples = sizeCode === 1 ? 192 : sizeCode < 6 ? 144 << sizeCode : 1 << sizeCode
  if (next + 4 > bytes.length) return undefined
  if (sizeCode === 6) samples = bytes[next++]! + 1
  if (sizeCode === 7) {
    samples = bytes.readUInt16BE(next) + 1
    next += 2
  }
  next += rateCode === 12 ? 1 : rateCode > 12 ? 2 : 0
  if (checksum(bytes, at, next) !== bytes[next]) return undefined
  const isCounted = (bytes[at + 1]! & 1) === 0
  const start = isCounted ? number * blockSamples : number
  return { start, end: start + samples }
}

function checksum(bytes: Buffer, from: number, to: number): number {
  let sum = 0
  for (let at = from; at < to; at++) {
    sum ^= bytes[at]!
    for (let bit = 0; bit < 8; bit++) sum = ((sum << 1) ^ ((sum & 0x80) === 0 ? 0 : 7)) & 0xff
  }
  return sum
}
