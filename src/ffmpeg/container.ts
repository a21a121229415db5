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
 * AVI do, and MP3 with an index. FFmpeg takes a cut one of these for a shorter one, without a word if it comes by pipe.
 */
export function declaredLength(head: Uint8Array): number | undefined {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  return bytes.toString('latin1', 0, 4) === 'RIFF' ? riffLength(bytes) : mp3Length(bytes)
}

function riffLength(bytes: Buffer): number | undefined {
  if (bytes.length < 12) return undefined
  const size = bytes.readUInt32LE(4)
  // Programs that write to a pipe put 0 or a number near 2 or 4 GiB there.
  return size === 0 || size >= 0x7fff_0000 ? undefined : size + 8
}

/** The first frame of an MP3 may be an index (Xing, or Info where the bit rate is constant) with the number of bytes. */
function mp3Length(bytes: Buffer): number | undefined {
  let frame = 0
  if (bytes.toString('latin1', 0, 3) === 'ID3' && bytes.length >= 10) {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(6, 10)
    // The size of the tag has seven bits in each byte.
    frame = 10 + a * 2 ** 21 + b * 2 ** 14 + c * 2 ** 7 + d
  }
  if (frame + 64 > bytes.length || bytes.readUInt16BE(frame) < 0xffe0) return undefined
  const version1 = (bytes.readUInt8(frame + 1) & 0x18) === 0x18
  const mono = bytes.readUInt8(frame + 3) >= 0xc0
  const index = frame + 4 + (version1 ? (mono ? 17 : 32) : mono ? 9 : 17)
  if (!['Xing', 'Info'].includes(bytes.toString('latin1', index, index + 4))) return undefined
  const flags = bytes.readUInt32BE(index + 4)
  if ((flags & 2) === 0) return undefined
  const size = bytes.readUInt32BE(index + ((flags & 1) === 0 ? 8 : 12))
  // Some encoders count the index itself and some do not: one frame, at most this long.
  return Math.max(0, frame + size - longestMp3Frame)
}

/** Whether `bytes`, the first of a WAV, hold any audio after the header. */
export function hasAudio(bytes: Buffer): boolean {
  const data = bytes.indexOf('data', 12, 'latin1')
  return data >= 0 && bytes.length > data + 8
}
