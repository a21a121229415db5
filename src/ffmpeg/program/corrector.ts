import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { lookInto } from '../bytes/read-at.ts'
import { headLimit } from '../probe.ts'
import type { ProgramClock } from './clock.ts'
import { ProgramClocks } from './clocks.ts'
import { clockMayLeap, hasPacks, packCode, type Packets, packetsOf, pidOf, programPacket, syncByte } from './packets.ts'
import { packetBytes } from './sections.ts'
import { isPictureCode, packetTimes, type PacketTimes, removeTimes, second, shortest, writeTime } from './times.ts'
import { ProgramTracks } from './tracks.ts'

/**
 * Times of packets of MPEG transport streams and program streams (PTS and DTS of ISO/IEC 13818-1), rewritten in place so that their
 * clock runs on; but for the numbers of tracks, nothing else is touched.
 */

/** Corrects the times in a stream of bytes. */
export interface ClockCorrector {
  /** Bytes as they are to be read, of which those that are not known yet are kept back. */
  push(chunk: Buffer): Buffer
  /** What has been kept back. */
  end(): Buffer
  /** What follows, where its sound is coded in another way: it is for another FFmpeg, and another corrector. */
  readonly other: Buffer | undefined
  /** The clocks that it corrects by. */
  readonly clocks: ProgramClocks
}

/**
 * The corrector for a stream that begins with `head`; `undefined` where it is of another kind.
 *
 * @param splits - whether it ends where the sound goes on in another codec.
 * @param clocks - those of the corrector before, where this one is for what that left as another's.
 */
export function clockCorrector(head: Buffer, splits = true, clocks?: ProgramClocks): ClockCorrector | undefined {
  const packets = packetsOf(head)
  clocks?.beginPart()
  if (packets !== undefined) return new Corrector(new TransportStream(packets, splits, clocks), packets.first)
  return hasPacks(head) ? new Corrector(new ProgramStream()) : undefined
}

/** Whether a file is of a kind whose clock may leap; not where it cannot be read. */
export function hasLeapingClock(path: string): boolean {
  return lookInto(path, false, (readAt) => clockMayLeap(readAt(0, headLimit)))
}

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

/** What a corrector goes through, packet by packet. */
interface PacketStream {
  /**
   * Corrects the packet that begins at `from`; returns where the next one begins, -1 where there are too few bytes to
   * say, or `'other'` where one begins that is for another corrector.
   */
  correct(bytes: Buffer, from: number, isLast: boolean): number | 'other'
  /** What has to be before bytes that are for another corrector. */
  readonly head: Buffer
  readonly clocks: ProgramClocks
}

class Corrector implements ClockCorrector {
  readonly #stream: PacketStream
  /** Bytes to be left out: FFmpeg would look in them for what there is. */
  #skip: number
  #kept: Buffer = Buffer.alloc(0)
  other: Buffer | undefined

  constructor(stream: PacketStream, skip = 0) {
    this.#stream = stream
    this.#skip = skip
  }

  get clocks(): ProgramClocks {
    return this.#stream.clocks
  }

