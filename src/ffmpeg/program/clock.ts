import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { isPack, packCode, type Packets, packetsOf, syncByte } from './packets.ts'
import { ProgramTracks } from './tracks.ts'

/**
 * The clock of MPEG transport streams and program streams (recordings of TV, DVDs, cameras), made to run on. Where two
 * recordings were joined, or the clock of the sender began anew or ran out (33 bits of 90 kHz, 26.5 hours), times leap;
 * where nothing was recorded for a while they leap as well, and rightly so. FFmpeg tells the two apart by how far they
 * leap, and cuts out of the sound what is missing for more than 10 s. Here it is known what all tracks do: one that leaps to where
 * another has already come was silent meanwhile; where all leap far, the clock has been set.
 *
 * Times of packets (PTS and DTS of ISO/IEC 13818-1) are rewritten in place; nothing else is touched.
 */

/** Ticks of a second, and those after which the clock begins again. */
const second = 90_000
export const lap = 2 ** 33

/** A time may lie this far before the last of its track, in ticks: pictures come in the order of decoding. */
const mostBack = second
/** From here on times leap, in ticks. */
const leap = 10 * second
/** A track is where another has come to if it lies no further before it or behind it than this, in ticks. */
const near = 5 * second
/** All tracks may leap this far, in ticks: reception was bad. Further, and the recordings are two. */
const longestOutage = 60 * second
/** The first time of all, in ticks: there is room before it, and as much as there can be before times begin again. */
const beginning = 60 * second
/** How far back a second recording is put where there is no picture, in ticks: see {@link ProgramClock.#end}. */
const anew = 3 * second

interface Track {
  isPicture: boolean
  /** Time of its last packet, corrected, in ticks. */
  last: number
  /** How long a picture lasts, in ticks, by the packets before; 0 where that is not known. */
  step: number
  /** Pictures that have begun since `last`. */
  pictures: number
  /** What is added to its times. */
  offset: number
}

/** Says what is to be added to the times of packets. */
export class ProgramClock {
  readonly #tracks = new Map<number, Track>()
  /** What is added to the times of tracks that have not leapt since the last one did. */
  #offset: number | undefined

  /** What is to be added to the times of a packet of track `id` that is to be decoded at `time`, in ticks. */
  correct(id: number, time: number, isPicture: boolean): number {
    const track = this.#tracks.get(id)
    this.#offset ??= beginning - time
    if (track === undefined) {
      const last = this.#near(time + this.#offset)
      this.#tracks.set(id, { isPicture, last, step: 0, pictures: 1, offset: this.#offset })
      return this.#offset
    }
    let ahead = shortest(time + track.offset - track.last)
    if (ahead < -mostBack || ahead > leap) {
      const other = shortest(time + this.#offset - track.last)
      if (track.offset !== this.#offset && other >= -mostBack && other <= leap) {
        // It follows the others, which have leapt before it.
        track.offset = this.#offset
        ahead = other
      } else if (!this.#isOutage(id, track, ahead)) {
        const end = this.#end()
        this.#offset = track.offset = end - time
        ahead = end - track.last
      }
    }
    const step = ahead / Math.max(1, track.pictures)
    if (ahead > 0 && ahead < second && (track.step === 0 || step < track.step)) track.step = step
    track.pictures = 1
    track.last += ahead
    return track.offset
  }

  /** Says that a packet holds more pictures than one, or pictures but no time. */
  addPictures(id: number, count: number): void {
    const track = this.#tracks.get(id)
    if (track !== undefined) track.pictures += count
  }

  /**
   * Where all that has come so far ends, by the picture. How long the last packet of sound is, nobody says; without a
   * picture what follows is put so far back that it is known to begin anew, and comes right behind what there is.
   */
  #end(): number {
    const tracks = [...this.#tracks.values()]
    const pictures = tracks.filter(({ isPicture }) => isPicture)
    if (pictures.length === 0) return Math.max(...tracks.map(({ last }) => last)) - anew
    return Math.max(...pictures.map((picture) => picture.last + picture.step * picture.pictures))
  }

  /** Whether a track was only away. */
  #isOutage(id: number, { last }: Track, ahead: number): boolean {
    if (ahead < 0) return false
    if (ahead <= longestOutage) return true
    return [...this.#tracks].some(([other, track]) => other !== id && Math.abs(track.last - last - ahead) < near)
  }

  /** A time as near to those of the other tracks as it can be. */
  #near(time: number): number {
    const [first] = this.#tracks.values()
    return first === undefined ? time : first.last + shortest(time - first.last)
  }
}

