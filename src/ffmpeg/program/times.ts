/*
 * The times in the headers of elementary packets (PTS and DTS of ISO/IEC 13818-1).
 */

/** Ticks of a second, and those after which the clock begins again. */
export const second = 90_000
export const lap = 2 ** 33

/** The difference of two times, which may be some laps apart. */
export function shortest(ticks: number): number {
  const within = ((ticks % lap) + lap) % lap
  return within >= lap / 2 ? within - lap : within
}

export const isPictureCode = (code: number): boolean => code >= 0xe0 && code <= 0xef

/** The times in the header of an elementary packet. */
export interface PacketTimes {
  /** AC-3 and DTS come as private data, but so do subtitles. */
  kind: 'picture' | 'sound' | 'private'
  /** When it is presented, in ticks. */
  shown: number
  /** When it is decoded, in ticks. */
  decoded: number
  /** Where the times begin. */
  at: number
  /** Whether there is one for its decoding as well. */
  both: boolean
  /** Whether what the header holds is said by flags before them, as in MPEG-2. */
  hasFlags: boolean
}

/** The times of the elementary packet at `from`; `undefined` where it is none of sound or picture, or has none. */
export function packetTimes(bytes: Buffer, from: number, to: number): PacketTimes | undefined {
  if (bytes[from] !== 0 || bytes[from + 1] !== 0 || bytes[from + 2] !== 1) return undefined
  const kind = kindOf(bytes[from + 3]!)
  if (kind === undefined) return undefined
  const [at, both] = timesOf(bytes, from + 6, to)
  if (at < 0 || at + (both ? 10 : 5) > to) return undefined
  const shown = readTime(bytes, at)
  return { kind, shown, decoded: both ? readTime(bytes, at + 5) : shown, at, both, hasFlags: isMpeg2(bytes, from + 6) }
}

function kindOf(code: number): PacketTimes['kind'] | undefined {
  if (isPictureCode(code)) return 'picture'
  if (code >= 0xc0 && code <= 0xdf) return 'sound'
  return code === 0xbd || code === 0xfd ? 'private' : undefined
}

const isMpeg2 = (bytes: Buffer, at: number): boolean => (bytes[at]! & 0xc0) === 0x80

/** Where the times begin, -1 where there are none, and whether there are two. */
function timesOf(bytes: Buffer, from: number, to: number): [at: number, both: boolean] {
  if (isMpeg2(bytes, from)) {
    const flags = bytes[from + 1]! >> 6
    return flags >= 2 ? [from + 3, flags === 3] : [-1, false]
  }
  // MPEG-1: padding, then the size of the decoder's buffer.
  let at = from
  while (at < to && bytes[at] === 0xff) at++
  if (at < to && (bytes[at]! & 0xc0) === 0x40) at += 2
  const mark = at < to ? bytes[at]! >> 4 : 0
  return mark === 2 || mark === 3 ? [at, mark === 3] : [-1, false]
}

/** Makes filling of the times in a header; `false` where there is no telling what else is in it. */
export function removeTimes(bytes: Buffer, { at, both, hasFlags }: PacketTimes): boolean {
  if (!hasFlags || (bytes[at - 2]! & 0x3f) !== 0) return false
  bytes[at - 2] = 0
  bytes.fill(0xff, at, at + (both ? 10 : 5))
  return true
}

function readTime(bytes: Buffer, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = bytes.subarray(at, at + 5)
  return ((a >> 1) & 7) * 2 ** 30 + b * 2 ** 22 + (c >> 1) * 2 ** 15 + d * 2 ** 7 + (e >> 1)
}

export function writeTime(bytes: Buffer, at: number, ticks: number): void {
  const time = ((ticks % lap) + lap) % lap
  const bits = (shift: number, count: number): number => Math.floor(time / 2 ** shift) % 2 ** count
  bytes[at] = (bytes[at]! & 0xf1) | (bits(30, 3) << 1)
  bytes[at + 1] = bits(22, 8)
  bytes[at + 2] = (bytes[at + 2]! & 1) | (bits(15, 7) << 1)
  bytes[at + 3] = bits(7, 8)
  bytes[at + 4] = (bytes[at + 4]! & 1) | (bits(0, 7) << 1)
}
