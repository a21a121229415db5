import { spaceBetween } from '../scripts.ts'
import { cleanLine } from './text.ts'

/**
 * The clean lines of a cue as one text, which keeps the spaces and marks that they show: a space where a line ends, as far as
 * the script puts one, but none inside a word that goes on in the next line.
 *
 * @param said - what is said, a space between words, which begins with the letters of the lines.
 */
export function joinedLines(lines: readonly string[], said: string): string {
  const ends = new Set<number>()
  let length = 0
  for (const part of said.split(/\s+/)) ends.add((length += part.length))
  let joined = ''
  let shown = 0
  for (const line of lines) {
    joined += (ends.has(shown) ? spaceBetween(joined, line) : '') + line
    shown += letters(line).length
  }
  return joined
}

/** Words with a space between all of them. */
export function spacedWords(words: readonly { text: string }[]): string {
  return words
    .map((word) => cleanLine(word.text))
    .filter((text) => text !== '')
    .join(' ')
}

/** A text without its spaces. */
export function letters(text: string): string {
  return text.replaceAll(/\s/g, '')
}
