import { headLimit } from '../probe.ts'
import { isKnownKind } from './file-kinds.ts'

/**
 * The samples of an AIFF, a CAF or a Wave64, of which FFmpeg hears no more than the header says: nothing of what a recorder wrote after
 * it had last been at the header, or of an AIFF that went through a pipe.
 */

/** How the chunks of such a file are built. */
interface ChunkedKind {
  /** Bytes before the first chunk, and those of the head of each. */
  first: number
  head: number
  /** How a chunk of samples begins. */
  data: Buffer
  /** Chunks begin at multiples of this. */
  align: number
  /** Bytes of the chunk that begins in `bytes`, its head included. */
  lengthOf: (bytes: Buffer) => number
  /** Whether a chunk begins in `bytes`, and no sound. */
  isChunk: (bytes: Buffer) => boolean
  /** Makes of a header one by which the samples, whose chunk is `at`, go on to the end. */
  unsize: (header: Buffer, at: number) => void
  /** Whether what is before the samples says what they are: else the table of packets, or the description, is behind them. */
  isDescribed: (header: Buffer) => boolean
}

const hasName = (bytes: Buffer): boolean => /^[\x20-\x7e]{4}$/.test(bytes.toString('latin1', 0, 4))
const wave64Tail = Buffer.from('00c04f8edb8a', 'hex')
const wave64Data = Buffer.from('64617461f3acd3118cd100c04f8edb8a', 'hex')
/** A chunk behind the samples of an AIFF is no longer than this, in bytes. */
const longestChunk = 1 << 24

const aiff: ChunkedKind = {
  first: 12,
  head: 8,
  data: Buffer.from('SSND'),
  align: 2,
  lengthOf: (bytes) => 8 + bytes.readUInt32BE(4),
  isChunk: (bytes) => hasName(bytes) && bytes.readUInt32BE(4) < longestChunk,
  unsize(header, at) {
    for (const chunk of [0, at]) header.writeUInt32BE(0xffff_ffff, chunk + 4)
  },
  isDescribed: (header) => header.includes('COMM'),
}

const caf: ChunkedKind = {
  first: 8,
  head: 12,
  data: Buffer.from('data'),
  align: 1,
  lengthOf: (bytes) => 12 + Number(bytes.readBigInt64BE(4)),
  isChunk: (bytes) => hasName(bytes) && bytes.readUInt32BE(4) === 0,
  unsize: (header, at) => void header.writeBigInt64BE(-1n, at + 4),
  // Bytes and samples of a packet, where all are alike.
  isDescribed: (header) => header.length >= 44 && header.readUInt32BE(36) > 0 && header.readUInt32BE(40) > 0,
}

const wave64: ChunkedKind = {
  first: 40,
  head: 24,
  data: wave64Data,
  align: 8,
  lengthOf: (bytes) => Number(bytes.readBigInt64LE(16)),
  isChunk: (bytes) => bytes.subarray(10, 16).equals(wave64Tail),
  unsize(header, at) {
    for (const chunk of [0, at]) header.writeBigInt64LE(1n << 60n, chunk + 16)
  },
  isDescribed: () => true,
}

function chunkedKind(bytes: Buffer): ChunkedKind | undefined {
  const begin = bytes.toString('latin1', 0, 4)
  if (begin === 'FORM') return /^AIF[CF]$/.test(bytes.toString('latin1', 8, 12)) ? aiff : undefined
  if (begin === 'caff') return caf
  return begin === 'riff' ? wave64 : undefined
}

interface SizedData {
  kind: ChunkedKind
  /** Where the chunk of samples begins. */
  at: number
  /** Bytes of it behind its head; `undefined` where whoever wrote it could not know. */
  length: number | undefined
}

/** The samples of what begins with `bytes`; `'more'` where more of it is needed, `undefined` where it is nothing of that kind. */
function findSizedData(bytes: Buffer): SizedData | 'more' | undefined {
  const kind = bytes.length < 12 ? undefined : chunkedKind(bytes)
  if (kind === undefined) return undefined
  for (let at = kind.first; at + kind.head <= headLimit;) {
    if (at + kind.head > bytes.length) return 'more'
    const head = bytes.subarray(at, at + kind.head)
    const length = kind.lengthOf(head) - kind.head
    if (head.indexOf(kind.data) === 0) {
      const isUnknown = length <= 0 || length >= 2 ** 50 || (kind === aiff && length >= 0x7fff_0000)
      return kind.isDescribed(bytes.subarray(0, at)) ? { kind, at, length: isUnknown ? undefined : length } : undefined
    }
    if (length < 0) return undefined
    at += kind.head + Math.ceil(length / kind.align) * kind.align
  }
  return undefined
}

