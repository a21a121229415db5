/**
 * The tracks of an MPEG transport stream with one programme, kept where they were. Where recordings were joined, or a sender changed
 * its mind, the same sound goes on under another packet number, which FFmpeg takes for another track. By the tables of the stream
 * (PAT and PMT of ISO/IEC 13818-1) packets get the numbers that they had before, and the new tables become packets of nothing.
 */

interface ProgramTrack {
  pid: number
  kind: 'picture' | 'sound'
  /** What it is coded in. */
  codec: string
  language: string
}

const nothing = 0x1fff
const packetBytes = 188
const pictures = new Set([0x01, 0x02, 0x10, 0x1b, 0x20, 0x24, 0x33, 0x42, 0xd1, 0xea])
const sounds = new Set([0x03, 0x04, 0x0f, 0x11, 0x1c, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0xa1, 0xa2])
/** Private data is sound where it is described by one of these: AC-3, E-AC-3, DTS, AAC. */
const soundDescriptors = new Set([0x6a, 0x7a, 0x7b, 0x7c])
const soundNames = new Set(['AC-3', 'EAC3', 'DTS1', 'DTS2', 'DTS3', 'Opus', 'BSSD'])

/** Gives the packets of a stream the numbers that their tracks had at first. */
export class ProgramTracks {
  /** Packet number of the table of the one programme; absent where there are several, or it is not known. */
  #tableId: number | undefined
  /** The last packet that says which programmes there are. */
  #programs: Buffer | undefined
  #tracks: readonly ProgramTrack[] = []
  #table: Buffer | undefined
  /** Numbers of packets, and those they get. */
  readonly #moved = new Map<number, number>()
  readonly #splits: boolean

  /** @param splits - whether it ends where sound goes on in another codec; without, that is left out. */
  constructor(splits: boolean) {
    this.#splits = splits
  }

  /**
   * Corrects the packet that begins `at`, and gives the number of its track; `'other'` where a programme begins here whose sound is
   * coded in another way, so that it cannot go on as the same track.
   */
  correct(bytes: Buffer, at: number): number | 'other' {
    const pid = pidOf(bytes, at)
    if (pid !== 0 && pid !== this.#tableId) {
      // This is called of every packet.
      return this.#moved.size === 0 ? pid : this.#move(bytes, at, this.#moved.get(pid) ?? pid)
    }
    const section = sectionOf(bytes, at)
    if (pid === 0 && section !== undefined) {
      this.#programs = Buffer.from(bytes.subarray(at, at + packetBytes))
      this.#tableId = onlyProgram(section)
    } else if (pid !== 0 && section !== undefined && this.#table?.equals(section) !== true) {
      if (!this.#change(tracksOf(section)) && this.#splits) return 'other'
      this.#table = Buffer.from(section)
    }
    return this.#move(bytes, at, this.#moved.size === 0 || pid === nothing ? pid : nothing)
  }

  /** What has to be before packets by which a stream is to begin. */
  get head(): Buffer {
    return this.#programs ?? Buffer.alloc(0)
  }

  #move(bytes: Buffer, at: number, pid: number): number {
    bytes[at + 1] = (bytes[at + 1]! & 0xe0) | (pid >> 8)
    bytes[at + 2] = pid & 0xff
    return pid
  }

  /** There is another table. Returns whether its sound goes on as one of the tracks that there are. */
  #change(now: readonly ProgramTrack[]): boolean {
    const before = this.#tracks
    this.#moved.clear()
    const isThere = (track: ProgramTrack): boolean =>
      now.some(({ pid, kind, codec }) => pid === track.pid && kind === track.kind && codec === track.codec)
    const had = before.filter(({ kind }) => kind === 'sound')
    const has = now.filter(({ kind }) => kind === 'sound')
    // Tracks may be added, or be silent for a while.
    if (had.length === 0 || has.length === 0 || had.every(isThere)) {
      if (had.length === 0 || has.length > 0) this.#tracks = now
      return true
    }
    const free = [...before]
    const take = (track: ProgramTrack, fits: (one: ProgramTrack) => boolean): void => {
      if (this.#moved.has(track.pid)) return
      const found = free.findIndex((one) => one.kind === track.kind && one.codec === track.codec && fits(one))
      if (found >= 0) this.#moved.set(track.pid, free.splice(found, 1)[0]!.pid)
    }
    for (const track of now) take(track, ({ pid }) => pid === track.pid)
    for (const track of now) take(track, ({ language }) => language === track.language)
    for (const track of now) take(track, () => true)
    // What is new would else go on as what had its number before.
    for (const { pid } of now) if (!this.#moved.has(pid)) this.#moved.set(pid, nothing)
    if (has.some(({ pid }) => this.#moved.get(pid) !== nothing)) return true
    this.#moved.clear()
    return false
  }
}

function pidOf(bytes: Buffer, at: number): number {
  return ((bytes[at + 1]! & 0x1f) << 8) | bytes[at + 2]!
}

/** The table that begins in a packet, without its checksum; `undefined` where none does, or it goes on in the next. */
function sectionOf(bytes: Buffer, at: number): Buffer | undefined {
  const control = bytes[at + 3]! & 0x30
  if ((bytes[at + 1]! & 0x40) === 0 || (control & 0x10) === 0) return undefined
  const payload = at + 4 + (control === 0x30 ? 1 + bytes[at + 4]! : 0)
  const from = payload + 1 + (bytes[payload] ?? 0)
  const end = at + packetBytes
  if (from + 12 > end) return undefined
  const to = from + 3 + (bytes.readUInt16BE(from + 1) & 0xfff) - 4
  return to > end || to < from + 8 ? undefined : bytes.subarray(from, to)
}

/** Packet number of the table of the only programme. */
function onlyProgram(section: Buffer): number | undefined {
  const found: number[] = []
  for (let at = 8; at + 4 <= section.length; at += 4) {
    if (section.readUInt16BE(at) !== 0) found.push(section.readUInt16BE(at + 2) & 0x1fff)
  }
  return section[0] === 0 && found.length === 1 ? found[0] : undefined
}

function tracksOf(section: Buffer): ProgramTrack[] {
  const tracks: ProgramTrack[] = []
  if (section[0] !== 2 || section.length < 12) return tracks
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
