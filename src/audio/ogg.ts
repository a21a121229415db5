/**
 * Pages of Ogg (RFC 3533): read from bytes that come in any pieces from anybody, and written. What is damaged is refused,
 * not skipped: the one stream in it comes over a connection that loses nothing.
 */

const HEADER_BYTES = 27
const MOST_SEGMENTS = 255
const flag = { continued: 1, first: 2 } as const

export interface OggPage {
  serial: number
  /** Whether a stream begins with it. */
  isFirst: boolean
  /** The packets that end in it, whole. */
  packets: Buffer[]
}

/** Reads pages. Holds one page and one unfinished packet at most. */
export class OggReader {
  readonly #longest: number
  #bytes: Buffer = Buffer.alloc(0)
  /** The beginning of a packet that goes on in the next page. */
  #unfinished: Buffer[] = []
  #unfinishedBytes = 0

  /** @param longest - the longest packet that is taken, in bytes. */
  constructor(longest: number) {
    this.#longest = longest
  }

  /** The pages that `chunk` completes. @throws Error for what is no page, a damaged one, or too long a packet. */
  push(chunk: Buffer): OggPage[] {
    const bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    const pages: OggPage[] = []
    let at = 0
    for (;;) {
      const length = pageLength(bytes.subarray(at))
      if (length === undefined || at + length > bytes.length) break
      pages.push(this.#page(bytes.subarray(at, at + length)))
      at += length
    }
    // Copied, or it would keep a large chunk in memory and follow later changes to it.
    this.#bytes = Buffer.from(bytes.subarray(at))
    return pages
  }

  #page(page: Buffer): OggPage {
    if (page.readUInt32LE(22) !== checksum(page)) throw new Error('an Ogg page is damaged: its checksum is wrong')
    const flags = page[5]!
    const goesOn = (flags & flag.continued) !== 0
    if (goesOn !== this.#unfinishedBytes > 0) throw new Error('an Ogg page does not go on where the last one ended')
    const segments = page.subarray(HEADER_BYTES, HEADER_BYTES + page[26]!)
    const packets: Buffer[] = []
    let from = HEADER_BYTES + segments.length
    let length = 0
    for (const segment of segments) {
      length += segment
      if (segment === MOST_SEGMENTS) continue
      packets.push(this.#finish(page.subarray(from, from + length)))
      from += length
      length = 0
    }
    if (length > 0) this.#keep(page.subarray(from, from + length))
    return { serial: page.readUInt32LE(14), isFirst: (flags & flag.first) !== 0, packets }
  }

  #finish(end: Buffer): Buffer {
    this.#keep(end)
    const packet = Buffer.concat(this.#unfinished)
    this.#unfinished = []
    this.#unfinishedBytes = 0
    return packet
  }

  #keep(part: Buffer): void {
    this.#unfinishedBytes += part.length
    if (this.#unfinishedBytes > this.#longest) throw new Error(`an Ogg packet has more than ${this.#longest} bytes`)
    this.#unfinished.push(Buffer.from(part))
  }
}

/** Bytes of the page that `bytes` begins with; `undefined` while that is not known. */
function pageLength(bytes: Buffer): number | undefined {
  const magic = bytes.toString('latin1', 0, 4)
  if (!'OggS'.startsWith(magic)) throw new Error('this is no Ogg page')
  if (bytes.length < HEADER_BYTES) return undefined
  if (bytes[4] !== 0) throw new Error('this is no Ogg page of a known version')
  const segments = bytes[26]!
  if (bytes.length < HEADER_BYTES + segments) return undefined
  let length = HEADER_BYTES + segments
  for (let segment = 0; segment < segments; segment += 1) length += bytes[HEADER_BYTES + segment]!
  return length
}

/** Writes the pages of one stream, each of whole packets. */
export class OggWriter {
  readonly #serial: number
  #sequence = 0

  constructor(serial: number) {
    this.#serial = serial
  }

  /**
   * A page of `packets`, which must fit in its 255 segments of 255 bytes.
   *
   * @param granule - samples of the stream up to its end.
   */
  page(packets: readonly Buffer[], granule: number): Buffer {
    const segments = packets.flatMap(({ length }) =>
      Array.from({ length: Math.floor(length / 255) + 1 }, (_, segment) => Math.min(255, length - 255 * segment)),
    )
    if (segments.length > MOST_SEGMENTS) throw new RangeError(`${segments.length} segments do not fit in an Ogg page`)
    const header = Buffer.alloc(HEADER_BYTES)
    header.write('OggS', 'latin1')
    header.writeUInt8(this.#sequence === 0 ? flag.first : 0, 5)
    header.writeBigInt64LE(BigInt(granule), 6)
    header.writeUInt32LE(this.#serial, 14)
    header.writeUInt32LE(this.#sequence, 18)
    header.writeUInt8(segments.length, 26)
    this.#sequence += 1
    const page = Buffer.concat([header, Buffer.from(segments), ...packets])
    page.writeUInt32LE(checksum(page), 22)
    return page
  }
}

const polynomial = 0x04_c1_1d_b7
const remainders = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24
  for (let bit = 0; bit < 8; bit += 1) value = value < 0 ? (value << 1) ^ polynomial : value << 1
  return value
})

/** The checksum of a page, its own four bytes counted as zeros. */
function checksum(page: Buffer): number {
  let value = 0
  for (let at = 0; at < page.length; at += 1) {
    const byte = at >= 22 && at < 26 ? 0 : page[at]!
    value = (value << 8) ^ remainders[(value >>> 24) ^ byte]!
  }
  return value >>> 0
}