  push(chunk: Buffer): Buffer {
    // What is written to belongs to somebody else.
    const bytes = Buffer.concat([this.#kept, chunk.subarray(this.#skip)])
    this.#skip = Math.max(0, this.#skip - chunk.length)
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
      const next = this.#stream.correct(bytes, done, isLast)
      if (next === 'other') this.other = Buffer.concat([this.#stream.head, bytes.subarray(done)])
      if (next === 'other' || next < 0) return done
      done = next
    }
  }
}

/** Bytes that are kept back, at most, until tables have come: those of a broadcast are sent every half of a second. */
const mostBeforeTables = 2_097_152
/** Bytes that are kept back, at most, until the next packet of a track has come. */
const mostAhead = 524_288

/** A picture is shown at most this long after it has been decoded, and sound is sent no later than that, in ticks. */
const mostDelay = 10 * second

class TransportStream implements PacketStream {
  readonly #packets: Packets
  readonly #tracks: ProgramTracks
  readonly clocks: ProgramClocks

  constructor(packets: Packets, splits: boolean, clocks = new ProgramClocks()) {
    this.clocks = clocks
    this.#packets = packets
    this.#tracks = new ProgramTracks(splits)
  }

  get head(): Buffer {
    const { size, before } = this.#packets
    return Buffer.concat([Buffer.alloc(before), this.#tracks.head, Buffer.alloc(size - before - packetBytes)])
  }

  correct(bytes: Buffer, from: number, isLast: boolean): number | 'other' {
    const { size, before } = this.#packets
    const start = from + before
    const end = from + size
    if (end > bytes.length || (end + before >= bytes.length && !isLast)) return -1
    const isNext = (at: number): boolean => (bytes[at] ?? syncByte) === syncByte
    let isPacket = bytes[start] === syncByte
    if (isPacket && !isNext(end + before)) {
      // Only that one may be damaged.
      if (end + before + size >= bytes.length && !isLast) return -1
      isPacket = isNext(end + before + size)
    }
    if (!isPacket) {
      // Go on from the next byte that may begin a packet.
      for (let at = start + 1; at + size < bytes.length; at++) {
        if (bytes[at] === syncByte && bytes[at + size] === syncByte) return at - before
      }
      return Math.max(from, bytes.length - size - before) === from ? -1 : bytes.length - size - before
    }
    this.clocks.read(bytes, start)
    const times = timesInPacket(bytes, start)
    if (times === undefined) return this.#tracks.correct(bytes, start) === 'other' ? 'other' : end
    const pid = pidOf(bytes, start)
    const clock = this.#clockOf(bytes, end, pid, isLast)
    if (clock === 'later' || !this.#begin(clock, bytes, from, isLast)) return -1
    const isDoubtful = clock.isDoubtful(this.#tracks.numberOf(pid), times.decoded)
    const next = isDoubtful ? this.#nextTime(bytes, end, pid, isLast) : undefined
    if (next === 'later') return -1
    const id = this.#tracks.correct(bytes, start)
    if (id !== 'other') correctTimes(bytes, times, id, clock, next)
    return id === 'other' ? id : end
  }

  /** The clock of a track, by tables that may be behind its packet; `'later'` where they may be in what has not come yet. */
  #clockOf(bytes: Buffer, from: number, pid: number, isLast: boolean): ProgramClock | 'later' {
    const known = this.clocks.of(pid)
    if (known !== undefined) return known
    for (const at of this.#placesFrom(bytes, from)) {
      if (bytes[at] !== syncByte) continue
      const clock = this.clocks.read(bytes, at) ? this.clocks.of(pid) : undefined
      if (clock !== undefined) return clock
    }
    if (!isLast && bytes.length - from <= mostBeforeTables) return 'later'
    this.clocks.stopWaiting()
    return this.clocks.of(pid)!
  }

  /**
   * Begins the clock of one of several programmes at the earliest time of its first packets: its sound may be sent a second later than
   * its picture, and all programmes are to begin at the same time. `false` where these may not all have come.
   */
  #begin(clock: ProgramClock, bytes: Buffer, from: number, isLast: boolean): boolean {
    if (clock.hasBegun || !this.clocks.areSeveral) return true
    const firsts = new Map<number, number>()
    let isEnough = isLast
    for (const at of this.#placesFrom(bytes, from)) {
      if (bytes[at] !== syncByte) continue
      const pid = pidOf(bytes, at)
      const times = timesInPacket(bytes, at)
      if (times === undefined || this.clocks.of(pid) !== clock) continue
      const first = firsts.get(pid)
      if (first === undefined) firsts.set(pid, times.shown)
      else if (shortest(times.shown - first) > second) isEnough = true
    }
    if (!isEnough && bytes.length - from <= mostBeforeTables) return false
    const [time = 0, ...others] = firsts.values()
    const earliest = others.map((other) => shortest(other - time)).filter((ahead) => ahead < 0 && ahead > -mostDelay)
    clock.begin(time + Math.min(0, ...earliest))
    return true
  }

  /** When the next packet of a track is to be decoded, if it is known; `'later'` where it may be in what has not come yet. */
  #nextTime(bytes: Buffer, from: number, pid: number, isLast: boolean): number | 'later' | undefined {
    for (const at of this.#placesFrom(bytes, from)) {
      if (bytes[at] !== syncByte) return undefined
      const times = pidOf(bytes, at) === pid ? timesInPacket(bytes, at) : undefined
      if (times !== undefined) return times.decoded
    }
    return isLast || bytes.length - from > mostAhead ? undefined : 'later'
  }

  /** Where packets are to begin from `from` on, with their sync bytes. */
  *#placesFrom(bytes: Buffer, from: number): Generator<number, undefined> {
    const { size, before } = this.#packets
    for (let at = from; at + size <= bytes.length; at += size) yield at + before
  }
}

/** The times of the elementary packet that begins in a packet of a transport stream. */
function timesInPacket(bytes: Buffer, at: number): PacketTimes | undefined {
  const begins = (bytes[at + 1]! & 0x40) !== 0
  const control = bytes[at + 3]! & 0x30
  if (!begins || (control & 0x10) === 0) return undefined
  const payload = at + 4 + (control === 0x30 ? 1 + bytes[at + 4]! : 0)
  return payload + 14 <= at + packetBytes ? packetTimes(bytes, payload, at + packetBytes) : undefined
}

const pictureStart = Buffer.from('00000100', 'hex')

class ProgramStream implements PacketStream {
  readonly clocks = new ProgramClocks()
  readonly #clock = this.clocks.only
  readonly head = Buffer.alloc(0)

  correct(bytes: Buffer, from: number, isLast: boolean): number {
    const { code, end } = programPacket(bytes, from) ?? nextPacket(bytes, from)
    if (code === undefined || end < 0) return end
    const times = packetTimes(bytes, from, end)
    const isDoubtful = times !== undefined && this.#clock.isDoubtful(code, times.decoded)
    const next = isDoubtful ? this.#nextTime(bytes, end, code, isLast) : undefined
    if (next === 'later') return -1
    if (times !== undefined) correctTimes(bytes, times, code, this.#clock, next)
    if (isPictureCode(code & 0xff)) {
      this.#clock.addPictures(code, picturesIn(bytes, from + 6, end) - (times === undefined ? 0 : 1))
    }
    return end
  }

  /** As that of a transport stream. */
  #nextTime(bytes: Buffer, from: number, wanted: number, isLast: boolean): number | 'later' | undefined {
    for (let at = from; at >= 0 && at < bytes.length;) {
      const { code, end } = programPacket(bytes, at) ?? nextPacket(bytes, at)
      const times = code === wanted && end >= 0 ? packetTimes(bytes, at, end) : undefined
      if (times !== undefined) return times.decoded
      at = end
    }
    return isLast || bytes.length - from > mostAhead ? undefined : 'later'
  }
}

const startCode = Buffer.from([0, 0, 1])
/** Bytes of a packet by which it is known what it is, and its times. */
const packetHead = 19

/** Up to where no pack and no packet with a time begins behind `from`, where there is damage; FFmpeg goes on from there. */
function nextPacket(bytes: Buffer, from: number): { end: number; code?: never } {
  for (let at = bytes.indexOf(startCode, from + 1); at >= 0; at = bytes.indexOf(startCode, at + 1)) {
    if (bytes[at + 3] === packCode) return { end: at }
    if (packetTimes(bytes, at, bytes.length) === undefined) continue
    const end = at + 6 + bytes.readUInt16BE(at + 4)
    // One that ends where no other begins is one by chance.
    if (end + 3 > bytes.length || bytes.subarray(end, end + 3).equals(startCode)) return { end: at }
  }
  const end = bytes.length - packetHead
  return { end: end > from ? end : -1 }
}

/** Pictures of MPEG-1 and MPEG-2 that begin in `bytes`; the packets of a program stream may hold several. */
function picturesIn(bytes: Buffer, from: number, to: number): number {
  let count = 0
  for (let at = bytes.indexOf(pictureStart, from); at >= 0 && at < to; at = bytes.indexOf(pictureStart, at + 4)) count++
  return count
}

/** Corrects the times of an elementary packet, behind which the `next` of its track has another. */
function correctTimes(
  bytes: Buffer,
  times: PacketTimes,
  id: number,
  clock: ProgramClock,
  next: number | undefined,
): void {
  const { kind, at, both, shown, decoded } = times
  const believed = next === undefined ? decoded : clock.believed(id, decoded, next)
  // Sound without a time goes on where it is, to the sample.
  if (believed !== decoded && kind !== 'picture' && removeTimes(bytes, times)) return
  const time = believed + clock.correct(id, believed, kind === 'picture')
  const delay = shortest(shown - decoded)
  // One of the two may be damaged.
  writeTime(bytes, at, time + (Math.abs(delay) > mostDelay ? 0 : delay))
  if (both) writeTime(bytes, at + 5, time)
}
