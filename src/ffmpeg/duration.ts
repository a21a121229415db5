/** Bytes of a file from `offset` on: `length` of them, or as many as can be had cheaply. */
export type ReadAt = (offset: number, length: number) => Buffer

const mostBoxes = 64
const headBytes = 4096

/**
 * How long the audio of a file is, in ms, by what the file says of itself: WAV, FLAC, MP4, Matroska and WebM, MP3 with an
 * index. `undefined` where it does not say, or what it says cannot be had by a few small reads.
 *
 * @param size - bytes of the file; `undefined` if nobody knows.
 */
export function mediaDuration(readAt: ReadAt, size?: number): number | undefined {
  const head = readAt(0, headBytes)
  const seconds = secondsOf(head, readAt, size ?? Infinity)
  return seconds !== undefined && seconds > 0 && seconds < 1e9 ? Math.round(seconds * 1000) : undefined
}

function secondsOf(head: Buffer, readAt: ReadAt, size: number): number | undefined {
  const begin = head.toString('latin1', 0, 4)
  if (begin === 'RIFF' && head.toString('latin1', 8, 12) === 'WAVE') return wavSeconds(head, size)
  if (begin === 'fLaC') return flacSeconds(head)
  if (begin === '\x1aE\xdf\xa3') return matroskaSeconds(head)
  if (head.toString('latin1', 4, 8) === 'ftyp') return mp4Seconds(readAt, size)
  return mp3Seconds(head, readAt)
}

function wavSeconds(head: Buffer, size: number): number | undefined {
  let byteRate = 0
  for (let at = 12; at + 16 <= head.length;) {
    const length = head.readUInt32LE(at + 4)
    const name = head.toString('latin1', at, at + 4)
    if (name === 'fmt ') byteRate = head.readUInt32LE(at + 16)
    if (name === 'data') {
      // Whoever writes to a pipe does not know the length, and writes a very large one, or none.
      const bytes = length === 0 || length >= 0x7fff_0000 ? size - at - 8 : Math.min(length, size - at - 8)
      return Number.isFinite(bytes) ? bytes / byteRate : undefined
    }
    at += 8 + length + (length % 2)
  }
  return undefined
}

function flacSeconds(head: Buffer): number | undefined {
  if (head.length < 26) return undefined
  const rate = head.readUIntBE(18, 3) >> 4
  const samples = (head.readUInt8(21) & 0x0f) * 2 ** 32 + head.readUInt32BE(22)
  return samples / rate
}

/** The box `mvhd` is the first in `moov`, wherever that is. */
function mp4Seconds(readAt: ReadAt, size: number): number | undefined {
  let at = 0
  for (let boxes = 0; boxes < mostBoxes && at < size; boxes++) {
    const box = readAt(at, 48)
    if (box.length < 48) return undefined
    const type = box.toString('latin1', 4, 8)
    if (type === 'moov') return box.toString('latin1', 12, 16) === 'mvhd' ? mvhdSeconds(box) : undefined
    const length = box.readUInt32BE(0)
    const step = length === 1 ? Number(box.readBigUInt64BE(8)) : length
    if (step < 8) return undefined
    at += step
  }
  return undefined
}

function mvhdSeconds(box: Buffer): number {
  const isLong = box.readUInt8(16) === 1
  if (isLong) return Number(box.readBigUInt64BE(40)) / box.readUInt32BE(36)
  return box.readUInt32BE(32) / box.readUInt32BE(28)
}

/** Looks for the element Info, and in it for the scale and the length. */
function matroskaSeconds(head: Buffer): number | undefined {
  const info = head.indexOf('1549a966', 0, 'hex')
  if (info < 0) return undefined
  const part = head.subarray(info, info + 512)
  const scaleAt = part.indexOf('2ad7b183', 0, 'hex')
  const scale = scaleAt < 0 ? 1_000_000 : part.readUIntBE(scaleAt + 4, 3)
  for (const [id, read] of [
    ['448988', (at: number) => part.readDoubleBE(at)],
    ['448984', (at: number) => part.readFloatBE(at)],
  ] as const) {
    const at = part.indexOf(id, 0, 'hex')
    if (at >= 0 && at + 11 <= part.length) return (read(at + 3) * scale) / 1e9
  }
  return undefined
}

const mp3Rates = [44_100, 48_000, 32_000]

function mp3Seconds(head: Buffer, readAt: ReadAt): number | undefined {
  let frame = 0
  if (head.toString('latin1', 0, 3) === 'ID3' && head.length >= 10) {
    for (const byte of head.subarray(6, 10)) frame = frame * 128 + byte
    frame += 10
  }
  const bytes = readAt(frame, 64)
  if (bytes.length < 64 || bytes.readUInt16BE(0) < 0xffe0) return undefined
  const version = (bytes.readUInt8(1) >> 3) & 3
  const rate = (mp3Rates[(bytes.readUInt8(2) >> 2) & 3] ?? Number.NaN) / (version === 3 ? 1 : version === 2 ? 2 : 4)
  const mono = bytes.readUInt8(3) >= 0xc0
  const index = 4 + (version === 3 ? (mono ? 17 : 32) : mono ? 9 : 17)
  if (!['Xing', 'Info'].includes(bytes.toString('latin1', index, index + 4))) return undefined
  if ((bytes.readUInt32BE(index + 4) & 1) === 0) return undefined
  return (bytes.readUInt32BE(index + 8) * (version === 3 ? 1152 : 576)) / rate
}
