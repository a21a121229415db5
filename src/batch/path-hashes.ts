import { hash } from 'node:crypto'

/**
 * Which of very many paths are the same, told by hashes in sorted arrays: as texts, and in sets, a hundred thousand of them are many
 * MB. What has the same hash is only suspected of being the same.
 */

/** 48 bits, which two paths share once in some hundred million fleets. */
export function hashOf(file: string): number {
  return hash('sha1', file, 'buffer').readUIntBE(0, 6)
}

/** The hashes of `each` paths for every index below `count`, lowest first. */
export function sortedHashes(count: number, each: number, pathsAt: (index: number) => readonly string[]): Float64Array {
  const hashes = new Float64Array(count * each)
  for (let index = 0; index < count; index++) {
    for (const [place, file] of pathsAt(index).entries()) hashes[index * each + place] = hashOf(file)
  }
  return hashes.toSorted()
}

/** Hashes that are there more than once, or that are among `others`, too. */
export function repeated(sorted: Float64Array, others: Float64Array = new Float64Array()): Set<number> {
  const found = new Set<number>()
  for (let [at, of] = [0, 0]; at < sorted.length; at++) {
    const one = sorted[at]!
    while (of < others.length && others[of]! < one) of += 1
    if (one === sorted[at + 1] || one === others[of]) found.add(one)
  }
  return found
}
