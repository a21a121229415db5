import { wavIds } from '../../audio/wav-layout.ts'
import { headLimit, isMovieStart, isUnknown, vint } from '../probe.ts'
import { isOneFlac } from './flac.ts'
import { frameKind, longestMp3Frame, mp3Index, mpegFrame, tagLength } from './frames.ts'
import type { ReadAt } from './read-at.ts'

/*
 * How files of each kind begin, and where they end by what they say: whether one is cut off, or another was joined to it.
 */

/** How files of a kind begin. */
export interface FileKind {
  /** Bytes that all of them have, and where. */
  mark: Buffer
  markAt: number
  /** Bytes by which it is known that one begins; these are never found by chance. */
  need: number
  /** Whether one begins at `from`, where the mark stands. */
  begins: (bytes: Buffer, from: number) => boolean
  /** Whether such files are joined as a rule, as songs are on the radio. */
  isChain?: true
  /**
   * Bytes of the top-level element that begins with `head`, at `at` in the file; `undefined` where it does not say. Absent where
   * nothing is lost when FFmpeg is given the bytes in order.
   */
  lengthOf?: (head: Buffer, at: number) => number | undefined
  /**
   * Where {@link lengthOf} is absent: whether the length that FFmpeg reads at the beginning may be that of the first alone. Absent
   * where it goes by the bytes of all.
   */
  mayBeLonger?: (readAt: ReadAt, size: number) => boolean
}

const latin = (bytes: Buffer, from: number, length: number): string => bytes.toString('latin1', from, from + length)

function kind(mark: string, need: number, begins: FileKind['begins'], more: Partial<FileKind> = {}): FileKind {
  return { mark: Buffer.from(mark, 'latin1'), markAt: 0, need, begins, ...more }
}

export const oggPageBytes = 28
export const ogg = kind(
  'OggS\0\x02',
  oggPageBytes,
  (bytes, from) => bytes.readUInt32LE(from + 6) === 0 && bytes.readUInt32LE(from + 10) === 0 && bytes[from + 26]! > 0,
  { isChain: true, mayBeLonger: (readAt, size) => !isOneOgg(readAt, size) },
)

const flac = kind('fLaC', 8, (bytes, from) => (bytes[from + 4]! & 0x7f) === 0 && bytes.readUIntBE(from + 5, 3) === 34)

