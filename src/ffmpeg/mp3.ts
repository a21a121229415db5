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

/** Bytes of an index that are read. */
export const mp3IndexBytes = 16
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
