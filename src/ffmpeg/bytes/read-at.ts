import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** Bytes of a file from `offset` on: `length` of them, or as many as can be had cheaply. */
export type ReadAt = (offset: number, length: number) => Buffer

/** What `look` makes of a file on disk; `otherwise` where that cannot be read. */
export function lookInto<T>(path: string, otherwise: T, look: (readAt: ReadAt, size: number) => T): T {
  try {
    const descriptor = openSync(path, 'r')
    try {
      const readAt: ReadAt = (offset, length) => {
        const bytes = Buffer.alloc(length)
        return bytes.subarray(0, readSync(descriptor, bytes, 0, length, offset))
      }
      return look(readAt, fstatSync(descriptor).size)
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return otherwise
  }
}
