import { tagLength } from '../../ffmpeg/bytes/frames.ts'
import { boxesIn, editsIn } from '../../ffmpeg/probe.ts'
import { lap, packetTimes, type PacketTimes } from '../../ffmpeg/program/times.ts'

/** Ticks of the clock of MPEG-TS in a ms, and ms after which it begins again. */
const TICKS = 90
const WRAP = lap / TICKS

/** Bytes of a packet of MPEG-TS, and what each begins with. */
const PACKET_BYTES = 188
const SYNC = 0x47

/** Most bytes that are held to read a header; what is longer is no clock. */
const MOST_HEADER_BYTES = 524_288

/** Ms by which sound that belongs to a picture may begin before, or end after it. */
const MOST_OVERLAP = 500

/** A step of the clock, in ms, that no stream makes by itself. */
const MOST_STEP = 10_000

/** A time by the clock of the media. */
export interface MediaTime {
  /** In ms. */
  ms: number
  /** Whether the clock begins again after 26.5 hours, as that of MPEG-TS does. */
  wraps: boolean
}

/** How far `a` is after `b`, in ms: of clocks that begin again, the shortest way. */
export function timeBetween(a: MediaTime, b: MediaTime): number {
  const apart = a.ms - b.ms
  return a.wraps || b.wraps ? apart - Math.round(apart / WRAP) * WRAP : apart
}

/** Ms by which decoded audio is longer or shorter than what was encoded, at most: it comes in whole packets. */
const PADDING = 200

/** What is known of the length of a run of segments; all in ms. */
export interface RunLengths {
  /** What the playlist says. */
  declared: number
  /** How far that may be off by rounding alone. */
  unit: number
  /** Whether the playlist could have been more exact than it is, and had no need to. */
  isWhole: boolean
  /** By the clock of a run with a picture, in different ways; may be empty. */
  clock: readonly number[]
  /** Of the audio as decoded. */
  decoded: number
  /** Whether there is a picture that may be longer, or shorter, than the audio. */
  hasPicture: boolean
}

/**
 * How long a run of segments lasts, in ms. What the playlist says holds; but where that is rounded, whatever the clock of
 * the picture, or else the audio, says within the rounding is better: errors would add up. Where a playlist says less than
 * there is of everything, it is wrong, and nothing is to be left out for it.
 */
export function runLength({ declared, unit, isWhole, clock, decoded, hasPicture }: RunLengths): number {
  const [measured] = clock.toSorted((a, b) => Math.abs(a - declared) - Math.abs(b - declared))
  if (measured !== undefined) {
    if (Math.abs(measured - declared) <= unit) return measured
    return Math.min(measured, decoded) > declared + PADDING ? measured : declared
  }
  const apart = Math.abs(decoded - declared)
  if (declared === 0 || (!hasPicture && decoded > declared + MOST_OVERLAP)) return decoded
  return apart > PADDING && apart <= unit / 2 && !isWhole ? decoded : declared
}

/**
 * The clock of a run of segments, read from its bytes as they go by, cut anywhere: MPEG-TS, packed audio with the ID3 tag of
 * HLS, fragmented MP4. Of bytes that are none of these, or are damaged, nothing is known.
 */
export class MediaClock {
  #held: Buffer = Buffer.alloc(0)
  /** Bytes to come that do not matter. */
  #skip = 0
  #kind: 'unknown' | 'ts' | 'id3' | 'mp4' | 'done' = 'unknown'
  /** MPEG-TS: the streams, by the number of their packets. */
  readonly #streams = new Map<number, TransportStream>()
  /** Fragmented MP4: the tracks of its header, by their number. */
  #tracks: ReadonlyMap<number, Track> = new Map()
  #firstPicture: MediaTime | undefined
  #firstSound: MediaTime | undefined

  /** When the first picture is shown, once that is known. */
  get firstPicture(): MediaTime | undefined {
    return this.#firstPicture ?? beginningOf(this.#streams, 'picture')
  }

  /** When the first sound is heard, once that is known. */
  get firstSound(): MediaTime | undefined {
    return this.#firstSound ?? beginningOf(this.#streams, 'sound') ?? beginningOf(this.#streams, 'private')
  }

  /** When the first of its pictures and sounds begins, once that is known. */
  get beginning(): MediaTime | undefined {
    const { firstPicture: picture, firstSound: sound } = this
    if (picture === undefined || sound === undefined) return sound ?? picture
    return timeBetween(sound, picture) < 0 ? sound : picture
  }

