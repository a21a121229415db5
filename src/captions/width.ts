const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' })

/** Characters of two columns: East Asian wide and full-width forms. */
const WIDE =
  /[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\u9FFF\uA000-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F200}-\u{1F2FF}\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation}|\uFE0F/u

/** Graphemes of no column at all: lone marks and format characters. */
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]+$/u

// oxlint-disable-next-line no-control-regex
const ASCII = /^[ -~]*$/

function graphemeWidth(grapheme: string): number {
  if (WIDE.test(grapheme)) return 2
  return INVISIBLE.test(grapheme) ? 0 : 1
}

/** Columns that `text` takes: one for each grapheme (what a reader sees as one character), two for a wide one. */
export function textWidth(text: string): number {
  if (ASCII.test(text)) return text.length
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
