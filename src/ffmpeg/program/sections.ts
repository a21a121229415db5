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

/** The number of the packet `at`. */
export function pidOf(bytes: Buffer, at: number): number {
  return ((bytes[at + 1]! & 0x1f) << 8) | bytes[at + 2]!
}

/**
 * The section of `table` that begins in the packet `at`, without its checksum. `undefined` where none does, it goes on in the next
 * packet, is damaged, or is announced for later.
 */
export function sectionIn(bytes: Buffer, at: number, table: number): Buffer | undefined {
  const control = bytes[at + 3]! & 0x30
  if ((bytes[at + 1]! & 0x40) === 0 || (control & 0x10) === 0) return undefined
  const payload = at + 4 + (control === 0x30 ? 1 + bytes[at + 4]! : 0)
  const from = payload + 1 + (bytes[payload] ?? 0)
  const end = at + packetBytes
  if (from + 12 > end || bytes[from] !== table) return undefined
  const to = from + 3 + (bytes.readUInt16BE(from + 1) & 0xfff)
  const isCurrent = (bytes[from + 5]! & 1) !== 0
  if (!isCurrent || to > end || to < from + 12 || checksum(bytes.subarray(from, to)) !== 0) return undefined
  return bytes.subarray(from, to - 4)
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

/** Packet number of the table of the only programme, by the section that says which there are. */
export function onlyProgram(section: Buffer): number | undefined {
  const found: number[] = []
  for (let at = 8; at + 4 <= section.length; at += 4) {
    if (section.readUInt16BE(at) !== 0) found.push(section.readUInt16BE(at + 2) & 0x1fff)
  }
  return found.length === 1 ? found[0] : undefined
}

/** The tracks of a programme, by the section that says them. */
export function tracksOf(section: Buffer): ProgramTrack[] {
  const tracks: ProgramTrack[] = []
  if (section.length < 12) return tracks
  for (let at = 12 + (section.readUInt16BE(10) & 0xfff); at + 5 <= section.length;) {
    const type = section[at]!
    const pid = section.readUInt16BE(at + 1) & 0x1fff
    const end = Math.min(section.length, at + 5 + (section.readUInt16BE(at + 3) & 0xfff))
    let [language, described] = ['', '']
    for (let one = at + 5; one + 2 <= end; one += 2 + section[one + 1]!) {
      const content = section.subarray(one + 2, Math.min(end, one + 2 + section[one + 1]!))
      const name = content.toString('latin1', 0, 4)
      if (section[one] === 0x0a) language = content.toString('latin1', 0, 3)
      else if (soundDescriptors.has(section[one]!)) described = String(section[one])
      else if (section[one] === 0x05 && soundNames.has(name)) described ||= name
    }
    const isSound = sounds.has(type) || (type === 6 && described !== '')
    const kind = pictures.has(type) ? 'picture' : isSound ? 'sound' : undefined
    if (kind !== undefined) tracks.push({ pid, kind, codec: `${type} ${type === 6 ? described : ''}`, language })
    at = end
  }
  return tracks
}
