import type { Word } from '../../src/index.ts'

/** How well words were cut into cues. Shares are from 0 to 1. */
export interface CutQuality {
  cues: number
  /** Harmonic mean of precision and recall of the boundaries between cues; absent where there is nothing to compare with. */
  boundaryF1?: number
  /** Share of cues shown for less than {@link FLASH_MS}. */
  flashes: number
  /** Share of cues whose last word wants another after it. */
  functionWordEnds: number
  /** Share of cues with words of several speakers. */
  mixed: number
}

/** A cue that is shown for less is a flash: five sixths of a second. */
export const FLASH_MS = 833
/** Least gap between two cues. */
const GAP_MS = 83
/** How long a cue may stay after its last word. */
const TAIL_MS = 500

/** What the words of a file were cut against. */
export interface CutReference {
  /** Boundaries of people's cues, as in `ends`. */
  ends?: readonly number[]
  /** Whether a cue should not end on this word. */
  isFunctionWord: (text: string) => boolean
}

/**
 * Measures one way to cut words. All ways are timed by one rule, so that only the places of the cuts count: a cue
 * begins with its first word and ends half a second after its last, or 83 ms before the next cue.
 *
 * @param ends - for each cue, how many words have been said when it ends.
 */
export function measureCut(words: readonly Word[], ends: readonly number[], reference: CutReference): CutQuality {
  let flashes = 0
  let functionWordEnds = 0
  let mixed = 0
  let from = 0
  for (const [i, end] of ends.entries()) {
    const [first, last] = [words[from], words[end - 1]]
    if (first === undefined || last === undefined || end <= from) throw new Error(`cue ${i} has no words`)
    if (shownFor(first, last, words[end]) < FLASH_MS) flashes++
    if (reference.isFunctionWord(last.text)) functionWordEnds++
    if (words.slice(from, end).some(({ speaker }) => speaker !== first.speaker)) mixed++
    from = end
  }
  if (from !== words.length) throw new Error(`${from} of ${words.length} words are in cues`)
  const share = (count: number) => count / Math.max(1, ends.length)
  return {
    cues: ends.length,
    ...(reference.ends !== undefined && { boundaryF1: boundaryF1(ends, reference.ends) }),
    flashes: share(flashes),
    functionWordEnds: share(functionWordEnds),
    mixed: share(mixed),
  }
}

function shownFor(first: Word, last: Word, next: Word | undefined): number {
  const end = Math.min(last.end + TAIL_MS, next === undefined ? Infinity : next.start - GAP_MS)
  return end - first.start
}

/** F1 of the boundaries inside of a text; the end of the text, which all have, does not count. */
export function boundaryF1(ends: readonly number[], reference: readonly number[]): number {
  const inside = (list: readonly number[]) => new Set(list.slice(0, -1))
  const [found, wanted] = [inside(ends), inside(reference)]
  if (found.size + wanted.size === 0) return 1
  const right = [...found].filter((end) => wanted.has(end)).length
  return (2 * right) / (found.size + wanted.size)
}
