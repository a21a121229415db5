/**
 * Reader of bzip2, which Node has none of: most models come packed that way, and not every machine has the program.
 * Takes several streams in a row, checks every sum, and holds one block (900 kB) at a time.
 */

/** A block never takes more than this, packed: 900 000 symbols of 20 bits, and the tables before them. */
const mostPackedBlock = 2_500_000
const blockMagic = 0x314159265359
const endMagic = 0x177245385090
const mostCodeLength = 20
const groupSize = 50

const damaged = (what: string): Error => new Error(`the bzip2 data is damaged: ${what}`)

/** Unpacks `source`; the chunks it yields are at most a block long, except where the data is extremely repetitive. */
export async function* bunzip2(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = source[Symbol.asyncIterator]()
  try {
    let reader = new BitReader(new Uint8Array(0))
    let isOver = false
    const fill = async (): Promise<void> => {
      if (isOver || reader.bytesLeft >= mostPackedBlock) return
      const chunks: Uint8Array[] = []
      for (let wanted = 2 * mostPackedBlock - reader.bytesLeft; wanted > 0 && !isOver;) {
        const next = await input.next()
        if (next.done === true) isOver = true
        else {
          chunks.push(next.value)
          wanted -= next.value.length
        }
      }
      reader = reader.followedBy(chunks)
    }
    await fill()
    do {
      const level = readHeader(reader)
      let sum = 0
      for (;;) {
        await fill()
        const magic = reader.read(24) * 2 ** 24 + reader.read(24)
        if (magic === endMagic) break
        if (magic !== blockMagic) throw damaged('a block does not begin like one')
        const expected = reader.read32()
        const { data, crc } = readBlock(reader, level * 100_000)
        if (crc !== expected) throw damaged('a sum is wrong')
        sum = (((sum << 1) | (sum >>> 31)) ^ crc) >>> 0
        yield data
      }
      if (reader.read32() !== sum) throw damaged('the sum of all is wrong')
      reader.align()
      await fill()
    } while (reader.bytesLeft > 0)
  } finally {
    await input.return?.()
  }
}

function readHeader(reader: BitReader): number {
  if (reader.bytesLeft < 4 || reader.read(24) !== 0x425a68) throw damaged('it does not begin like bzip2')
  const level = reader.read(8) - 48
  if (level < 1 || level > 9) throw damaged('its block size is unknown')
  return level
}

/** Most significant bit first, over bytes that are all there. */
class BitReader {
  readonly #bytes: Uint8Array
  #at = 0
  #held = 0
  #count = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Whole bytes that have not been touched. */
  get bytesLeft(): number {
    return this.#bytes.length - this.#at
  }