  /**
   * How long the run is by its clock, in ms: the picture alone, and, where that is another length, with its sound. Empty
   * where it has no picture, or is not MPEG-TS: only there may the playlist be much less exact than the clock.
   */
  get lengths(): number[] {
    const streams = [...this.#streams.values()].filter(({ kind }) => kind !== 'private')
    const picture = streams.find(({ kind, count }) => kind === 'picture' && count > 1)
    if (picture === undefined || streams.some(({ broken }) => broken)) return []
    const length = lengthOf(picture)
    // How long the last packet of a sound is nobody knows: it may hold many pieces of it, or few.
    const offsets = streams.map((stream) => timeBetween(ticking(stream.first), ticking(picture.first)))
    const ends = streams.map(({ first, last }, at) => (offsets[at] ?? 0) + last - first)
    const whole = Math.max(length, ...ends) - Math.min(...offsets)
    return whole > length + MOST_OVERLAP ? [length, whole] : [length]
  }

  /** Takes the next bytes. */
  push(chunk: Buffer): void {
    if (this.#kind === 'done') return
    const skipped = Math.min(this.#skip, chunk.length)
    this.#skip -= skipped
    if (skipped === chunk.length) return
    const fresh = chunk.subarray(skipped)
    const bytes = this.#held.length === 0 ? fresh : Buffer.concat([this.#held, fresh])
    if (this.#kind === 'unknown') this.#kind = kindOf(bytes)
    const used = this.#read(bytes)
    this.#skip = Math.max(0, used - bytes.length)
    // A copy, so that what is held does not keep the whole chunk.
    this.#held = Buffer.from(bytes.subarray(Math.min(used, bytes.length)))
    if (this.#held.length > MOST_HEADER_BYTES) this.#kind = 'done'
    if (this.#kind === 'done') this.#held = Buffer.alloc(0)
  }

  /** Reads as much as is complete; says how many bytes are done with, which may be more than there are. */
  #read(bytes: Buffer): number {
    if (this.#kind === 'ts') return this.#readTransport(bytes)
    if (this.#kind === 'mp4') return this.#readBoxes(bytes)
    if (this.#kind !== 'id3') return 0
    const length = tagLength(bytes)
    if (length === undefined || bytes.length < length) return 0
    this.#kind = 'done'
    this.#firstSound = transportTimestamp(bytes.subarray(0, length))
    return 0
  }

  #readTransport(bytes: Buffer): number {
    let at = 0
    while (at + PACKET_BYTES <= bytes.length) {
      if (bytes[at] === SYNC) {
        this.#readPacket(bytes.subarray(at, at + PACKET_BYTES))
        at += PACKET_BYTES
      } else {
        const next = bytes.indexOf(SYNC, at)
        at = next < 0 ? bytes.length : next
      }
    }
    return at
  }

  #readPacket(packet: Buffer): void {
    const flags = packet.readUInt16BE(1)
    const startsUnit = (flags & 0x4000) !== 0
    const control = packet.readUInt8(3)
    if (!startsUnit || (control & 0x10) === 0 || (control & 0xc0) !== 0) return
    const found = packetTimes(packet, (control & 0x20) === 0 ? 4 : 5 + packet.readUInt8(4), PACKET_BYTES)
    if (found === undefined) return
    const ms = found.shown / TICKS
    const number = flags & 0x1fff
    const stream = this.#streams.get(number)
    if (stream === undefined) {
      this.#streams.set(number, { kind: found.kind, first: ms, last: ms, count: 1, broken: false })
      return
    }
    const step = timeBetween(ticking(ms), ticking(stream.last))
    stream.broken ||= Math.abs(step) > MOST_STEP
    stream.count += 1
    // Pictures come in the order in which they are decoded, not in that in which they are shown.
    stream.first = Math.min(stream.first, stream.last + step)
    stream.last = Math.max(stream.last, stream.last + step)
  }

  #readBoxes(bytes: Buffer): number {
    let at = 0
    for (const { type, from, to } of boxesIn(bytes)) {
      const isWanted = type === 'moov' || type === 'moof'
      if (isWanted && to > bytes.length) return at
      if (type === 'moov') this.#tracks = readTracks(bytes.subarray(from, to))
      else if (type === 'moof') this.#readFragment(bytes.subarray(from, to))
      at = to
    }
    return at
  }

  #readFragment(moof: Buffer): void {
    for (const traf of boxes(moof, 'traf')) {
      const track = this.#tracks.get(uint32(boxes(traf, 'tfhd')[0], 4) ?? 0)
      const tfdt = boxes(traf, 'tfdt')[0]
      const base = tfdt?.[0] === 1 ? uint64(tfdt, 4) : uint32(tfdt, 4)
      if (track === undefined || base === undefined) continue
      const ms = ((base + firstOffset(boxes(traf, 'trun')[0]) - track.mediaTime) / track.timescale) * 1000 + track.delay
      if (track.kind === 'picture') this.#firstPicture ??= { ms, wraps: false }
      else this.#firstSound ??= { ms, wraps: false }
    }
    const kinds = [...this.#tracks.values()].map(({ kind }) => kind)
    const isKnown = (kind: 'picture' | 'sound', known: unknown): boolean => known !== undefined || !kinds.includes(kind)
    if (isKnown('picture', this.#firstPicture) && isKnown('sound', this.#firstSound)) this.#kind = 'done'
  }
}

/** One stream of MPEG-TS. */
interface TransportStream {
  kind: PacketTimes['kind']
  /** Earliest and latest presentation time so far, in ms; they go on where the clock begins again. */
  first: number
  last: number
  /** Presentation times so far. */
  count: number
  /** Whether its clock has jumped. */
  broken: boolean
}

/** A track of fragmented MP4. */
interface Track {
  kind: 'picture' | 'sound'
  /** Units in a second. */
  timescale: number
  /** The time of the media that is presented first, in its units. */
  mediaTime: number
  /** Ms for which nothing is presented before. */
  delay: number
}

function ticking(ms: number): MediaTime {
  return { ms, wraps: true }
}

function beginningOf(
  streams: ReadonlyMap<number, TransportStream>,
  kind: TransportStream['kind'],
): MediaTime | undefined {
  const found = [...streams.values()].filter((stream) => stream.kind === kind).map(({ first }) => ticking(first))
  return found.length === 0 ? undefined : found.reduce((a, b) => (timeBetween(b, a) < 0 ? b : a))
}

/** The last picture lasts as long as the others on the average. */
function lengthOf({ first, last, count }: TransportStream): number {
  return count < 2 ? 0 : ((last - first) * count) / (count - 1)
}

function kindOf(bytes: Buffer): 'unknown' | 'ts' | 'id3' | 'mp4' | 'done' {
  if (bytes.length < 8) return 'unknown'
  if (bytes[0] === SYNC) {
    if (bytes.length <= PACKET_BYTES) return 'unknown'
    return bytes[PACKET_BYTES] === SYNC ? 'ts' : 'done'
  }
  if (bytes.toString('latin1', 0, 3) === 'ID3') return 'id3'
  return /^(?:ftyp|styp|moov|moof|sidx|emsg|prft|free|skip)$/.test(bytes.toString('latin1', 4, 8)) ? 'mp4' : 'done'
}

/** The time in an ID3 tag, as HLS puts it before packed audio. */
function transportTimestamp(tag: Buffer): MediaTime | undefined {
  const owner = Buffer.from('com.apple.streaming.transportStreamTimestamp\0', 'latin1')
  const at = tag.indexOf(owner)
  if (at < 0 || at + owner.length + 8 > tag.length) return undefined
  return ticking(Number(tag.readBigUInt64BE(at + owner.length) & 0x1_ffff_ffffn) / TICKS)
}

/** The contents of all boxes of a type that lie directly in `parent`. */
function boxes(parent: Buffer, type: string): Buffer[] {
  return boxesIn(parent).flatMap((box) => (box.type === type ? [parent.subarray(box.from, box.to)] : []))
}

/** Reads of a content that may be cut short; `undefined` beyond its end. */
function uint32(bytes: Buffer | undefined, at: number): number | undefined {
  return bytes === undefined || at + 4 > bytes.length ? undefined : bytes.readUInt32BE(at)
}

function uint64(bytes: Buffer | undefined, at: number): number | undefined {
  return bytes === undefined || at + 8 > bytes.length ? undefined : Number(bytes.readBigUInt64BE(at))
}

/** Units in a second, of a movie or a track: `mvhd` and `mdhd` have them at the same place. */
function timescaleOf(header: Buffer | undefined): number {
  return uint32(header, header?.[0] === 1 ? 20 : 12) ?? 0
}

function readTracks(moov: Buffer): Map<number, Track> {
  const movieTimescale = timescaleOf(boxes(moov, 'mvhd')[0])
  const tracks = new Map<number, Track>()
  for (const trak of boxes(moov, 'trak')) {
    const header = boxes(trak, 'tkhd')[0]
    const number = uint32(header, header?.[0] === 1 ? 20 : 12)
    const [media = Buffer.alloc(0)] = boxes(trak, 'mdia')
    const timescale = timescaleOf(boxes(media, 'mdhd')[0])
    const handler = boxes(media, 'hdlr')[0]?.toString('latin1', 8, 12)
    const kind = handler === 'vide' ? 'picture' : handler === 'soun' ? 'sound' : undefined
    if (number === undefined || kind === undefined || timescale === 0) continue
    const edits = boxes(trak, 'edts').flatMap((list) => boxes(list, 'elst'))
    tracks.set(number, { kind, timescale, ...readEdits(edits[0], movieTimescale) })
  }
  return tracks
}

/** What an edit list says of the beginning: how long nothing is presented, and which time of the media comes first. */
function readEdits(elst: Buffer | undefined, movieTimescale: number): Pick<Track, 'mediaTime' | 'delay'> {
  let delay = 0
  for (const { duration, mediaTime } of elst === undefined ? [] : editsIn(elst)) {
    if (mediaTime !== -1) return { mediaTime, delay }
    if (movieTimescale > 0) delay += (duration / movieTimescale) * 1000
  }
  return { mediaTime: 0, delay }
}

/** Units by which the first sample of a `trun` is presented after it is decoded. */
function firstOffset(trun: Buffer | undefined): number {
  const flags = (uint32(trun, 0) ?? 0) & 0xffffff
  if (trun === undefined || (flags & 0x800) === 0) return 0
  const fields = [0x1, 0x4, 0x100, 0x200, 0x400].filter((flag) => (flags & flag) !== 0).length
  const at = 8 + fields * 4
  if (at + 4 > trun.length) return 0
  return trun[0] === 0 ? trun.readUInt32BE(at) : trun.readInt32BE(at)
}