/** The difference of two times, which may be some laps apart. */
function shortest(ticks: number): number {
  const within = ((ticks % lap) + lap) % lap
  return within >= lap / 2 ? within - lap : within
}

/** Corrects the times in a stream of bytes. */
export interface ClockCorrector {
  /** Bytes as they are to be read, of which those that are not known yet are kept back. */
  push(chunk: Buffer): Buffer
  /** What has been kept back. */
  end(): Buffer
  /** What follows, where its sound is coded in another way: it is for another FFmpeg, and another corrector. */
  readonly other: Buffer | undefined
}

/**
 * The corrector for a stream that begins with `head`; `undefined` where it is of another kind. With `splits` it ends where the
 * sound goes on in another codec.
 */
export function clockCorrector(head: Uint8Array, splits = true): ClockCorrector | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  const packets = packetsOf(bytes)
  if (packets !== undefined) {
    const tracks = new ProgramTracks(splits)
    return new Corrector(
      (part, from, clock, isLast) => transportPacket(part, from, clock, tracks, packets, isLast),
      () =>
        Buffer.concat([Buffer.alloc(packets.before), tracks.head, Buffer.alloc(packets.size - packets.before - 188)]),
    )
  }
  return isPack(bytes, 0) ? new Corrector(programPacket) : undefined
}

/**
 * Corrects the packet that begins at `from`; returns where the next one begins, -1 where there are too few bytes to
 * say, or `'other'` where one begins that is for another corrector.
 */
type PacketReader = (bytes: Buffer, from: number, clock: ProgramClock, isLast: boolean) => number | 'other'

/** The bytes of such a file, its clock mended. */
export function correctedFile(path: string): Readable {
  return Readable.from(mended(createReadStream(path, { highWaterMark: 65_536 })), { objectMode: false })
}

async function* mended(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let corrector: ClockCorrector | undefined
  for await (const chunk of bytes) {
    corrector ??= clockCorrector(chunk, false)
    yield corrector?.push(chunk) ?? chunk
  }
  if (corrector !== undefined) yield corrector.end()
}

class Corrector implements ClockCorrector {
  readonly #clock = new ProgramClock()
  readonly #read: PacketReader
  readonly #head: () => Buffer
  #kept: Buffer = Buffer.alloc(0)
  other: Buffer | undefined

  /** @param head - gives what has to be before bytes that are for another corrector. */
  constructor(read: PacketReader, head = (): Buffer => Buffer.alloc(0)) {
    this.#read = read
    this.#head = head
  }