  /** The next 1 to 24 bits, left where they are; zeros after the end. */
  peek(count: number): number {
    while (this.#count < count) {
      this.#held = ((this.#held << 8) | (this.#bytes[this.#at++] ?? 0)) >>> 0
      this.#count += 8
    }
    // At most 31 bits are held; what is above them has been read.
    return (this.#held >>> (this.#count - count)) & ((1 << count) - 1)
  }

  /** Goes on by bits that were peeked at. */
  skip(count: number): void {
    this.#count -= count
    if (this.#at - (this.#count >> 3) > this.#bytes.length) throw damaged('it ends too early')
  }

  read(count: number): number {
    const value = this.peek(count)
    this.skip(count)
    return value
  }

  read32(): number {
    return this.read(16) * 65_536 + this.read(16)
  }

  /** Goes on to the next whole byte, and gives back bytes that were only peeked at. */
  align(): void {
    this.#at -= this.#count >> 3
    this.#count = 0
  }

  /** A reader of what is left and what comes after it. */
  followedBy(chunks: readonly Uint8Array[]): BitReader {
    const rest = this.#bytes.subarray(Math.min(this.#at, this.#bytes.length))
    const next = new BitReader(Buffer.concat([rest, ...chunks]))
    next.#held = this.#held
    next.#count = this.#count
    return next
  }
}

/** One block: the bytes it stands for, and their sum. */
function readBlock(reader: BitReader, limit: number): { data: Uint8Array; crc: number } {
  if (reader.read(1) === 1) throw damaged('it uses a form that has long been given up')
  const origin = reader.read(24)
  const symbols = readSymbolMap(reader)
  const { selectors, tables } = readCodes(reader, symbols.length + 2)
  const counts = new Int32Array(256)
  const links = new Uint32Array(limit)
  const length = readSymbols(reader, symbols, selectors, tables, links, counts)
  if (origin >= length) throw damaged('a block begins nowhere')
  return unsort(links, length, origin, counts)
}

/** The bytes that occur in a block, in order. */
function readSymbolMap(reader: BitReader): Uint8Array {
  const ranges = reader.read(16)
  const symbols: number[] = []
  for (let high = 0; high < 16; high++) {
    if ((ranges & (0x8000 >> high)) === 0) continue
    const bits = reader.read(16)
    for (let low = 0; low < 16; low++) if ((bits & (0x8000 >> low)) !== 0) symbols.push(high * 16 + low)
  }
  if (symbols.length === 0) throw damaged('a block has no symbols')
  return Uint8Array.from(symbols)
}

/** A prefix code: for each length the first code above it, shifted to the greatest length, and where its symbols stand. */
interface PrefixCode {
  limits: Int32Array
  bases: Int32Array
  symbols: Uint16Array
}

function readCodes(reader: BitReader, alphabet: number): { selectors: Uint8Array; tables: PrefixCode[] } {
  const groups = reader.read(3)
  const count = reader.read(15)
  if (groups < 2 || groups > 6 || count === 0) throw damaged('a block has no codes')
  const recent = [0, 1, 2, 3, 4, 5]
  const selectors = new Uint8Array(count)
  for (let i = 0; i < count; i++) {
    let place = 0
    while (reader.read(1) === 1) if (++place >= groups) throw damaged('a code is chosen that is not there')
    const [chosen] = recent.splice(place, 1)
    recent.unshift(chosen!)
    selectors[i] = chosen!
  }
  const tables = Array.from({ length: groups }, () => {
    const lengths = new Uint8Array(alphabet)
    let length = reader.read(5)
    for (let symbol = 0; symbol < alphabet; symbol++) {
      while (reader.read(1) === 1) length += reader.read(1) === 1 ? -1 : 1
      if (length < 1 || length > mostCodeLength) throw damaged('a code is too long')
      lengths[symbol] = length
    }
    return prefixCode(lengths)
  })
  return { selectors, tables }
}

function prefixCode(lengths: Uint8Array): PrefixCode {
  const limits = new Int32Array(mostCodeLength + 1)
  const bases = new Int32Array(mostCodeLength + 1)
  const symbols: number[] = []
  let code = 0
  for (let length = 1; length <= mostCodeLength; length++) {
    bases[length] = symbols.length - code
    lengths.forEach((own, symbol) => {
      if (own !== length) return
      symbols.push(symbol)
      code++
    })
    limits[length] = Math.min(code * 2 ** (mostCodeLength - length), 2 ** mostCodeLength)
    code *= 2
  }
  return { limits, bases, symbols: Uint16Array.from(symbols) }
}

/** Undoes the prefix codes, the runs and the move to front; returns the number of bytes, which stand in `links`. */
function readSymbols(
  reader: BitReader,
  used: Uint8Array,
  selectors: Uint8Array,
  tables: readonly PrefixCode[],
  links: Uint32Array,
  counts: Int32Array,
): number {
  const order = used.slice()
  const last = used.length + 1
  let length = 0
  let run = 0
  let weight = 1
  const endRun = (): void => {
    if (run === 0) return
    const byte = order[0]!
    if (length + run > links.length) throw damaged('a block is too long')
    links.fill(byte, length, length + run)
    counts[byte]! += run
    length += run
    run = 0
    weight = 1
  }
  for (let group = 0; group < selectors.length; group++) {
    const { limits, bases, symbols } = tables[selectors[group]!]!
    for (let i = 0; i < groupSize; i++) {
      const bits = reader.peek(mostCodeLength)
      let size = 1
      while (bits >= limits[size]!) if (++size > mostCodeLength) throw damaged('a code is not in its table')
      reader.skip(size)
      const symbol = symbols[bases[size]! + (bits >> (mostCodeLength - size))]!
      if (symbol <= 1) {
        run += weight << symbol
        weight *= 2
        if (run > links.length) throw damaged('a block is too long')
        continue
      }
      endRun()
      if (symbol === last) return length
      const byte = order[symbol - 1]!
      order.copyWithin(1, 0, symbol - 1)
      order[0] = byte
      if (length >= links.length) throw damaged('a block is too long')
      links[length++] = byte
      counts[byte]!++
    }
  }
  throw damaged('a block has no end')
}

/** Undoes the sorting (Burrows and Wheeler) and the runs of equal bytes below it. */
function unsort(
  links: Uint32Array,
  length: number,
  origin: number,
  counts: Int32Array,
): { data: Uint8Array; crc: number } {
  let total = 0
  const places = counts.map((count) => (total += count) - count)
  // The low byte stays the symbol; the rest becomes the place of the symbol after it.
  for (let at = 0; at < length; at++) {
    const byte = links[at]! & 255
    links[places[byte]!++]! |= at << 8
  }
  let out = new Uint8Array(length + 1024)
  let size = 0
  let crc = 0xffffffff
  let same = 0
  let previous = -1
  let next = links[origin]! >>> 8
  for (let at = 0; at < length; at++) {
    const entry = links[next]!
    const byte = entry & 255
    next = entry >>> 8
    let repeat = 1
    if (same === 4) {
      repeat = byte
      same = 0
    } else if (byte === previous) same++
    else {
      previous = byte
      same = 1
    }
    if (size + repeat > out.length) {
      const larger = new Uint8Array(out.length * 2)
      larger.set(out)
      out = larger
    }
    const value = repeat === 1 && same > 0 ? byte : previous
    for (let i = 0; i < repeat; i++) {
      out[size++] = value
      crc = (crc << 8) ^ crcTable[((crc >>> 24) ^ value) & 255]!
    }
    if (same === 0) previous = -1
  }
  return { data: out.subarray(0, size), crc: ~crc >>> 0 }
}

const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ 0x04c11db7 : value << 1
  return value
})
