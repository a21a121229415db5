import { frameKind } from '../bytes/frames.ts'
import { isKnownKind } from '../bytes/file-kinds.ts'

/*
 * MPEG-TS and MPEG-PS, told from other kinds by their packets: the clock of these may leap.
 */

export const syncByte = 0x47

/** The number of packets of nothing. */
export const noPackets = 0x1fff

/** The number of the packet `at`. */
export function pidOf(bytes: Buffer, at: number): number {
  return ((bytes[at + 1]! & 0x1f) << 8) | bytes[at + 2]!
}

/** How a transport stream is packed: plain, with times (Blu-ray, AVCHD), or with error correction. */
export interface Packets {
  size: number
  /** Bytes before the sync byte. */
  before: number
  /** Where the first one begins. */
  first: number
}

const packings: readonly Omit<Packets, 'first'>[] = [
  { size: 188, before: 0 },
  { size: 192, before: 4 },
  { size: 204, before: 0 },
]

/** How the packets of a transport stream that begins with `head` lie, or begins within it; `undefined` where it is none. */
export function packetsOf(head: Buffer): Packets | undefined {
  const packing = packings.find((one) => areFirst(head, one))
  if (packing !== undefined) return { ...packing, first: 0 }
  if (isKnownKind(head)) return undefined
  for (const { size, before } of packings) {
    const at = firstRow(head, size)
    if (at >= 0) return { size, before, first: at < before ? at - before + size : at - before }
  }
  return undefined
}

function areFirst(head: Buffer, { size, before }: Omit<Packets, 'first'>): boolean {
  const count = Math.floor((head.length - before) / size)
  if (count < 3) return false
  return Array.from({ length: Math.min(count, 8) }, (_, index) => head[before + index * size]).every(
    (byte) => byte === syncByte,
  )
}

/** Packets in a row by which a transport stream is known, wherever in one it begins; and how many of them may be damaged. */
const [rowPackets, mostDamaged] = [16, 2]

/** Where such a row begins; -1 where none does. */
function firstRow(head: Buffer, size: number): number {
  for (let at = head.indexOf(syncByte); at >= 0; at = head.indexOf(syncByte, at + 1)) {
    if (at + rowPackets * size > head.length) return -1
    if (isRow(head, at, size)) return at
  }
  return -1
}

/** Whether packets follow one another from `from` on, each numbered by the one before it of its track: sound may be as regular, but for that. */
function isRow(bytes: Buffer, from: number, size: number): boolean {
  const numbers = new Map<number, number>()
  let [damaged, right, wrong] = [0, 0, 0]
  for (let at = from; at < from + rowPackets * size; at += size) {
    const control = bytes[at + 3]!
    const isPacket = bytes[at] === syncByte && (control & 0x30) !== 0
    if (!isPacket && ++damaged > mostDamaged) return false
    const pid = pidOf(bytes, at)
    if (!isPacket || pid === noPackets || (control & 0x10) === 0) continue
    const last = numbers.get(pid)
    numbers.set(pid, control & 15)
    if (last === undefined) continue
    if ((control & 15) === ((last + 1) & 15)) right++
    else wrong++
  }
  return wrong <= right
}

export const packCode = 0xba
const endCode = 0xb9

/** Whether a pack of a program stream begins `at`. */
function isPack(bytes: Buffer, at: number): boolean {
  return bytes.length >= at + 4 && bytes.readUInt32BE(at) === 0x100 + packCode
}

const packStart = Buffer.from([0, 0, 1, packCode])

/** Whether a program stream begins with `head`, or within it: with a pack that another one follows where it is to. */
export function hasPacks(head: Buffer): boolean {
  if (isPack(head, 0)) return true
  if (isKnownKind(head)) return false
  for (let at = head.indexOf(packStart); at >= 0; at = head.indexOf(packStart, at + 1)) {
    if (isPackFollowed(head, at)) return true
  }
  return false
}

function isPackFollowed(bytes: Buffer, from: number): boolean {
  for (let at = from; at < bytes.length;) {
    if (at > from && isPack(bytes, at)) return true
    const { code, end } = programPacket(bytes, at) ?? { end: -1 }
    if (end < 0 || (at > from && code === undefined)) return false
    at = end
  }
  return false
}

/**
 * Where the packet of a program stream ends that begins at `from`, -1 where that has not come; and its code, of an elementary one.
 * `undefined` where none begins.
 */
export function programPacket(bytes: Buffer, from: number): { end: number; code?: number } | undefined {
  if (from + 14 > bytes.length) return { end: -1 }
  const code = bytes.readUInt32BE(from)
  if (code === 0x100 + packCode) {
    const isMpeg2 = (bytes[from + 4]! & 0xc0) === 0x40
    return { end: isMpeg2 ? from + 14 + (bytes[from + 13]! & 7) : from + 12 }
  }
  if (code === 0x100 + endCode) return { end: from + 4 }
  if (code < 0x100 + packCode || code > 0x1ff) return undefined
  const end = from + 6 + bytes.readUInt16BE(from + 4)
  return { end: end > bytes.length ? -1 : end, code }
}

/** Whether the clock of what begins with `head` may leap. */
export function clockMayLeap(head: Buffer): boolean {
  return packetsOf(head) !== undefined || hasPacks(head)
}

/** Bytes by which it is known whether packets of a transport stream begin with them. */
const firstBytes = 8 * 204
/** Bytes by which a transport stream is known wherever in one they begin, and in which the first pack of most program streams is. */
const enoughBytes = 4096

/** Whether more bytes must come to tell whether a stream that begins with `head` is one whose clock may leap. */
export function isClockUnknown(head: Buffer): boolean {
  if (isKnownKind(head)) return false
  if (head.length < firstBytes && (head[0] === syncByte || head[4] === syncByte)) return true
  if (frameKind(head) !== undefined || clockMayLeap(head)) return false
  return (head.length < enoughBytes && head.some((byte) => byte !== 0)) || head.includes(packStart)
}
