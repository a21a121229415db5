import { closeSync, openSync, readSync } from 'node:fs'

/*
 * MPEG-TS and MPEG-PS, told from other kinds by their packets: the clock of these may leap.
 */

export const syncByte = 0x47

/** How a transport stream is packed: plain, with times (Blu-ray, AVCHD), or with error correction. */
export interface Packets {
  size: number
  /** Bytes before the sync byte. */
  before: number
}

/** How the packets of a transport stream that begins with `head` lie; `undefined` where it is none. */
export function packetsOf(head: Buffer): Packets | undefined {
  return [
    { size: 188, before: 0 },
    { size: 192, before: 4 },
    { size: 204, before: 0 },
  ].find(({ size, before }) => {
    const count = Math.floor((head.length - before) / size)
    if (count < 3) return false
    return Array.from({ length: Math.min(count, 8) }, (_, index) => head[before + index * size]).every(
      (byte) => byte === syncByte,
    )
  })
}

export const packCode = 0xba

/** Whether a pack of a program stream begins `at`. */
export function isPack(bytes: Buffer, at: number): boolean {
  return bytes.length >= at + 4 && bytes.readUInt32BE(at) === 0x100 + packCode
}

/** Whether the clock of what begins with `head` may leap. */
export function clockMayLeap(head: Buffer): boolean {
  return packetsOf(head) !== undefined || isPack(head, 0)
}

/** Whether more bytes must come to tell whether a stream that begins with `head` is one whose clock may leap. */
export function isClockUnknown(head: Buffer): boolean {
  return head.length < 8 * 204 && (head[0] === syncByte || head[4] === syncByte)
}

/** Bytes at the beginning of a file by which its kind is known. */
const headBytes = 4096

/** Whether a file is of a kind whose clock may leap; not where it cannot be read. */
export function hasLeapingClock(path: string): boolean {
  try {
    const descriptor = openSync(path, 'r')
    try {
      const head = Buffer.alloc(headBytes)
      return clockMayLeap(head.subarray(0, readSync(descriptor, head, 0, headBytes, 0)))
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return false
  }
}