/** Zeros behind the samples, as fill up an odd length or a block of a disk: so many are no sound that the header does not know of. */
const mostFilling = 65_536
const nothing: Buffer = Buffer.alloc(0)
const longestHead = Math.max(aiff.head, caf.head, wave64.head)

/** Makes of the bytes of such a file, in chunks of any length, what FFmpeg hears to its end. All else stays as it is. */
export class SizedSamples {
  #state: 'head' | 'samples' | 'behind' | 'as it is' = 'head'
  #held: Buffer = nothing
  #kind: ChunkedKind | undefined
  /** Bytes of samples, or of a chunk behind them, that are still to come. */
  #left = 0
  /** Zeros behind the samples. */
  #zeros = 0
  #areChunks = false
  /** Bytes of samples by the header, where it says too little. */
  exceeded: number | undefined
  #declared = 0

  /** Bytes of samples that the header promised and have not come. */
  get missing(): number {
    return this.#state === 'samples' && Number.isFinite(this.#left) ? this.#left : 0
  }

  push(more: Buffer, isLast = false): Buffer {
    if (this.#state === 'as it is') return more
    const bytes = this.#held.length === 0 ? more : Buffer.concat([this.#held, more])
    this.#held = nothing
    if (this.#state === 'head') return this.#begin(bytes, isLast)
    if (this.#state === 'behind') return this.#goOn(bytes, isLast)
    const samples = bytes.subarray(0, this.#left)
    this.#left -= samples.length
    if (this.#left > 0) return samples
    this.#state = 'behind'
    const rest = this.#goOn(bytes.subarray(samples.length), isLast)
    return rest.length === 0 ? samples : Buffer.concat([samples, rest])
  }

  /** To be called at the end of the input: the rest. */
  flush(): Buffer {
    return this.push(nothing, true)
  }

  #begin(bytes: Buffer, isLast: boolean): Buffer {
    const found = bytes.length < 12 && !isLast ? 'more' : findSizedData(bytes)
    if (found === 'more' && !isLast) {
      this.#held = bytes
      return nothing
    }
    if (found === undefined || found === 'more') {
      this.#state = 'as it is'
      return bytes
    }
    const { kind, at, length } = found
    const samplesAt = at + kind.head
    const header = Buffer.from(bytes.subarray(0, samplesAt))
    kind.unsize(header, at)
    this.#kind = kind
    this.#declared = length ?? 0
    this.#left = length ?? Infinity
    this.#state = 'samples'
    return Buffer.concat([header, this.push(bytes.subarray(samplesAt), isLast)])
  }

  /** Tells samples that the header does not know of from chunks, tags, filling, and other files. */
  #goOn(behind: Buffer, isLast: boolean): Buffer {
    let bytes = behind
    for (;;) {
      const skipped = bytes.subarray(0, this.#left)
      this.#left -= skipped.length
      bytes = bytes.subarray(skipped.length)
      if (bytes.length === 0) return nothing
      bytes = this.#withoutFilling(bytes)
      if (bytes.length < longestHead && (!isLast || bytes.length < this.#kind!.head)) {
        this.#held = isLast ? nothing : Buffer.from(bytes)
        return nothing
      }
      const isTag = /^(?:TAG|ID3|APETAGEX)/.test(bytes.toString('latin1', 0, 8))
      if (!isTag && (isKnownKind(bytes) || !this.#kind!.isChunk(bytes))) break
      const length = isTag ? Infinity : this.#kind!.lengthOf(bytes)
      this.#left = Math.max(this.#kind!.head, Math.ceil(length / this.#kind!.align) * this.#kind!.align)
      this.#areChunks = true
    }
    this.#state = 'as it is'
    if (isKnownKind(bytes) || this.#areChunks) return bytes
    this.exceeded = this.#declared
    return Buffer.concat([Buffer.alloc(this.#zeros), bytes])
  }

  #withoutFilling(bytes: Buffer): Buffer {
    const room = this.#areChunks ? 0 : mostFilling + 1 - this.#zeros
    let zeros = 0
    while (zeros < room && bytes[zeros] === 0) zeros++
    this.#zeros += zeros
    return bytes.subarray(zeros)
  }
}
