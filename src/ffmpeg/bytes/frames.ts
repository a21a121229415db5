import type { ReadAt } from './read-at.ts'

/*
 * Formats that are frames one behind the other, and what stands before, between and behind these: tags, and indexes of MP3.
 */

/** What the header of a frame of MPEG audio, layers 1 to 3, says. */
export interface MpegFrame {
  /** Bytes of the frame, its header included. */
  bytes: number
  /** Samples a channel. */
  samples: number
  sampleRate: number
  /** Bytes before the place where an index stands, in the first frame. */
  indexOffset: number
}

/** What the first frame of an MP3 may hold instead of sound: an index (Xing, or Info where the bit rate is constant). */
export interface Mp3Index {
  /** Frames behind it. */
  frames?: number
  /** Bytes from its frame on; some encoders leave out the frame itself. */
  bytes?: number
}

/** In bytes; some encoders count the frame that is the index, and some do not. */
export const longestMp3Frame = 1441
/** Bytes of an index that are read. */
const mp3IndexBytes = 16
/** Bytes by which {@link tagLength} knows a tag. */
export const tagHeadBytes = 32
const rates = [44_100, 48_000, 32_000]
/** In kbit/s, for the values 1 to 14. */
const bitRates = {
  layer1: [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  layer2: [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  layer3: [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  lowLayer1: [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  low: [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
}

/** The frame that begins `at` in `bytes`; `undefined` where none does, or its length is not said, or four bytes are not there. */
export function mpegFrame(bytes: Buffer, at = 0): MpegFrame | undefined {
  if (at + 4 > bytes.length || bytes[at] !== 0xff || bytes[at + 1]! < 0xe0) return undefined
  const version = (bytes[at + 1]! >> 3) & 3
  const layer = 4 - ((bytes[at + 1]! >> 1) & 3)
  const rate = rates[(bytes[at + 2]! >> 2) & 3]
  if (version === 1 || layer === 4 || rate === undefined) return undefined
  const full = version === 3
  const table = full
    ? [bitRates.layer1, bitRates.layer2, bitRates.layer3][layer - 1]
    : layer === 1
      ? bitRates.lowLayer1
      : bitRates.low
  const bitRate = table?.[(bytes[at + 2]! >> 4) - 1]
  if (bitRate === undefined) return undefined
  const sampleRate = rate / (full ? 1 : version === 2 ? 2 : 4)
  const samples = layer === 1 ? 384 : layer === 3 && !full ? 576 : 1152
  const slot = layer === 1 ? 4 : 1
  const padding = (bytes[at + 2]! >> 1) & 1
  const slots = Math.floor((samples / 8 / slot) * ((bitRate * 1000) / sampleRate)) + padding
  const mono = bytes[at + 3]! >= 0xc0
  return { bytes: slots * slot, samples, sampleRate, indexOffset: 4 + (full ? (mono ? 17 : 32) : mono ? 9 : 17) }
}

/** The index in the frame that begins `at` in `bytes`, where it has one. */
export function mp3Index(bytes: Buffer, at: number, { indexOffset }: MpegFrame): Mp3Index | undefined {
  const index = at + indexOffset
  if (index + mp3IndexBytes > bytes.length) return undefined
  if (!['Xing', 'Info'].includes(bytes.toString('latin1', index, index + 4))) return undefined
  const flags = bytes.readUInt32BE(index + 4)
  const hasFrames = (flags & 1) !== 0
  return {
    ...(hasFrames && { frames: bytes.readUInt32BE(index + 8) }),
    ...((flags & 2) !== 0 && { bytes: bytes.readUInt32BE(index + (hasFrames ? 12 : 8)) }),
  }
}

/**
 * Bytes of the tag that begins `at` in `bytes`: ID3 of any version, or APE. 0 where none does; `undefined` where more bytes
 * must come to tell.
 */
export function tagLength(bytes: Buffer, at = 0): number | undefined {
  const text = bytes.toString('latin1', at, at + 8)
  if (text.startsWith('ID3')) {
    if (at + 10 > bytes.length) return undefined
    const parts = bytes.subarray(at + 6, at + 10)
    // The size has seven bits in each byte.
    if (bytes[at + 3] === 0xff || parts.some((byte) => byte > 0x7f)) return 0
    const hasFooter = (bytes[at + 5]! & 0x10) !== 0
    return parts.reduce((size, byte) => size * 128 + byte, 0) + (hasFooter ? 20 : 10)
  }
  if (text.startsWith('TAG')) return text.startsWith('TAG+') ? 227 : 128
  if (text === 'APETAGEX') {
    if (at + tagHeadBytes > bytes.length) return undefined
    // At the front stands a head, and behind it as much as it says; what is left without one is its foot.
    const isHead = (bytes.readUInt32LE(at + 20) & 0x2000_0000) !== 0
    return tagHeadBytes + (isHead ? bytes.readUInt32LE(at + 12) : 0)
  }
  const unfinished = text.length < 8 && ['ID3', 'TAG', 'APETAGEX'].some((name) => name.startsWith(text))
  return unfinished ? undefined : 0
}

/** A format that is frames one behind the other. */
export interface FrameKind {
  /** Bytes of the frame that begins `at`; `undefined` where none does, or its length is not said, or too few bytes are there. */
  length: (bytes: Buffer, at: number) => number | undefined
  /** Bytes by which a frame is known, and those by which it is known what is in it. */
  head: number
  need: number
  /** The byte, or bytes, that all of them have, and where; absent where these are not looked for behind damage. */
  mark?: number | Buffer
  markAt?: number
  /** What FFmpeg is given of the same length, of 8 bytes or more, in the place of what is no frame; absent where it judges that itself. */
  filler?: (length: number) => Buffer | undefined
  /** Whether FFmpeg passes over filling by itself. */
  keepsFilling?: boolean
  /** Whether the frame that begins `at` is an index. */
  isIndex?: (bytes: Buffer, at: number) => boolean
  /**
   * A frame without sound like the one that begins `at`, which stands for one that was erased; `undefined` where the numbers of frames
   * say what is missing. Absent where FFmpeg passes over an erased stretch by itself.
   */
  silent?: (bytes: Buffer, at: number) => SilentFrame | undefined
}

/** A frame without sound. */
export interface SilentFrame {
  bytes: Buffer
  ms: number
}

/** Bytes by which {@link frameKind} knows a format. */
export const kindBytes = 13

const mpeg: FrameKind = {
  length: (bytes, at) => mpegFrame(bytes, at)?.bytes,
  head: 4,
  need: 36 + mp3IndexBytes,
  mark: 0xff,
  isIndex: (bytes, at) => {
    const frame = mpegFrame(bytes, at)
    return frame !== undefined && mp3Index(bytes, at, frame) !== undefined
  },
  silent: silentMpegFrame,
}

const adts: FrameKind = { length: adtsLength, head: 7, need: 7, mark: 0xff, silent: silentAdtsFrame }
const ac3: FrameKind = { length: ac3Length, head: 6, need: 6, mark: 0x0b }

const wavPack: FrameKind = {
  length: (bytes, at) => {
    if (at + 8 > bytes.length || bytes.toString('latin1', at, at + 4) !== 'wvpk') return undefined
    const size = bytes.readUInt32LE(at + 4)
    return size >= 24 && size < 1 << 24 ? size + 8 : undefined
  },
  head: 8,
  need: 8,
  mark: 0x77,
  silent: () => undefined,
}

/** Its header, and tags of sound, picture or facts with their length behind them. */
const flv: FrameKind = {
  length: (bytes, at) => {
    if (at + 13 > bytes.length) return undefined
    if (bytes.toString('latin1', at, at + 4) === 'FLV\x01') return bytes.readUInt32BE(at + 5) + 4
    const isTag = [8, 9, 18].includes(bytes[at]! & 0x1f) && bytes.readUIntBE(at + 8, 3) === 0
    return isTag ? 15 + bytes.readUIntBE(at + 1, 3) : undefined
  },
  head: 13,
  need: 13,
}

/** Its lists, which chunks follow, and chunks of pictures and sound, of indexes and filling. */
const avi: FrameKind = {
  length: (bytes, at) => {
    if (at + 12 > bytes.length) return undefined
    const id = bytes.toString('latin1', at, at + 4)
    const isOpen = /^(?:AVI |AVIX|movi|rec )$/.test(bytes.toString('latin1', at + 8, at + 12))
    if ((id === 'RIFF' || id === 'LIST') && isOpen) return 12
    // Programs put chunks of their own anywhere.
    if (!/^(?:\d\d[a-z_]{2}|[A-Za-z_][\x20-\x7e]{3})$/.test(id)) return undefined
    const size = bytes.readUInt32LE(at + 4)
    return size < 1 << 28 ? 8 + size + (size % 2) : undefined
  },
  head: 12,
  need: 12,
  mark: 0x30,
  keepsFilling: true,
}

/**
 * The boxes of an MP4 in fragments, as it is streamed, and recorded so that nothing is lost by a crash. From a box that is damaged on FFmpeg
 * hears nothing more, though each fragment can be played by itself. Elsewhere samples may be between boxes.
 */
export function fragmentKind(): FrameKind {
  let hasFragments = false
  return {
    length: (bytes, at) => {
      const type = bytes.toString('latin1', at + 4, at + 8)
      if (at + 16 > bytes.length || !/^[\x20-\x7e]{4}$/.test(type)) return undefined
      hasFragments ||= type === 'moof'
      const size = bytes.readUInt32BE(at)
      if (size === 0) return Infinity
      const length = size === 1 ? Number(bytes.readBigUInt64BE(at + 8)) : size
      return length < (size === 1 ? 16 : 8) ? undefined : length
    },
    head: 16,
    need: 16,
    mark: Buffer.from('moof'),
    markAt: 4,
    filler: (length) => {
      if (!hasFragments) return undefined
      const box = Buffer.alloc(length)
      box.writeUInt32BE(length)
      box.write('free', 4)
      return box
    },
  }
}

/** The format of what begins with `bytes`, where it is one of frames. */
export function frameKind(bytes: Buffer): FrameKind | undefined {
  if (bytes.toString('latin1', 0, 3) === 'ID3') return mpeg
  if (bytes.toString('latin1', 0, 4) === 'RIFF') return bytes.toString('latin1', 8, 12) === 'AVI ' ? avi : undefined
  return [mpeg, adts, ac3, wavPack, flv].find(({ length }) => length(bytes, 0) !== undefined)
}

function adtsLength(bytes: Buffer, at: number): number | undefined {
  if (at + 7 > bytes.length || bytes[at] !== 0xff || (bytes[at + 1]! & 0xf6) !== 0xf0) return undefined
  const length = ((bytes[at + 3]! & 3) << 11) | (bytes[at + 4]! << 3) | (bytes[at + 5]! >> 5)
  return length >= 7 ? length : undefined
}

/** With its header, but for the bits that say that a checksum or padding is there, and nothing behind. */
function silentMpegFrame(bytes: Buffer, at: number): SilentFrame | undefined {
  const head = Buffer.from(bytes.subarray(at, at + 4))
  if (head.length < 4) return undefined
  head[1]! |= 1
  head[2]! &= ~2
  const frame = mpegFrame(head)
  if (frame === undefined) return undefined
  return { bytes: Buffer.concat([head], frame.bytes), ms: (frame.samples * 1000) / frame.sampleRate }
}

const adtsRates = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350]
/** What is in an AAC frame without sound of one channel, and of two. */
const silentAac = ['00c800802380', '210049900219002380'].map((content) => Buffer.from(content, 'hex'))

function silentAdtsFrame(bytes: Buffer, at: number): SilentFrame | undefined {
  const head = Buffer.from(bytes.subarray(at, at + 7))
  if (head.length < 7) return undefined
  const sampleRate = adtsRates[(head[2]! >> 2) & 15]
  const content = silentAac[(((head[2]! & 1) << 2) | (head[3]! >> 6)) - 1]
  if (sampleRate === undefined || content === undefined) return undefined
  const length = head.length + content.length
  // No checksum, its length, and one block of samples.
  head[1]! |= 1
  head[3] = (head[3]! & 0xfc) | (length >> 11)
  head[4] = (length >> 3) & 0xff
  head[5] = ((length & 7) << 5) | 0x1f
  head[6] = 0xfc
  return { bytes: Buffer.concat([head, content]), ms: 1_024_000 / sampleRate }
}

/** In kbit/s, for every two values of the code. */
const ac3BitRates = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640]

/** AC-3 and E-AC-3 (ETSI TS 102 366). */
function ac3Length(bytes: Buffer, at: number): number | undefined {
  if (at + 6 > bytes.length || bytes[at] !== 0x0b || bytes[at + 1] !== 0x77) return undefined
  const version = bytes[at + 5]! >> 3
  if (version > 10) return version > 16 ? undefined : 2 * ((bytes.readUInt16BE(at + 2) & 0x7ff) + 1)
  const code = bytes[at + 4]! & 0x3f
  const bitRate = ac3BitRates[code >> 1]
  if (bitRate === undefined) return undefined
  // 48, 44.1 and 32 kHz.
  return [4 * bitRate, 2 * (Math.floor((320 * bitRate) / 147) + (code & 1)), 6 * bitRate][bytes[at + 4]! >> 6]
}

/** What is known of an MP3 by its indexes. */
export interface Mp3Extent {
  seconds: number
  /** Whether it is one by itself, and not several that were joined, nor with tags behind it other than the shortest. */
  isSingle: boolean
}

/** The most joined files, or tags in a row, that are looked at. */
export const mostParts = 64

/** How long an MP3 is, by the index at its beginning and those of others that were joined to it; `undefined` where one has none. */
export function mp3Extent(readAt: ReadAt, size: number): Mp3Extent | undefined {
  let seconds = 0
  let at = 0
  for (let part = 0; part < mostParts; part++) {
    at = afterTags(readAt, at)
    if (part > 0 && at + longestMp3Frame >= size) return { seconds, isSingle: false }
    const head = readAt(at, 64)
    const frame = mpegFrame(head)
    const index = frame && mp3Index(head, 0, frame)
    if (frame === undefined || index?.frames === undefined) return undefined
    seconds += (index.frames * frame.samples) / frame.sampleRate
    if (index.bytes === undefined) return { seconds, isSingle: false }
    if (at + index.bytes + longestMp3Frame >= size || size === Infinity) return { seconds, isSingle: part === 0 }
    const next = nextPart(readAt, at + index.bytes)
    if (next === undefined) return undefined
    at = next
  }
  return undefined
}

/** Where the tags end that begin `from`. */
export function afterTags(readAt: ReadAt, from: number): number {
  let at = from
  for (let tags = 0; tags < mostParts; tags++) {
    const length = tagLength(readAt(at, tagHeadBytes)) ?? 0
    if (length === 0) break
    at += length
  }
  return at
}

/** Where the next of several joined MP3s begins, near the end of one: with a tag, or with a frame that is an index. */
function nextPart(readAt: ReadAt, end: number): number | undefined {
  const from = Math.max(0, end - longestMp3Frame)
  const window = readAt(from, 2 * longestMp3Frame + 64)
  for (let at = 0; at < window.length; at++) {
    if ((tagLength(window, at) ?? 0) > 0) return from + at
    const frame = mpegFrame(window, at)
    if (frame !== undefined && mp3Index(window, at, frame) !== undefined) return from + at
  }
  return undefined
}
