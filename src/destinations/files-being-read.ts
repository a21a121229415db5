import type { BigIntStats } from 'node:fs'

/** How many readers of this process each file has, by its number. */
const readers = new Map<string, number>()

/** What tells a file from all others, whatever its names are. */
export function fileKey({ dev, ino }: Pick<BigIntStats, 'dev' | 'ino'>): string {
  return `${dev}:${ino}`
}

/** Notes that a file is being read, until what it returns is called: a sink that wrote to it would destroy what is not read yet. */
export function noteReader(key: string): () => void {
  readers.set(key, (readers.get(key) ?? 0) + 1)
  return () => {
    const others = (readers.get(key) ?? 1) - 1
    if (others > 0) readers.set(key, others)
    else readers.delete(key)
  }
}

export function isBeingRead(key: string): boolean {
  return readers.has(key)
}
