import { eastAsianWidth } from 'get-east-asian-width'

const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' })

/** Emoji, and whatever is made one by the character for it. */
const EMOJI = /\p{Emoji_Presentation}|\uFE0F/u

/** Graphemes of no column at all: lone marks and format characters. */
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]+$/u

/** Letters and signs of Latin, Greek and Cyrillic that are one grapheme each, of one column. */
const NARROW = /^[ -~\u00A0-\u00AC\u00AE-\u02FF\u0370-\u0482\u048A-\u052F\u2010-\u2027\u20AC]*$/

function graphemeWidth(grapheme: string): number {
  const character = grapheme.codePointAt(0) ?? 0
  if (eastAsianWidth(character) === 2 || EMOJI.test(grapheme)) return 2
  return INVISIBLE.test(grapheme) ? 0 : 1
}

/** Columns that `text` takes: one for each grapheme (what a reader sees as one character), two for a wide one. */
export function textWidth(text: string): number {
  if (NARROW.test(text)) return text.length
  let width = 0
  for (const { segment } of segmenter.segment(text)) width += graphemeWidth(segment)
  return width
}

/** Cuts `text` between graphemes into pieces of at most `maxWidth` columns (at least one grapheme each). */
export function splitByWidth(text: string, maxWidth: number): string[] {
  const pieces: string[] = []
  let piece = ''
  let width = 0
  for (const { segment } of segmenter.segment(text)) {
    const columns = graphemeWidth(segment)
    if (piece !== '' && width + columns > maxWidth) {
      pieces.push(piece)
      piece = ''
      width = 0
    }
    piece += segment
    width += columns
  }
  if (piece !== '') pieces.push(piece)
  return pieces
}
