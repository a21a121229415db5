import { headLimit, isMovieStart } from '../probe.ts'

/**
 * How FFmpeg must read a byte stream that begins with `bytes`: `inOrder` as it comes, `spooled` where the index of an MP4, the
 * table of packets of a CAF, or what an AIFF says of its samples, follows its audio and FFmpeg has to jump back; or where all is read by
 * an index, as in a WTV. `undefined` means that more bytes are needed to tell.
 *
 * @param complete - whether `bytes` are all there will be.
 */
export function readingMode(bytes: Buffer, complete: boolean): 'inOrder' | 'spooled' | undefined {
  if (bytes.length < 8) return complete ? 'inOrder' : undefined
  const begins = bytes.toString('latin1', 0, 4)
  if (begins === 'caff') return cafReadingMode(bytes, complete)
  if (begins === 'FORM') return aiffReadingMode(bytes, complete)
  if (bytes.subarray(0, wtvMark.length).equals(wtvMark)) return 'spooled'
  if (!isMovieStart(bytes)) return 'inOrder'
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

/** Bytes of a CAF up to the end of the description that is its first chunk, and where that says how long packets are. */
const cafHead = { bytes: 52, packetBytes: 36, packetFrames: 40 }

/** Packets of Opus and ALAC are of any length, which a table says; FFmpeg writes it last. */
function cafReadingMode(bytes: Buffer, complete: boolean): 'inOrder' | 'spooled' | undefined {
  if (bytes.length < cafHead.bytes) return complete ? 'inOrder' : undefined
  if (bytes.readUInt32BE(cafHead.packetBytes) > 0 && bytes.readUInt32BE(cafHead.packetFrames) > 0) return 'inOrder'
  for (let at = 8; at + 12 <= bytes.length;) {
    const type = bytes.toString('latin1', at, at + 4)
    const size = Number(bytes.readBigInt64BE(at + 4))
    if (type === 'pakt') return 'inOrder'
    if (type === 'data' || size < 0) return 'spooled'
    at += 12 + size
  }
  return complete || bytes.length >= headLimit ? 'spooled' : undefined
}

/** What a recording by Windows begins with. */
const wtvMark = Buffer.from('b7d800203749da11', 'hex')

/** The chunk that says what the samples are may be anywhere. */
function aiffReadingMode(bytes: Buffer, complete: boolean): 'inOrder' | 'spooled' | undefined {
  if (bytes.length < 12) return complete ? 'inOrder' : undefined
  if (!/^AIF[CF]$/.test(bytes.toString('latin1', 8, 12))) return 'inOrder'
  for (let at = 12; at + 8 <= bytes.length;) {
    const type = bytes.toString('latin1', at, at + 4)
    if (type === 'COMM') return 'inOrder'
    if (type === 'SSND') return 'spooled'
    const size = bytes.readUInt32BE(at + 4)
    at += 8 + size + (size % 2)
  }
  return complete || bytes.length >= headLimit ? 'spooled' : undefined
}
