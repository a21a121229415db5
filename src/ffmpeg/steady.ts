import type { ReadAt } from './duration.ts'
import { mpegFrame } from './mp3.ts'

/**
 * Whether the sound of a file runs on from its first sample to its last, by what the file says of itself. Then FFmpeg may
 * work in large pieces, which takes a fifth less; where there can be gaps, a piece would hold what lies on both sides of one.
 */

/** The most boxes that are looked at; a file with few tracks has some dozens. */
const mostBoxes = 400
const boxHead = 16
/** Content of a box that is looked at, in bytes. */
const looked = 48

interface Box {
  type: string
  /** Where its content begins, and where it ends. */
  from: number
  to: number
}

/** `false` also where that cannot be told by a few small reads. */
export function isSteady(readAt: ReadAt, size: number): boolean {
  const head = readAt(0, boxHead)
  const begins = head.toString('latin1', 0, 4)
  // These have no clock: their samples are counted.
  if (begins === 'RIFF' || begins === 'fLaC' || begins.startsWith('ID3') || mpegFrame(head) !== undefined) return true
  if (head.toString('latin1', 4, 8) !== 'ftyp') return false
  const left = { boxes: mostBoxes }
  const inside = (box: Box | undefined): Box[] => (box === undefined ? [] : boxes(readAt, box.from, box.to, left))
  const find = (all: readonly Box[], type: string): Box | undefined => all.find((box) => box.type === type)
  const movie = boxes(readAt, 0, size, left)
  // A fragment has a time of its own.
  if (find(movie, 'moof') !== undefined) return false
  const tracks = inside(find(movie, 'moov')).filter(({ type }) => type === 'trak')
  const sounds = tracks.flatMap((track) => {
    const parts = inside(track)
    const media = inside(find(parts, 'mdia'))
    const handler = find(media, 'hdlr')
    if (handler === undefined || readAt(handler.from + 8, 4).toString('latin1') !== 'soun') return []
    const times = find(inside(find(inside(find(media, 'minf')), 'stbl')), 'stts')
    const edits = find(inside(find(parts, 'edts')), 'elst')
    return [times !== undefined && isEven(readAt(times.from, looked)) && isPlain(edits && readAt(edits.from, looked))]
  })
  return left.boxes > 0 && sounds.length > 0 && sounds.every(Boolean)
}

/** Whether all packets last as long, but the last one. */
function isEven(table: Buffer): boolean {
  if (table.length < 16) return false
  const count = table.readUInt32BE(4)
  return count === 1 || (count === 2 && table.length >= 24 && table.readUInt32BE(16) === 1)
}

/** Whether a list of edits only says when the sound begins: silence first, then all of it. */
function isPlain(list: Buffer | undefined): boolean {
  return list === undefined || (list.length >= 8 && list.readUInt32BE(4) <= 2)
}

function boxes(readAt: ReadAt, from: number, to: number, left: { boxes: number }): Box[] {
  const found: Box[] = []
  for (let at = from; at + 8 <= to && left.boxes > 0; left.boxes--) {
    const head = readAt(at, boxHead)
    if (head.length < 8) break
    const short = head.readUInt32BE(0)
    if (short === 1 && head.length < boxHead) break
    const length = short === 1 ? Number(head.readBigUInt64BE(8)) : short === 0 ? to - at : short
    if (length < 8) break
    found.push({
      type: head.toString('latin1', 4, 8),
      from: at + (short === 1 ? 16 : 8),
      to: Math.min(to, at + length),
    })
    at += length
  }
  return found
}
