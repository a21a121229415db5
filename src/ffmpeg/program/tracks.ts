import { noPackets as nothing, pidOf } from './packets.ts'
import {
  packetBytes,
  programsOf,
  programsTable,
  type ProgramTrack,
  sectionIn,
  tracksOf,
  tracksTable,
} from './sections.ts'

/**
 * The tracks of an MPEG transport stream with one programme, kept where they were. Where recordings were joined, or a sender changed
 * its mind, the same sound goes on under another packet number, which FFmpeg takes for another track. By the tables of the stream
 * (PAT and PMT of ISO/IEC 13818-1) packets get the numbers that they had before, and the new tables become packets of nothing.
 */

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
      return this.#moved.size === 0 ? pid : this.#move(bytes, at, this.numberOf(pid))
    }
    const section = sectionIn(bytes, at, pid === 0 ? programsTable : tracksTable)
    if (pid === 0 && section !== undefined) {
      this.#programs = Buffer.from(bytes.subarray(at, at + packetBytes))
      const [only, ...others] = programsOf(section)
      this.#tableId = others.length === 0 ? only?.tableId : undefined
    } else if (pid !== 0 && section !== undefined && this.#table?.equals(section) !== true) {
      if (!this.#change(tracksOf(section)) && this.#splits) return 'other'
      this.#table = Buffer.from(section)
    }
    return this.#move(bytes, at, this.#moved.size === 0 || pid === nothing ? pid : nothing)
  }

  /** The number that packets of the number `pid` get. */
  numberOf(pid: number): number {
    return this.#moved.get(pid) ?? pid
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
