import { eastAsianWidth } from 'get-east-asian-width'

/** Made for the first text that needs it: that takes 10 ms, and most never do. */
let segmenter: Intl.Segmenter | undefined

/** Emoji, and whatever is made one by the character for it. */
const EMOJI = /\p{Emoji_Presentation}|\uFE0F/u

/** Graphemes of no column at all: lone marks and format characters. */
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]+$/u

/** Letters and signs of Latin, Greek and Cyrillic that are one grapheme each, of one column. */
const NARROW = /^[ -~\u00A0-\u00AC\u00AE-\u02FF\u0370-\u0482\u048A-\u052F\u2010-\u2027\u20AC]*$/

/** At most `length` characters of `text` from `from` on, no surrogate pair cut in two. */
export function pieceOf(text: string, from: number, length: number): string {
  const end = from + length
  const isPairCut = end < text.length && /[\uD800-\uDBFF]/.test(text.charAt(end - 1))
  return text.slice(from, isPairCut ? end - 1 : end)
}

/** Longer texts are taken piece by piece: the time of the segmenter grows with the square of the length. */
const PIECE = 256

/** What a reader sees as single characters; a longer row of marks than fits in a piece may come in parts. */
function* graphemes(text: string): Generator<string> {
  segmenter ??= new Intl.Segmenter('und', { granularity: 'grapheme' })
  let from = 0
  while (from < text.length) {
    const piece = pieceOf(text, from, PIECE)
    const isLast = from + piece.length >= text.length
    let held = ''
    for (const { segment } of segmenter.segment(piece)) {
      if (held !== '') yield held
      held = segment
    }
    // The last one may go on in the next piece.
    const isWhole = isLast || held.length === piece.length
    if (isWhole) yield held
    from += isWhole ? piece.length : piece.length - held.length
  }
}

function graphemeWidth(grapheme: string): number {
  const character = grapheme.codePointAt(0) ?? 0
  if (eastAsianWidth(character) === 2 || EMOJI.test(grapheme)) return 2
  return INVISIBLE.test(grapheme) ? 0 : 1
}

/** Columns that `text` takes: one for each grapheme (what a reader sees as one character), two for a wide one. */
export function textWidth(text: string): number {
  if (NARROW.test(text)) return text.length
  let width = 0
  for (const grapheme of graphemes(text)) width += graphemeWidth(grapheme)
  return width
}

/** Cuts `text` between graphemes into pieces of at most `maxWidth` columns (at least one grapheme each). */
export function splitByWidth(text: string, maxWidth: number): string[] {
  const pieces: string[] = []
  let piece = ''
  let width = 0
  for (const grapheme of graphemes(text)) {
    const columns = graphemeWidth(grapheme)
    if (piece !== '' && width + columns > maxWidth) {
      pieces.push(piece)
      piece = ''
      width = 0
    }
    piece += grapheme
    width += columns
  }
  if (piece !== '') pieces.push(piece)
  return pieces
}
