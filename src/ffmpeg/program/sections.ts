import { noPackets } from './packets.ts'

/**
 * The tables of an MPEG transport stream (PAT and PMT of ISO/IEC 13818-1), which say which programmes there are, and of which tracks
 * each consists.
 */

/** A track of a programme. */
export interface ProgramTrack {
  pid: number
  kind: 'picture' | 'sound'
  /** What it is coded in. */
  codec: string
  language: string
}

export const packetBytes = 188
/** Numbers of tables: which programmes there are, and what one consists of. */
export const [programsTable, tracksTable] = [0, 2]

const pictures = new Set([0x01, 0x02, 0x10, 0x1b, 0x20, 0x24, 0x33, 0x42, 0xd1, 0xea])
const sounds = new Set([0x03, 0x04, 0x0f, 0x11, 0x1c, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0xa1, 0xa2])
/** Private data is sound where it is described by one of these: AC-3, E-AC-3, DTS, AAC. */
const soundDescriptors = new Set([0x6a, 0x7a, 0x7b, 0x7c])
const soundNames = new Set(['AC-3', 'EAC3', 'DTS1', 'DTS2', 'DTS3', 'Opus', 'BSSD'])

/** Where the payload of the packet `at` begins; its end where it has none. */
function payloadOf(bytes: Buffer, at: number): number {
  const control = bytes[at + 3]! & 0x30
  if ((control & 0x10) === 0) return at + packetBytes
  return Math.min(at + packetBytes, at + 4 + (control === 0x30 ? 1 + bytes[at + 4]! : 0))
}

const begins = (bytes: Buffer, at: number): boolean => (bytes[at + 1]! & 0x40) !== 0

/**
 * The section of `table` that begins in the packet `at`, without its checksum. `undefined` where none does, it goes on in the next
 * packet, is damaged, or is announced for later.
 */
export function sectionIn(bytes: Buffer, at: number, table: number): Buffer | undefined {
  const payload = payloadOf(bytes, at)
  const end = at + packetBytes
  if (!begins(bytes, at) || payload >= end) return undefined
  return inForce(bytes.subarray(Math.min(end, payload + 1 + bytes[payload]!), end), table)
}

/** Puts sections together that go on over several packets of one number. */
export class SectionReader {
  #open: Buffer = Buffer.alloc(0)

  /** The sections of `table` that end in the packet `at`, as {@link sectionIn} gives them. */
  read(bytes: Buffer, at: number, table: number): Buffer[] {
    const payload = bytes.subarray(payloadOf(bytes, at), at + packetBytes)
    const found: Buffer[] = []
    if (!begins(bytes, at)) {
      if (this.#open.length > 0) this.#take(Buffer.concat([this.#open, payload]), table, found)
    } else if (payload.length > 0) {
      const from = 1 + payload[0]!
      this.#take(Buffer.concat([this.#open, payload.subarray(1, from)]), table, found)
      this.#take(payload.subarray(from), table, found)
    }
    return found
  }

  #take(bytes: Buffer, table: number, found: Buffer[]): void {
    let at = 0
    // What is behind the last section is filled up.
    for (; at + 3 <= bytes.length && bytes[at] !== 0xff; at += sectionBytes(bytes, at)) {
      if (at + sectionBytes(bytes, at) > bytes.length) break
      const section = inForce(bytes.subarray(at), table)
      if (section !== undefined) found.push(section)
    }
    this.#open = at >= bytes.length || bytes[at] === 0xff ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at))
  }
}

const sectionBytes = (bytes: Buffer, at: number): number => 3 + (bytes.readUInt16BE(at + 1) & 0xfff)

/** The section that `bytes` begin with, where it is whole, one of `table`, and in force. */
function inForce(bytes: Buffer, table: number): Buffer | undefined {
  if (bytes.length < 12 || bytes[0] !== table || (bytes[5]! & 1) === 0) return undefined
  const length = sectionBytes(bytes, 0)
  if (length > bytes.length || length < 12 || checksum(bytes.subarray(0, length)) !== 0) return undefined
  return bytes.subarray(0, length - 4)
}

/** CRC-32/MPEG-2; 0 of what its own checksum is behind. */
function checksum(bytes: Buffer): number {
  let sum = -1
  for (const byte of bytes) {
    sum ^= byte << 24
    for (let bit = 0; bit < 8; bit++) sum = sum < 0 ? (sum << 1) ^ 0x04c11db7 : sum << 1
  }
  return sum
}

/** The programmes that there are, and the packet numbers of their tables, by the section that says them. */
export function programsOf(section: Buffer): { program: number; tableId: number }[] {
  const programs: { program: number; tableId: number }[] = []
  for (let at = 8; at + 4 <= section.length; at += 4) {
    const [program, tableId] = [section.readUInt16BE(at), section.readUInt16BE(at + 2) & 0x1fff]
    if (program !== 0) programs.push({ program, tableId })
  }
  return programs
}

/** What a programme consists of, by the section that says it: all numbers of its packets, and that of those with its clock. */
export function streamsOf(section: Buffer): { pids: ReadonlySet<number>; ticks: number | undefined } {
  const pids = new Set<number>()
  for (const { pid } of entriesOf(section)) pids.add(pid)
  const ticks = section.length < 12 ? noPackets : section.readUInt16BE(8) & 0x1fff
  return { pids, ticks: ticks === noPackets ? undefined : ticks }
}

interface Entry {
  type: number
  pid: number
  /** Where its descriptors are. */
  from: number
  end: number
}

function* entriesOf(section: Buffer): Generator<Entry> {
  if (section.length < 12) return
  for (let at = 12 + (section.readUInt16BE(10) & 0xfff); at + 5 <= section.length;) {
    const from = at + 5
    const end = Math.min(section.length, from + (section.readUInt16BE(at + 3) & 0xfff))
    yield { type: section[at]!, pid: section.readUInt16BE(at + 1) & 0x1fff, from, end }
    at = end
  }
}

/** The tracks of a programme, by the section that says them. */
export function tracksOf(section: Buffer): ProgramTrack[] {
  const tracks: ProgramTrack[] = []
  for (const { type, pid, from, end } of entriesOf(section)) {
    let [language, described] = ['', '']
    for (let one = from; one + 2 <= end; one += 2 + section[one + 1]!) {
      const content = section.subarray(one + 2, Math.min(end, one + 2 + section[one + 1]!))
      const name = content.toString('latin1', 0, 4)
      if (section[one] === 0x0a) language = content.toString('latin1', 0, 3)
      else if (soundDescriptors.has(section[one]!)) described = String(section[one])
      else if (section[one] === 0x05 && soundNames.has(name)) described ||= name
    }
    const isSound = sounds.has(type) || (type === 6 && described !== '')
    const kind = pictures.has(type) ? 'picture' : isSound ? 'sound' : undefined
    if (kind !== undefined) tracks.push({ pid, kind, codec: `${type} ${type === 6 ? described : ''}`, language })
  }
  return tracks
}
