import type { Segment, Word } from '../model.ts'
import { cleanText } from './clean-text.ts'
import { splitByWidth, textWidth } from './width.ts'

/** What layout moves about: a word, or a piece of one that is too long for a line. */
export interface Token {
  text: string
  /** Columns of `text`. */
  width: number
  start: number
  end: number
  /** The word that begins with this token; absent in the later pieces of a word, and where no words are known. */
  word?: Word
}

/**
 * The words of a segment as tokens with repaired times: integers, not negative, starts never falling, no end before
 * its start. Words wider than `maxWidth` are cut between graphemes. A segment without words has its text cut at
 * spaces, and its time is shared out by width.
 *
 * @param earliest - no token starts before this millisecond.
 */
export function segmentTokens(segment: Segment, maxWidth: number, earliest = 0): Token[] {
  const tokens: Token[] = []
  let floor = earliest
  const spoken = segment.words.length > 0 ? segment.words : [segment]
  for (const item of spoken) {
    const start = Math.max(floor, wholeMs(item.start, floor))
    const end = Math.max(start, wholeMs(item.end, start))
    const pieces = cleanText(item.text)
      .split(' ')
      .filter((piece) => piece !== '')
      .flatMap((piece) => (textWidth(piece) > maxWidth ? splitByWidth(piece, maxWidth) : [piece]))
    const made = shareTime(pieces, start, end)
    if (made[0] !== undefined && item !== segment) made[0].word = item as Word
    tokens.push(...made)
    floor = start
  }
  return tokens
}

/** Cuts `token` in two so that the first part is at most `maxWidth` columns wide. */
export function splitToken(token: Token, maxWidth: number): Token[] {
  const [head, ...rest] = splitByWidth(token.text, maxWidth)
  if (head === undefined || rest.length === 0) return [token]
  const parts = shareTime([head, rest.join('')], token.start, token.end)
  if (parts[0] !== undefined && token.word !== undefined) parts[0].word = token.word
  return parts
}

function shareTime(pieces: readonly string[], start: number, end: number): Token[] {
  const widths = pieces.map((piece) => Math.max(1, textWidth(piece)))
  const total = widths.reduce((sum, width) => sum + width, 0)
  let before = 0
  return pieces.map((text, i) => {
    const from = before
    before += widths[i] ?? 0
    const at = (columns: number) => start + Math.round(((end - start) * columns) / total)
    return { text, width: textWidth(text), start: at(from), end: at(before) }
  })
}

/** Times beyond this cannot be meant, and would lose their milliseconds in sums. */
const LATEST_MS = 1e15

function wholeMs(ms: number, otherwise: number): number {
  return Math.abs(ms) <= LATEST_MS ? Math.max(0, Math.round(ms)) : otherwise
}
