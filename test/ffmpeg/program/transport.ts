import { packetTimes } from '../../../src/ffmpeg/program/times.ts'

/** A track: its number, its type, and its language. */
export type Track = [pid: number, type: number, language?: string]

export const tableId = 0x1000

export function packet(pid: number, payload: readonly number[] = []): Buffer {
  const bytes = Buffer.alloc(188, 0xff)
  bytes.set([0x47, 0x40 | (pid >> 8), pid & 0xff, 0x10, ...payload])
  return bytes
}

interface SectionOptions {
  isCurrent?: boolean
  /** The number of what it is about. */
  of?: number
}

/** A section of a table: its number, then what `content` says, then its checksum; in as many packets as it needs. */
export function table(pid: number, id: number, content: readonly number[], options: SectionOptions = {}): Buffer {
  const { isCurrent = true, of = 1 } = options
  const length = content.length + 9
  const section = [id, 0xb0 | (length >> 8), length & 0xff, 0, of, isCurrent ? 0xc1 : 0xc0, 0, 0, ...content]
  const payload = [0, ...section, ...checksum(section)]
  const packets = Array.from({ length: Math.ceil(payload.length / 184) }, (_, index) => {
    const bytes = packet(pid, payload.slice(184 * index, 184 * (index + 1)))
    if (index > 0) bytes[1]! &= ~0x40
    return bytes
  })
  return Buffer.concat(packets)
}

/** CRC-32 as MPEG has it: from the highest bit, and not inverted. */
function checksum(bytes: readonly number[]): number[] {
  let rest = 0xffff_ffffn
  for (const bit of bytes.flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((shift) => BigInt((byte >> shift) & 1)))) {
    const isOdd = rest >> 31n !== bit
    rest = ((rest << 1n) & 0xffff_ffffn) ^ (isOdd ? 0x04c1_1db7n : 0n)
  }
  return [24n, 16n, 8n, 0n].map((shift) => Number((rest >> shift) & 0xffn))
}

export const programs = (...tables: number[]): Buffer =>
  table(
    0,
    0,
    tables.flatMap((pid, index) => [0, index + 1, 0xe0 | (pid >> 8), pid & 0xff]),
  )

interface ProgramOptions extends SectionOptions {
  /** The number of the packets of its table. */
  pid?: number
  /** The number of those with its clock. */
  ticks?: number
}

/** The table of a programme. */
export function programOf(
  tracks: readonly Track[],
  { pid = tableId, ticks = 0x100, ...options }: ProgramOptions = {},
): Buffer {
  const described = tracks.flatMap(([track, type, language = '']) => {
    const about = language === '' ? [] : [0x0a, 4, ...Buffer.from(language, 'latin1'), 0]
    return [type, 0xe0 | (track >> 8), track & 0xff, 0xf0, about.length, ...about]
  })
  return table(pid, 2, [0xe0 | (ticks >> 8), ticks & 0xff, 0xf0, 0, ...described], options)
}

/** Ticks of a second. */
export const second = 90_000

/** A packet in which sound, or with `code` something else, begins that is presented at `seconds`, and if said, decoded at others. */
export function timed(pid: number, seconds: number, code = 0xc0, decoded?: number): Buffer {
  const times = [seconds, ...(decoded === undefined ? [] : [decoded])].flatMap((each, index) => {
    const mark = (decoded === undefined ? 2 : 3 - 2 * index) << 4
    const ticks = BigInt(Math.round(each * second)) % 2n ** 33n
    const bits = (shift: bigint, mask: bigint): number => Number((ticks >> shift) & mask)
    return [
      mark | (bits(30n, 7n) << 1) | 1,
      bits(22n, 255n),
      (bits(15n, 127n) << 1) | 1,
      bits(7n, 255n),
      (bits(0n, 127n) << 1) | 1,
    ]
  })
  return packet(pid, [0, 0, 1, code, 0, 0, 0x80, decoded === undefined ? 0x80 : 0xc0, times.length, ...times])
}

/** When what begins in the packets of a stream is presented, in seconds; `undefined` of those without a time. */
export function timesIn(stream: Buffer, pid: number): (number | undefined)[] {
  return Array.from({ length: stream.length / 188 }, (_, index) => stream.subarray(188 * index, 188 * (index + 1)))
    .filter((bytes) => (bytes.readUInt16BE(1) & 0x1fff) === pid)
    .map((bytes) => packetTimes(bytes, 4, 188))
    .map((times) => (times === undefined ? undefined : times.shown / second))
}
