import type { AudioFormat } from '../audio/format.ts'

/**
 * Reads NUT, FFmpeg's own container, in which PCM keeps the time of every frame: WAV has none. Only what FFmpeg's muxer
 * writes for tracks of PCM is read (specification: ffmpeg.org/~michael/nut.txt, version 3). FFmpeg is trusted to write
 * it whole; a stream that is none is an error.
 */

/** Samples that follow one another without a gap, of as many frames as that takes. */
export interface NutRun {
  /** Of which track, from 0. */
  track: number
  /** Time of the first one, in samples; may be negative. */
  at: number
  /** Interleaved 16-bit samples, little endian, in memory that is used again for what comes next. */
  samples: Buffer
}

/** The samples of a run, in the same memory. */
export function samplesOf(bytes: Buffer): Int16Array {
  return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
}

/** Times of frames are rounded: by so many samples they may differ from where the frames before end. */
const rounding = 2
/** A run is ended after so many samples, so that a drift of the clock shows. */
const longestRun = 16_384

/** What every NUT stream begins with. */
const fileId = Buffer.from('nut/multimedia container\0', 'latin1')
/** The first byte of every packet that is no frame; no frame begins with it. */
const packetStart = 0x4e
const mainHeader = '4e4d7a561f5f04ad'
const streamHeader = '4e5311405bf2f9db'
const syncpoint = '4e4be4adeeca4569'
/** The longest packet or frame that FFmpeg makes of PCM is far below this, in bytes. */
const longestPacket = 16_777_216

/** Flags of a frame, with the names of the specification. */
const flag = { codedPts: 8, streamId: 16, sizeMsb: 32, checksum: 64, reserved: 128, headerIndex: 1024 } as const
const matchTime = 2048
const coded = 4096

/** How a frame that begins with one of 256 codes is written. */
interface FrameCode {
  flags: number
  sizeMultiplier: number
  sizeLsb: number
  ptsDelta: number
  track: number
  reserved: number
  headerIndex: number
}

interface TimeBase {
  numerator: number
  denominator: number
}

const nothing = Buffer.alloc(0)

/** Reads numbers from the beginning of `bytes`; what is read behind their end is 0 and empty. To throw there would cost as much as the reading. */
class Cursor {
  readonly bytes: Buffer
  at = 0
  /** Whether it has been behind the end. */
  isShort = false

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  byte(): number {
    if (this.at < this.bytes.length) return this.bytes[this.at++]!
    this.isShort = true
    return 0
  }

  /** An unsigned number of seven bits a byte. */
  unsigned(): number {
    for (let value = 0; ;) {
      const byte = this.byte()
      value = value * 128 + (byte & 127)
      if (byte < 128) return value
    }
  }

  signed(): number {
    const value = this.unsigned() + 1
    return value % 2 === 1 ? -(value - 1) / 2 : value / 2
  }

  /** Bytes that go with their length before them. */
  counted(): Buffer {
    return this.take(this.unsigned())
  }

  /** Whether so many bytes are there. */
  has(length: number): boolean {
    if (this.isShort) return false
    if (!(length >= 0 && length <= longestPacket)) throw new Error('no NUT: a packet is too long')
    this.isShort = this.at + length > this.bytes.length
    return !this.isShort
  }

  take(length: number): Buffer {
    if (!this.has(length)) return nothing
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }
}

/** Puts frames together that follow one another, unless each is wanted on its own: there are fifty in a second, and each on its own costs more than its samples. */
class Runs {
  readonly #track: number
  readonly #joins: boolean
  #samples: Buffer = Buffer.alloc(0)
  #runs: NutRun[] = []
  #at = 0
  #from = 0
  #to = 0

  constructor(track: number, joins: boolean) {
    this.#track = track
    this.#joins = joins
  }

