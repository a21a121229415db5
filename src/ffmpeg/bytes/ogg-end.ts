/** What a file lacks at its end. */
export interface Lack {
  /** Bytes; about, or at least so many, where it does not say exactly. */
  missing: number
  /** Sound in them, in ms; absent where it does not say. */
  missingMs?: number | undefined
}

const mark = Buffer.from('OggS')
const headBytes = 27
const longestHead = headBytes + 255
/** Bytes of the first packet of a track by which its codec is known. */
const firstBytes = 48

interface OggTrack {
  /** Samples a second that its pages count; `undefined` where it is no sound that is known. */
  rate: number | undefined
  /** Samples up to the end of its last page. */
  samples: number
}

/**
 * Finds out whether an Ogg, whose bytes come in any pieces, ends within a page. FFmpeg leaves such a page out, a second of Opus as a
 * rule, and says nothing.
 */
export class OggEnd {
  readonly #tracks = new Map<number, OggTrack>()
  #kept: Buffer = Buffer.alloc(0)
  /** Bytes of the page at hand that have not come. */
  #left = 0
  /** What is in that. */
  #last: { isSound: boolean; missingMs: number | undefined } = { isSound: false, missingMs: undefined }

  push(chunk: Buffer): void {
    let at = Math.min(this.#left, chunk.length)
    this.#left -= at
    if (this.#left > 0 || at === chunk.length) return
    const bytes = this.#kept.length === 0 ? chunk : Buffer.concat([this.#kept, chunk])
    for (;;) {
      const start = bytes.indexOf(mark, at)
      at = start < 0 ? Math.max(at, bytes.length - mark.length + 1) : start
      const page = start < 0 ? undefined : this.#page(bytes.subarray(start, start + longestHead + firstBytes))
      if (page === undefined) break
      at += page
      this.#left = Math.max(0, at - bytes.length)
      if (at >= bytes.length) break
    }
    this.#kept = Buffer.from(bytes.subarray(at))
  }

  /**
   * What is lacking of the page that is cut, where sound is; of one that does not say how long it is, the bytes up to where it would.
   * What comes next is another file.
   */
  end(): Lack | undefined {
    const isCutEarly = this.#left === 0 && this.#kept.indexOf(mark) === 0
    const missing = isCutEarly ? Math.max(1, headBytes - this.#kept.length) : this.#left
    const { isSound, missingMs } = isCutEarly ? { isSound: true, missingMs: undefined } : this.#last
    this.#tracks.clear()
    this.#kept = Buffer.alloc(0)
    this.#left = 0
    return missing > 0 && isSound ? { missing, missingMs } : undefined
  }

  /** Bytes of the page that begins with `bytes`; `undefined` where more must come to tell. */
  #page(bytes: Buffer): number | undefined {
    const segments = bytes[headBytes - 1]
    if (segments === undefined || bytes.length < headBytes + segments) return undefined
    const head = headBytes + segments
    const size = head + bytes.subarray(headBytes, head).reduce((sum, length) => sum + length, 0)
    const serial = bytes.readUInt32LE(14)
    const granule = Number(bytes.readBigInt64LE(6))
    const isFirst = (bytes[5]! & 2) !== 0
    if (isFirst && bytes.length < Math.min(size, head + firstBytes)) return undefined
    if (isFirst) this.#tracks.set(serial, { rate: rateOf(bytes.subarray(head)), samples: 0 })
    const track = this.#tracks.get(serial)
    const rate = track?.rate
    const samples = granule < 0 || rate === undefined ? undefined : Math.max(0, granule - track!.samples)
    this.#last = { isSound: rate !== undefined, missingMs: samples && Math.round((samples * 1000) / rate!) }
    if (track !== undefined && granule >= 0) track.samples = granule
    return size
  }
}

/** Samples a second of a track, by its first packet. */
function rateOf(packet: Buffer): number | undefined {
  const begins = (text: string, length: number): boolean =>
    packet.length >= length && packet.toString('latin1', 0, text.length) === text
  if (begins('OpusHead', 8)) return 48_000
  if (begins('\x01vorbis', 16)) return packet.readUInt32LE(12) || undefined
  if (begins('\x7fFLAC', 30)) return packet.readUIntBE(27, 3) >> 4 || undefined
  return begins('Speex   ', 40) ? packet.readUInt32LE(36) || undefined : undefined
}
