import { mp3Index, mpegFrame, tagLength } from './mp3.ts'

/** How much of a byte stream is looked at before FFmpeg is started. */
export const headLimit = 65_536

/** In bytes. */
const longestMp3Frame = 1441

/** Boxes an MP4 or QuickTime file may begin with. */
const firstBoxes = new Set(['ftyp', 'wide', 'free', 'skip', 'pnot', 'moov', 'mdat', 'styp'])

/**
 * How FFmpeg must read a byte stream that begins with `head`: `inOrder` as it comes, `spooled` where the index of an MP4
 * follows its audio and FFmpeg has to jump back. `undefined` means that more bytes are needed to tell.
 *
 * @param complete - whether `head` is all there will be.
 */
export function readingMode(head: Uint8Array, complete: boolean): 'inOrder' | 'spooled' | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  if (bytes.length < 8) return complete ? 'inOrder' : undefined
  if (!firstBoxes.has(bytes.toString('latin1', 4, 8))) return 'inOrder'
  let at = 0
  while (at + 8 <= bytes.length) {
    const type = bytes.toString('latin1', at + 4, at + 8)
    if (type === 'moov' || type === 'moof' || type === 'styp') return 'inOrder'
    if (type === 'mdat') return 'spooled'
    let size = bytes.readUInt32BE(at)
    if (size === 1) {
      if (at + 16 > bytes.length) break
      size = Number(bytes.readBigUInt64BE(at + 8))
    }
    // 0 means "to the end of the file"; below 8 is no box at all.
    if (size < 8) return 'spooled'
    at += size
  }
  return complete || bytes.length >= headLimit ? 'spooled' : undefined
}

/**
 * How many bytes an input has that begins with `head`, by its own header; `undefined` where that does not say. WAV and
 * AVI do, AIFF, AU, CAF, Wave64, and MP3 with an index. FFmpeg takes a cut one of these for a shorter one, without a word if
 * it comes by pipe.
 */
export function declaredLength(head: Uint8Array): number | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  switch (bytes.length < 12 ? '' : bytes.toString('latin1', 0, 4)) {
    case 'RIFF':
      return riffLength(bytes)
    case 'FORM':
      return isUnknown(bytes.readUInt32BE(4)) ? undefined : bytes.readUInt32BE(4) + 8
    case '.snd':
      return isUnknown(bytes.readUInt32BE(8)) ? undefined : bytes.readUInt32BE(4) + bytes.readUInt32BE(8)
    case 'caff':
      return cafLength(bytes)
    case 'riff':
      return wave64Length(bytes)
    default:
      return mp3Length(bytes)
  }
}

/** Programs that write to a pipe put 0 or a number near 2 or 4 GiB for a size. */
function isUnknown(size: number): boolean {
  return size === 0 || size >= 0x7fff_0000
}

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

function wave64Length(bytes: Buffer): number | undefined {
  if (bytes.length < 24) return undefined
  const size = bytes.readBigUInt64LE(16)
  return size === 0n || size > 1n << 50n ? undefined : Number(size)
}

function riffLength(bytes: Buffer): number | undefined {
  const size = bytes.readUInt32LE(4)
  return isUnknown(size) ? undefined : size + 8
}

function mp3Length(bytes: Buffer): number | undefined {
  const start = tagLength(bytes)
  const frame = start === undefined ? undefined : mpegFrame(bytes, start)
  if (start === undefined || frame === undefined) return undefined
  const { bytes: size } = mp3Index(bytes, start, frame) ?? {}
  // Some encoders count the index itself and some do not: one frame, at most this long.
  return size === undefined ? undefined : Math.max(0, start + size - longestMp3Frame)
}
