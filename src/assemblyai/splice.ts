import type { Word } from '../model.ts'

/** Two sessions may place the same word this far apart, ms. */
const SAME_WORD_MS = 300
/** Words before a word that tell it from another of the same text. */
const CONTEXT_WORDS = 4

/** Text of a word without what formatting adds. */
function plain(text: string): string {
  return text.toLowerCase().replaceAll(/[^\p{Letter}\p{Number}]/gu, '')
}

/**
 * Where a replay goes beyond what was final before: the index of the first word of `words` that is new. The last word
 * that was final is looked for by text near its time, since two sessions need not place a word at the same millisecond;
 * where the word was said more than once, the words before it tell which it is. Where it is not found, a word is new if
 * most of it lies after `end`.
 *
 * @param words - of a turn of the new session, in stream time.
 * @param tail - last words that are final, in order, in stream time.
 * @param end - end of the last of them, ms.
 */
export function firstNewWord(words: readonly Word[], tail: readonly Word[], end: number): number {
  const last = tail.at(-1)
  if (last) {
    let found = -1
    let [fewest, nearest] = [Infinity, Infinity]
    for (const [index, word] of words.entries()) {
      const apart = Math.abs(word.start - last.start)
      if (apart > SAME_WORD_MS || plain(word.text) !== plain(last.text)) continue
      const different = differences(words.slice(0, index), tail.slice(0, -1))
      if (different > fewest || (different === fewest && apart > nearest)) continue
      ;[found, fewest, nearest] = [index, different, apart]
    }
    if (found >= 0) return found + 1
  }
  const index = words.findIndex(
    (word) => word.start + word.end > 2 * end || (word.start === word.end && word.start >= end),
  )
  return index < 0 ? words.length : index
}

/** How many of the last words of one list differ from those of the other. */
function differences(words: readonly Word[], others: readonly Word[]): number {
  let different = 0
  for (let back = 1; back <= Math.min(CONTEXT_WORDS, words.length, others.length); back += 1) {
    if (plain(words.at(-back)?.text ?? '') !== plain(others.at(-back)?.text ?? '')) different += 1
  }
  return different
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