  /** @param most - bytes of all samples, at most. */
  clear(most: number): void {
    if (most > this.#samples.length) this.#samples = Buffer.allocUnsafeSlow(most)
    this.#runs = []
    this.#from = this.#to = 0
  }

  /** A frame begins whose first sample was recorded at `at`. */
  begin(at: number, block: number): void {
    const count = (this.#to - this.#from) / block
    const follows = Math.abs(at - this.#at - count) <= rounding && count > 0 && count < longestRun
    if (this.#joins && follows) return
    this.#close()
    this.#at = at
  }

  add(bytes: Buffer, from: number, length: number): void {
    bytes.copy(this.#samples, this.#to, from, from + length)
    this.#to += length
  }

  end(): NutRun[] {
    this.#close()
    return this.#runs
  }

  #close(): void {
    if (this.#to > this.#from) {
      this.#runs.push({ track: this.#track, at: this.#at, samples: this.#samples.subarray(this.#from, this.#to) })
    }
    this.#from = this.#to
  }
}

/** What is known of a track, and where its reading is. */
interface Track {
  timeBase: TimeBase
  msbShift: number
  lastPts: number
  format: AudioFormat
  /** What the codec has to say before its packets. */
  codecHeader: Buffer
  runs: Runs
}

/** The most tracks that are read. */
const mostTracks = 2

/**
 * Reads a NUT stream with one track, or two of PCM, as its bytes come: of 16-bit PCM, or of the packets of a codec, each a run.
 */
export class NutReader {
  /** What is not read yet stands at its beginning. New memory for every piece would cost as much as reading it. */
  #bytes: Buffer = Buffer.alloc(0)
  #length = 0
  readonly #joins: boolean
  #begun = false
  #codes: FrameCode[] = []
  #elided: Buffer[] = []
  #timeBases: TimeBase[] = []
  readonly #tracks: Track[] = []

  constructor(kind: 'samples' | 'packets' = 'samples') {
    this.#joins = kind === 'samples'
  }

  /** What the samples of a track are; `undefined` until that has come. */
  formatOf(track: number): AudioFormat | undefined {
    return this.#tracks[track]?.format
  }

  /** What the samples of the first track are. */
  get format(): AudioFormat | undefined {
    return this.formatOf(0)
  }

  /** What the codec has to say before its packets; empty until that has come. */
  get codecHeader(): Buffer {
    return this.#tracks[0]?.codecHeader ?? Buffer.alloc(0)
  }

  /** What `chunk` completes, of each track in order; to be used before the next one is pushed. */
  push(chunk: Buffer): NutRun[] {
    this.#append(chunk)
    const cursor = new Cursor(this.#bytes.subarray(0, this.#length))
    // A frame may hold more samples than bytes: its first ones can stand in the header of the stream.
    for (const { runs } of this.#tracks) runs.clear(2 * this.#length)
    let done = 0
    for (this.#next(cursor); !cursor.isShort; this.#next(cursor)) done = cursor.at
    this.#bytes.copyWithin(0, done, this.#length)
    this.#length -= done
    return this.#tracks.flatMap(({ runs }) => runs.end())
  }

  #append(chunk: Buffer): void {
    const length = this.#length + chunk.length
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(2 * length)
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    chunk.copy(this.#bytes, this.#length)
    this.#length = length
  }

  #next(cursor: Cursor): void {
    if (!this.#begun) {
      const id = cursor.take(fileId.length)
      if (cursor.isShort) return
      if (!id.equals(fileId)) throw new Error('no NUT: it does not begin like one')
      this.#begun = true
      return
    }
    const code = cursor.byte()
    if (cursor.isShort) return
    if (code !== packetStart) return this.#frame(code, cursor)
    const kind = `4e${cursor.take(7).toString('hex')}`
    const length = cursor.unsigned()
    // A long packet has a checksum of its header.
    if (length > 4096) cursor.take(4)
    const content = new Cursor(cursor.take(length))
    if (cursor.isShort) return
    if (kind === mainHeader) this.#main(content)
    else if (kind === streamHeader) this.#stream(content)
    else if (kind === syncpoint) this.#sync(content)
    if (content.isShort) throw new Error('no NUT: a header is too short')
  }

  #main(content: Cursor): void {
    const version = content.unsigned()
    if (version !== 3) throw new Error(`no NUT that is known here: version ${version}`)
    const tracks = content.unsigned()
    if (!(tracks >= 1 && tracks <= mostTracks)) throw new Error(`no NUT that is known here: ${tracks} tracks`)
    content.unsigned() // The longest distance of syncpoints.
    this.#timeBases = Array.from({ length: content.unsigned() }, () => ({
      numerator: content.unsigned(),
      denominator: content.unsigned(),
    }))
    this.#codes = frameCodes(content)
    const headers = content.unsigned()
    this.#elided = [Buffer.alloc(0), ...Array.from({ length: headers }, () => Buffer.from(content.counted()))]
  }

  #stream(content: Cursor): void {
    const number = content.unsigned()
    // A header may come again.
    if (number !== this.#tracks.length) return
    content.unsigned() // Its class,
    content.counted() // and the name of its codec.
    const timeBase = this.#timeBases[content.unsigned()] ?? { numerator: 1, denominator: 1 }
    const msbShift = content.unsigned()
    content.unsigned() // The longest distance of times,
    content.unsigned() // the delay of the decoder,
    content.unsigned() // and flags.
    const codecHeader = Buffer.from(content.counted())
    const rate = content.unsigned()
    const sampleRate = rate / content.unsigned()
    const format: AudioFormat = { sampleRate, channels: content.unsigned(), encoding: 's16le' }
    const runs = new Runs(number, this.#joins)
    runs.clear(2 * this.#length)
    this.#tracks.push({ timeBase, msbShift, lastPts: 0, format, codecHeader, runs })
  }

  /** Times of frames are written short from here on, with regard to this one. */
  #sync(content: Cursor): void {
    const value = content.unsigned()
    const count = this.#timeBases.length
    const { numerator, denominator } = this.#timeBases[value % count] ?? { numerator: 1, denominator: 1 }
    const seconds = (Math.floor(value / count) * numerator) / denominator
    for (const track of this.#tracks) {
      track.lastPts = Math.floor((seconds * track.timeBase.denominator) / track.timeBase.numerator + 1e-6)
    }
  }

  #frame(first: number, cursor: Cursor): void {
    const code = this.#codes[first]
    if (code === undefined) throw new Error('no NUT: a frame comes before its header')
    let { flags, headerIndex, reserved, track: number } = code
    if (flags & coded) flags ^= cursor.unsigned()
    if (flags & flag.streamId) number = cursor.unsigned()
    const track = this.#tracks[number]
    if (track === undefined) throw new Error('no NUT: a frame comes before its header')
    const { timeBase, format, runs } = track
    const pts = flags & flag.codedPts ? fullPts(cursor.unsigned(), track) : track.lastPts + code.ptsDelta
    const msb = flags & flag.sizeMsb ? cursor.unsigned() : 0
    const size = code.sizeMultiplier * msb + code.sizeLsb
    if (flags & matchTime) cursor.signed()
    if (flags & flag.headerIndex) headerIndex = cursor.unsigned()
    if (flags & flag.reserved) reserved = cursor.unsigned()
    for (let field = 0; field < reserved; field++) cursor.unsigned()
    if (flags & flag.checksum) cursor.take(4)
    const elided = size > 4096 ? undefined : this.#elided[headerIndex]
    const rest = size - (elided?.length ?? 0)
    if (!cursor.has(rest)) return
    const { numerator, denominator } = timeBase
    runs.begin(Math.round((pts * numerator * format.sampleRate) / denominator), 2 * format.channels)
    if (elided !== undefined && elided.length > 0) runs.add(elided, 0, elided.length)
    runs.add(cursor.bytes, cursor.at, rest)
    cursor.at += rest
    track.lastPts = pts
  }
}

/** Only the low bits of a time are written, where it is near the last one. */
function fullPts(value: number, { msbShift, lastPts }: Track): number {
  const span = 2 ** msbShift
  if (value >= span) return value - span
  const least = lastPts - Math.floor((span - 1) / 2)
  return ((((value - least) % span) + span) % span) + least
}

/** The table that says how frames are written that begin with each byte. */
function frameCodes(content: Cursor): FrameCode[] {
  const codes: FrameCode[] = []
  let ptsDelta = 0
  let sizeMultiplier = 1
  let track = 0
  let headerIndex = 0
  while (codes.length < 256 && !content.isShort) {
    const flags = content.unsigned()
    const fields = content.unsigned()
    if (fields > 0) ptsDelta = content.signed()
    if (fields > 1) sizeMultiplier = content.unsigned()
    if (fields > 2) track = content.unsigned()
    const size = fields > 3 ? content.unsigned() : 0
    const reserved = fields > 4 ? content.unsigned() : 0
    const count = fields > 5 ? content.unsigned() : sizeMultiplier - size
    if (fields > 6) content.signed()
    if (fields > 7) headerIndex = content.unsigned()
    for (let field = 8; field < fields; field++) content.unsigned()
    for (let index = 0; index < count && codes.length < 256; index++) {
      const code = { flags, sizeMultiplier, sizeLsb: size + index, ptsDelta, track, reserved, headerIndex }
      // The byte that packets begin with is no code of a frame.
      if (codes.length === packetStart) codes.push(code)
      codes.push(code)
    }
  }
  return codes
}