  push(chunk: Buffer): Buffer {
    // What is written to belongs to somebody else.
    const bytes = Buffer.concat([this.#kept, chunk])
    const done = this.#correct(bytes, false)
    this.#kept = this.other === undefined ? bytes.subarray(done) : Buffer.alloc(0)
    return bytes.subarray(0, done)
  }

  end(): Buffer {
    this.#correct(this.#kept, true)
    return this.#kept
  }

  #correct(bytes: Buffer, isLast: boolean): number {
    for (let done = 0; ;) {
      const next = this.#read(bytes, done, this.#clock, isLast)
      if (next === 'other') this.other = Buffer.concat([this.#head(), bytes.subarray(done)])
      if (next === 'other' || next < 0) return done
      done = next
    }
  }
}

function transportPacket(
  bytes: Buffer,
  from: number,
  clock: ProgramClock,
  tracks: ProgramTracks,
  { size, before }: Packets,
  isLast: boolean,
): number | 'other' {
  const start = from + before
  const end = from + size
  if (end > bytes.length || (end + before >= bytes.length && !isLast)) return -1
  if (bytes[start] !== syncByte || (bytes[end + before] ?? syncByte) !== syncByte) {
    // Damaged: go on from the next byte that may begin a packet.
    for (let at = start + 1; at + size < bytes.length; at++) {
      if (bytes[at] === syncByte && bytes[at + size] === syncByte) return at - before
    }
    return Math.max(from, bytes.length - size - before) === from ? -1 : bytes.length - size - before
  }
  const id = tracks.correct(bytes, start)
  if (id === 'other') return id
  const begins = (bytes[start + 1]! & 0x40) !== 0
  const control = bytes[start + 3]! & 0x30
  if (!begins || (control & 0x10) === 0) return end
  const payload = start + 4 + (control === 0x30 ? 1 + bytes[start + 4]! : 0)
  if (payload + 14 <= start + 188) correctHeader(bytes, payload, start + 188, id, clock)
  return end
}

const endCode = 0xb9
const pictureStart = Buffer.from('00000100', 'hex')

function programPacket(bytes: Buffer, from: number, clock: ProgramClock): number {
  if (from + 14 > bytes.length) return -1
  const code = bytes.readUInt32BE(from)
  if (code === 0x100 + packCode) {
    const isMpeg2 = (bytes[from + 4]! & 0xc0) === 0x40
    return isMpeg2 ? from + 14 + (bytes[from + 13]! & 7) : from + 12
  }
  if (code === 0x100 + endCode) return from + 4
  if (code < 0x100 + packCode || code > 0x1ff) {
    const next = bytes.indexOf('000001ba', from + 1, 'hex')
    if (next >= 0) return next
    return bytes.length - 3 > from ? bytes.length - 3 : -1
  }
  const end = from + 6 + bytes.readUInt16BE(from + 4)
  if (end > bytes.length) return -1
  const isTimed = correctHeader(bytes, from, end, code, clock)
  if (isPictureCode(code & 0xff)) clock.addPictures(code, picturesIn(bytes, from + 6, end) - (isTimed ? 1 : 0))
  return end
}

/** Pictures of MPEG-1 and MPEG-2 that begin in `bytes`; the packets of a program stream may hold several. */
function picturesIn(bytes: Buffer, from: number, to: number): number {
  let count = 0
  for (let at = bytes.indexOf(pictureStart, from); at >= 0 && at < to; at = bytes.indexOf(pictureStart, at + 4)) count++
  return count
}

const isPictureCode = (code: number): boolean => code >= 0xe0 && code <= 0xef

/**
 * Corrects the times in the header of an elementary packet of sound or picture.
 *
 * @returns whether it is one and has any.
 */
function correctHeader(bytes: Buffer, from: number, to: number, id: number, clock: ProgramClock): boolean {
  const times = packetTimes(bytes, from, to)
  if (times === undefined) return false
  const { at, both, shown } = times
  const offset = clock.correct(id, both ? readTime(bytes, at + 5) : shown, times.kind === 'picture')
  writeTime(bytes, at, shown + offset)
  if (both) writeTime(bytes, at + 5, readTime(bytes, at + 5) + offset)
  return true
}

/** The times in the header of an elementary packet. */
export interface PacketTimes {
  /** AC-3 and DTS come as private data, but so do subtitles. */
  kind: 'picture' | 'sound' | 'private'
  /** When it is presented, in ticks. */
  shown: number
  /** Where the times begin. */
  at: number
  /** Whether there is one for its decoding as well. */
  both: boolean
}

/** The times of the elementary packet at `from`; `undefined` where it is none of sound or picture, or has none. */
export function packetTimes(bytes: Buffer, from: number, to: number): PacketTimes | undefined {
  if (bytes[from] !== 0 || bytes[from + 1] !== 0 || bytes[from + 2] !== 1) return undefined
  const kind = kindOf(bytes[from + 3]!)
  if (kind === undefined) return undefined
  const [at, both] = timesOf(bytes, from + 6, to)
  if (at < 0 || at + (both ? 10 : 5) > to) return undefined
  return { kind, shown: readTime(bytes, at), at, both }
}

function kindOf(code: number): PacketTimes['kind'] | undefined {
  if (isPictureCode(code)) return 'picture'
  if (code >= 0xc0 && code <= 0xdf) return 'sound'
  return code === 0xbd || code === 0xfd ? 'private' : undefined
}

/** Where the times begin, -1 where there are none, and whether there are two. */
function timesOf(bytes: Buffer, from: number, to: number): [at: number, both: boolean] {
  if ((bytes[from]! & 0xc0) === 0x80) {
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

function readTime(bytes: Buffer, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = bytes.subarray(at, at + 5)
  return ((a >> 1) & 7) * 2 ** 30 + b * 2 ** 22 + (c >> 1) * 2 ** 15 + d * 2 ** 7 + (e >> 1)
}

function writeTime(bytes: Buffer, at: number, ticks: number): void {
  const time = ((ticks % lap) + lap) % lap
  const bits = (shift: number, count: number): number => Math.floor(time / 2 ** shift) % 2 ** count
  bytes[at] = (bytes[at]! & 0xf1) | (bits(30, 3) << 1)
  bytes[at + 1] = bits(22, 8)
  bytes[at + 2] = (bytes[at + 2]! & 1) | (bits(15, 7) << 1)
  bytes[at + 3] = bits(7, 8)
  bytes[at + 4] = (bytes[at + 4]! & 1) | (bits(0, 7) << 1)
}
