import type { ReadAt } from '../probe.ts'

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
  const info = infoOf(readAt(0, 42))
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

function infoOf(head: Buffer): FlacInfo | undefined {
  if (head.length < 42 || head.toString('latin1', 0, 4) !== 'fLaC') return undefined
  return {
    blockSamples: head.readUInt16BE(10),
    longestFrame: head.readUIntBE(15, 3),
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
