import type { Word } from '../model.ts'
import { letters } from './joined-lines.ts'
import { cleanLine } from './text.ts'

/** Where on a line a word begins, and when it is said. */
export interface WordPlace {
  /** Its first character. */
  at: number
  /** Millisecond at which it begins. */
  start: number
}

/**
 * Where the words of a cue begin on each of its lines, which are clean; a word that goes on in the next line is on the
 * first. `undefined` where the lines are not these words, one after the other, and so nobody knows when they are said.
 *
 * @param dashed - whether each line begins with a dash that belongs to no word.
 */
export function wordPlaces(
  lines: readonly string[],
  words: readonly Pick<Word, 'text' | 'start'>[],
  dashed = false,
): WordPlace[][] | undefined {
  const places: WordPlace[][] = lines.map(() => [])
  let line = 0
  let at = 0
  /** Moves to the next character that belongs to a word; returns whether there is one. */
  const seek = (): boolean => {
    for (; line < lines.length; line += 1, at = 0) {
      const text = lines[line] ?? ''
      if (dashed && at === 0 && text.startsWith('-')) at = 1
      while (at < text.length && /\s/.test(text.charAt(at))) at += 1
      if (at < text.length) return true
    }
    return false
  }
  for (const { text, start } of words) {
    const said = letters(cleanLine(text))
    for (let i = 0; i < said.length; i += 1) {
      if (!seek() || lines[line]?.charAt(at) !== said.charAt(i)) return undefined
      if (i === 0) places[line]?.push({ at, start })
      at += 1
    }
  }
  return words.length === 0 || seek() ? undefined : places
}