const kinds: readonly FileKind[] = [
  kind(
    'ftyp',
    12,
    (bytes, from) => {
      const size = bytes.readUInt32BE(from)
      return size >= 16 && size <= 1024 && size % 4 === 0 && /^[\x20-\x7e]{4}$/.test(latin(bytes, from + 8, 4))
    },
    { markAt: 4, lengthOf: boxLength },
  ),
  kind('\x1a\x45\xdf\xa3', 64, (bytes, from) => /\x42\x82.(?:matroska|webm)/s.test(latin(bytes, from, 64)), {
    lengthOf: elementLength,
  }),
  flac,
  ogg,
  kind(
    'FLV\x01',
    13,
    (bytes, from) =>
      (bytes[from + 4]! & 0xfa) === 0 && bytes.readUInt32BE(from + 5) === 9 && bytes.readUInt32BE(from + 9) === 0,
    { mayBeLonger: (readAt, size) => size > (flvLength(readAt(0, 4096)) ?? 0) },
  ),
  kind('RIFF', 12, (bytes, from) => latin(bytes, from + 8, 4) === 'AVI ', {
    lengthOf: (head, at) => (at === 0 || latin(head, 0, 4) === 'RIFF' ? 8 + even(head.readUInt32LE(4)) : Infinity),
  }),
  kind('\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c', 16, () => true, {
    mayBeLonger: (readAt, size) => size > asfBytes(readAt, size),
  }),
  kind('FORM', 12, (bytes, from) => ['AIFF', 'AIFC'].includes(latin(bytes, from + 8, 4)), {
    lengthOf: (head, at) => (at === 0 ? 8 + even(head.readUInt32BE(4)) : Infinity),
  }),
  kind('caff\0\x01\0\0desc', 12, () => true, {
    lengthOf: (head, at) => (at === 0 ? 8 : longLength(head.readBigInt64BE(4), 12)),
  }),
  kind('riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0', 40, (bytes, from) => latin(bytes, from + 24, 4) === 'wave', {
    mayBeLonger: (readAt, size) => size > longLength(long(readAt(0, 24), 16), 8),
  }),
  kind(
    '.snd',
    24,
    (bytes, from) => {
      const [header, , encoding = 0, rate = 0, channels = 0] = [4, 8, 12, 16, 20].map((at) =>
        bytes.readUInt32BE(from + at),
      )
      const isHeader = header !== undefined && header >= 24 && header <= 4096
      return isHeader && encoding > 0 && encoding < 30 && rate > 0 && rate <= 384_000 && channels > 0 && channels <= 16
    },
    { mayBeLonger: (readAt, size) => size > auBytes(readAt) },
  ),
  kind('#!AMR', 9, (bytes, from) => /^#!AMR(?:-WB)?\n/.test(latin(bytes, from, 9))),
  // The first block of a file, which begins with its first sample.
  kind('wvpk', 28, wavPackBegins, { mayBeLonger: (readAt, size) => size > wavPackBytes(readAt, size) }),
  kind(
    'TTA1',
    14,
    (bytes, from) => {
      const [format = 0, channels = 0, bits = 0] = [4, 6, 8].map((at) => bytes.readUInt16LE(from + at))
      return format > 0 && format < 4 && channels > 0 && channels <= 16 && bits >= 8 && bits <= 32
    },
    { mayBeLonger: (readAt, size) => size > (ttaLength(readAt(0, headLimit)) ?? 0) + mostTagBytes },
  ),
]

function wavPackBegins(bytes: Buffer, from: number): boolean {
  return (
    bytes.readUInt16LE(from + 8) >> 8 === 4 &&
    bytes[from + 10] === 0 &&
    bytes.readUInt32LE(from + 16) === 0 &&
    (bytes.readUInt32LE(from + 24) & 0x800) !== 0
  )
}

const even = (size: number): number => size + (size % 2)

/** A length of 64 bits, and the bytes before what it is of; without one it goes to the end of the file. */
function longLength(length: bigint, before: number): number {
  return length > 0n && length < 1n << 50n ? Number(length) + before : Infinity
}

/** A number of 64 bits, little endian; 0 beyond the end. */
function long(bytes: Buffer, at: number): bigint {
  return at + 8 <= bytes.length ? bytes.readBigInt64LE(at) : 0n
}

/** Where the objects of an ASF end, which are all that belong to the first; 0 where one does not say how long it is. */
function asfBytes(readAt: ReadAt, size: number): number {
  return elementsUntil(readAt, size, (head, isFirst) => {
    if (!isFirst && head.subarray(0, 4).equals(asfHeader)) return 'another'
    const length = longLength(long(head, 16), 0)
    return length < 24 || length === Infinity ? undefined : length
  })
}

/** Where the blocks of a WavPack end that are of the first; 0 where they do not follow one another. */
function wavPackBytes(readAt: ReadAt, size: number): number {
  return elementsUntil(readAt, size, (head, isFirst) => {
    if (latin(head, 0, 4) !== 'wvpk') return 'another'
    return !isFirst && wavPackBegins(head, 0) ? 'another' : head.readUInt32LE(4) + 8
  })
}

/** A tag behind a TTA is no longer than this as a rule, in bytes. */
const mostTagBytes = 4096

/** Where `lengthOf` says that elements end that are of the first file; 0 where it cannot, or there are too many. */
function elementsUntil(
  readAt: ReadAt,
  size: number,
  lengthOf: (head: Buffer, isFirst: boolean) => number | 'another' | undefined,
): number {
  let at = 0
  for (let elements = 0; elements < mostElements && at < size; elements++) {
    const head = readAt(at, 28)
    const length = head.length < 28 ? 'another' : lengthOf(head, elements === 0)
    if (length === undefined) return 0
    // What is too short to be another file is filling.
    if (length === 'another') return size - at < 128 ? size : at
    at += length
  }
  return at >= size ? size : 0
}

const asfHeader = Buffer.from('3026b275', 'hex')

/** Bytes of a Sun audio file by its header; where that does not say, FFmpeg goes by all that are there. */
function auBytes(readAt: ReadAt): number {
  const head = readAt(0, 12)
  const samples = head.length < 12 ? 0 : head.readUInt32BE(8)
  return samples === 0xffff_ffff ? Infinity : head.readUInt32BE(4) + samples
}

function boxLength(head: Buffer): number {
  const size = head.readUInt32BE(0)
  if (size === 1) return longLength(head.readBigInt64BE(8), 0)
  return size >= 8 ? size : Infinity
}

/** The length of an element of Matroska, its head included; `undefined` where it does not say. */
function elementLength(head: Buffer): number | undefined {
  const id = vint(head, 0, true)
  const size = id && vint(head, id.length, false)
  if (id === undefined || size === undefined || id.length > 4) return undefined
  const isUnknown = size.value === 2 ** (7 * size.length) - 1
  return isUnknown || size.value >= 2 ** 50 ? undefined : id.length + size.length + size.value
}

/** Bytes by which a kind is known, and the length of an element. */
export const kindHeadBytes = 16
/** The most top-level elements of a file that are looked at. */
const mostElements = 10_000

/** The kind of what begins with `head`; `undefined` where it is none that is known. */
export function kindOf(head: Buffer): FileKind | undefined {
  // A tag may be before FLAC.
  if (latin(head, 0, 3) === 'ID3') return flac
  return kinds.find(({ mark, markAt }) => head.subarray(markAt, markAt + mark.length).equals(mark))
}

/** Whether what begins with `head` is of a kind that has a header, or a tag: it is no piece of the middle of anything. */
export function isKnownKind(head: Buffer): boolean {
  return wavIds.includes(latin(head, 0, 4)) || isMovieStart(head) || kindOf(head) !== undefined
}

const movieMark = Buffer.from('ftyp')

/** Marks of MP4 and Matroska, whose elements reach FFmpeg as they come. */
const elementMarks = ['ftyp', '\x1a\x45\xdf\xa3']

/** Whether `head` stands where an element of an MP4 or a Matroska, of the kind `own`, could, and begins a file of another kind. */
export function beginsOther(head: Buffer, own: FileKind): boolean {
  if (!elementMarks.includes(latin(own.mark, 0, own.mark.length))) return false
  if (/^R(?:IFF|F64).{4}WAVE/s.test(latin(head, 0, 12))) return true
  // A tag, behind whose version no box has a name.
  if (latin(head, 0, 3) === 'ID3') return head[3]! <= 4 && head[4] === 0
  const found = kindOf(head)
  if (found !== undefined) return found !== own
  // The length and the name of a box may look like a frame.
  return !/^[\x20-\x7e]{4}$/.test(latin(head, 4, 4)) && frameKind(head) !== undefined
}

/** Whether a file is one, or several that were joined, as far as a few small reads can tell. */
export function filesIn(readAt: ReadAt, size: number): 'one' | 'several' | 'unknown' {
  const found = kindOf(readAt(0, kindHeadBytes))
  if (found === undefined) return 'one'
  const { lengthOf, need, begins, mark, markAt } = found
  if (lengthOf === undefined) return 'unknown'
  let hasFragments = false
  let at = 0
  for (let elements = 0; elements < mostElements; elements++) {
    const head = readAt(at, need + kindHeadBytes)
    if (head.length < kindHeadBytes) return at + kindHeadBytes > size ? 'one' : 'unknown'
    const isMarked = at > 0 && head.length >= need && head.subarray(markAt, markAt + mark.length).equals(mark)
    if ((isMarked && begins(head, 0)) || (at > 0 && beginsOther(head, found))) return 'several'
    const type = latin(head, 4, 4)
    hasFragments ||= mark.equals(movieMark) && type === 'moof'
    // Behind a damaged box there may be more fragments.
    if (hasFragments && !/^[\x20-\x7e]{4}$/.test(type)) return 'unknown'
    const length = lengthOf(head, at)
    if (length === undefined) return 'unknown'
    if (length <= 0 || at + length >= size) return 'one'
    at += length
  }
  return 'unknown'
}

/** The elements that hold sound: one of these that is cut off goes on behind the end of the file. */
const soundBoxes = ['mdat', 'moof']
const segmentId = '\x18\x53\x80\x67'

/**
 * Where an MP4 or a Matroska ends by its own elements, which may be behind its end; `undefined` where they do not say, or what
 * is cut off is no sound.
 */
export function elementsEnd(readAt: ReadAt, size: number): number | undefined {
  const lengthOf = kindOf(readAt(0, kindHeadBytes))?.lengthOf
  let at = 0
  for (let elements = 0; lengthOf !== undefined && elements < mostElements; elements++) {
    const head = readAt(at, kindHeadBytes)
    const length = head.length < kindHeadBytes ? undefined : lengthOf(head, at)
    if (length === undefined || length <= 0 || !Number.isFinite(length)) return undefined
    at += length
    if (at <= size) continue
    return isSoundElement(head) ? at : undefined
  }
  return undefined
}

/** Whether the element of an MP4 or a Matroska that begins with `head` holds sound. */
export function isSoundElement(head: Buffer): boolean {
  return soundBoxes.includes(latin(head, 4, 4)) || latin(head, 0, 4) === segmentId
}

/** Whether what a file says of its length may be that of the first alone of several that were joined. */
export function mayBeLonger(readAt: ReadAt, size: number): boolean {
  const head = readAt(0, kindHeadBytes)
  const found = kindOf(head)
  // Of what has a tag before it nothing is read here.
  if (found === flac) return latin(head, 0, 4) === 'fLaC' && !isOneFlac(readAt, size)
  if (found?.lengthOf !== undefined) return filesIn(readAt, size) !== 'one'
  return found?.mayBeLonger?.(readAt, size) ?? false
}

/** Bytes of the head of an Ogg page without its table of segments, and with the longest. */
const oggHeadBytes = 27
const mostOggHeadBytes = oggHeadBytes + 255
/** The most pages that are looked at, in some tenths of a second: a day of sound as FFmpeg writes it. */
const mostOggPages = 100_000

/** Whether an Ogg file is one recording, by the heads of all its pages; `false` where these do not follow one another, or are too many. */
export function isOneOgg(readAt: ReadAt, size: number): boolean {
  return oggEnd(readAt, size) !== undefined
}

/** Where the last page of an Ogg that is one ends, also where the file ends before it; `undefined` where it is none, or several. */
export function oggEnd(readAt: ReadAt, size: number): number | undefined {
  let isBeginning = true
  let at = 0
  for (let pages = 0; at < size; pages++) {
    const head = readAt(at, mostOggHeadBytes)
    if (pages === mostOggPages || head.length < oggHeadBytes || latin(head, 0, 4) !== 'OggS') return undefined
    // The first page of each track stands before all others.
    const beginsTrack = (head[5]! & 2) !== 0
    if (beginsTrack && !isBeginning) return undefined
    isBeginning = beginsTrack
    const segments = head.subarray(oggHeadBytes, oggHeadBytes + head[oggHeadBytes - 1]!)
    at += oggHeadBytes + segments.reduce((sum, length) => sum + length, segments.length)
  }
  return at > 0 ? at : undefined
}

const [headId, clusterId] = ['\x1aE\xdf\xa3', '\x1f\x43\xb6\x75']
/** What a recording and its clusters consist of: its description, blocks and their times, indexes, tags, filling. */
const elementsWithin = new Set(
  ['1549a966', '1654ae6b', '114d9b74', '1c53bb6b', '1254c367', '1043a770', '1941a469', 'e7', 'a3', 'a0', 'a7', 'ab']
    .concat('ec', 'bf')
    .map((id) => Buffer.from(id, 'hex').toString('latin1')),
)
/** Bytes of a Matroska that are read at a time; most elements of sound have some hundreds. */
const elementsAtOnce = 4096
/** The most elements that are looked at, in some tenths of a second: many hours of sound as browsers record it. */
const mostRecordedElements = 1_000_000

/**
 * Whether a Matroska or WebM that does not say how long it is, as browsers record it, is one recording, by all its blocks; `false`
 * where another one begins behind it, or these do not follow one another, or are too many.
 */
export function isOneRecording(readAt: ReadAt): boolean {
  let [bytes, from] = [readAt(0, elementsAtOnce), 0]
  if (latin(bytes, 0, 4) !== headId) return false
  let at = 0
  for (let elements = 0; elements < mostRecordedElements; elements++) {
    if (at + kindHeadBytes > from + bytes.length && from < at) [bytes, from] = [readAt(at, elementsAtOnce), at]
    const head = bytes.subarray(at - from, at - from + kindHeadBytes)
    // What is cut off at the end is no other recording.
    if (head.length < kindHeadBytes) return true
    const id = latin(head, 0, Math.clz32(head[0]!) - 23)
    const length = elementLength(head)
    // Of these the content comes next where nobody knows how long it is.
    const isOpen = id === segmentId || id === clusterId
    const isFirst = id === headId && at === 0
    if (!isFirst && !isOpen && !elementsWithin.has(id)) return false
    if (length === undefined && !isOpen) return false
    at += length ?? 4 + Math.clz32(head[4]!) - 23
  }
  return false
}

/**
 * How many bytes an input has that begins with `bytes`, by its own header; `undefined` where that does not say. WAV and
 * AVI do, AIFF, AU, CAF, Wave64, ASF, FLV, TTA, and MP3 with an index. FFmpeg takes a cut one of these for a shorter one, without a word if
 * it comes by pipe.
 */
export function declaredLength(bytes: Buffer): number | undefined {
  switch (bytes.length < 12 ? '' : bytes.toString('latin1', 0, 4)) {
    case 'RIFF':
      return isUnknown(bytes.readUInt32LE(4)) ? undefined : bytes.readUInt32LE(4) + 8
    case 'FORM':
      return isUnknown(bytes.readUInt32BE(4)) ? undefined : bytes.readUInt32BE(4) + 8
    case '.snd':
      return isUnknown(bytes.readUInt32BE(8)) ? undefined : bytes.readUInt32BE(4) + bytes.readUInt32BE(8)
    case 'caff':
      return cafLength(bytes)
    case 'riff':
      return wave64Length(bytes)
    case '0&\xb2u':
      return asfLength(bytes)
    case 'FLV\x01':
      return flvLength(bytes)
    case 'TTA1':
      return ttaLength(bytes)
    case '\x06\x0e+4':
      return mxfLength(bytes)
    default:
      return mp3Length(bytes)
  }
}

const asfProperties = Buffer.from('a1dcab8c47a9cf118ee400c00c205365', 'hex')

function cafLength(bytes: Buffer): number | undefined {
  for (let at = 8; at + 12 <= bytes.length;) {
    const size = bytes.readBigInt64BE(at + 4)
    const isData = bytes.toString('latin1', at, at + 4) === 'data'
    // -1 stands for samples to the end.
    if (size < 0 || size > Number.MAX_SAFE_INTEGER || (isData && size === 0n)) return undefined
    at += 12 + Number(size)
    if (isData) return at
  }
  return undefined
}

const mxfHeader = Buffer.from('060e2b34020501010d0102010102', 'hex')

/** Where the footer begins, by the partition at the beginning (SMPTE ST 377-1); what has not been finished does not say. */
function mxfLength(bytes: Buffer): number | undefined {
  const lengthAt = mxfHeader.length + 2
  const first = bytes[lengthAt] ?? 0
  const footerAt = lengthAt + 1 + (first > 0x7f ? first & 0x7f : 0) + 24
  if (!bytes.subarray(0, mxfHeader.length).equals(mxfHeader) || footerAt + 8 > bytes.length) return undefined
  const footer = bytes.readBigUInt64BE(footerAt)
  return footer === 0n || footer > 1n << 50n ? undefined : Number(footer)
}

function wave64Length(bytes: Buffer): number | undefined {
  if (bytes.length < 24) return undefined
  const size = bytes.readBigUInt64LE(16)
  return size === 0n || size > 1n << 50n ? undefined : Number(size)
}

/** Of the object with the properties of the file; what is recorded live has none, and is marked so. */
function asfLength(bytes: Buffer): number | undefined {
  const at = bytes.indexOf(asfProperties)
  if (at < 0 || at + 92 > bytes.length || (bytes[at + 88]! & 1) !== 0) return undefined
  const size = Number(bytes.readBigUInt64LE(at + 40))
  return size > 0 && size < 2 ** 50 ? size : undefined
}

/** The name of the number of bytes in the description of an FLV, and the kind of what follows. */
const flvSize = '\0\x08filesize\0'

/** Of `onMetaData`, whose numbers are doubles; recorders that do not go back to it leave 0. */
function flvLength(bytes: Buffer): number | undefined {
  // OBS writes the name with a capital letter.
  const name = latin(bytes, 0, bytes.length).toLowerCase().indexOf(flvSize)
  const at = name + flvSize.length
  if (name < 0 || at + 8 > bytes.length) return undefined
  const size = bytes.readDoubleBE(at)
  return Number.isInteger(size) && size > 0 && size < 2 ** 50 ? size : undefined
}

/** By the lengths of all frames, which stand behind the head. Each but the last has 256/245 s. */
function ttaLength(bytes: Buffer): number | undefined {
  const head = 22
  if (bytes.length < head) return undefined
  const frameSamples = Math.floor((256 * bytes.readUInt32LE(10)) / 245)
  const frames = Math.ceil(bytes.readUInt32LE(14) / Math.max(1, frameSamples))
  const audio = head + 4 * frames + 4
  if (bytes.length < audio) return undefined
  let length = audio
  for (let at = head; at < audio - 4; at += 4) length += bytes.readUInt32LE(at)
  return length
}

function mp3Length(bytes: Buffer): number | undefined {
  const start = tagLength(bytes)
  const frame = start === undefined ? undefined : mpegFrame(bytes, start)
  if (start === undefined || frame === undefined) return undefined
  const { bytes: size } = mp3Index(bytes, start, frame) ?? {}
  return size === undefined ? undefined : Math.max(0, start + size - longestMp3Frame)
}
