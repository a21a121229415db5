import type { Word } from '../model.ts'

/** Two sessions may place the same word this far apart, ms. */
const SAME_WORD_MS = 300

/** Text of a word without what formatting adds. */
function plain(text: string): string {
  return text.toLowerCase().replaceAll(/[^\p{Letter}\p{Number}]/gu, '')
}

/**
 * Where a replay goes beyond what was final before: the index of the first word of `words` that is new. The last words
 * that were final are looked for by text near their time, since two sessions need not place a word at the same
 * millisecond; where they are not found, a word is new if most of it lies after `end`.
 *
 * @param words - of a turn of the new session, in stream time.
 * @param tail - last words that are final, in order, in stream time.
 * @param end - end of the last of them, ms.
 */
export function firstNewWord(words: readonly Word[], tail: readonly Word[], end: number): number {
  const last = tail.at(-1)
  if (last) {
    let found = -1
    let distance = SAME_WORD_MS
    for (const [index, word] of words.entries()) {
      const apart = Math.abs(word.start - last.start)
      if (apart <= distance && plain(word.text) === plain(last.text)) [found, distance] = [index, apart]
    }
    if (found >= 0) return found + 1
  }
  const index = words.findIndex(
    (word) => word.start + word.end > 2 * end || (word.start === word.end && word.start >= end),
  )
  return index < 0 ? words.length : index
}

/** The word of `words` that shares most time with `word`, if they share at least half of the shorter one. */
export function sameTime(word: Word, words: readonly Word[]): Word | undefined {
  let best: Word | undefined
  let most = 0
  for (const other of words) {
    const shared = Math.min(word.end, other.end) - Math.max(word.start, other.start)
    const shorter = Math.min(word.end - word.start, other.end - other.start)
    if (shared > most && shared * 2 >= shorter) [best, most] = [other, shared]
  }
  return best
}
