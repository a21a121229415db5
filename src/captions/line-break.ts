import type { LayoutSettings } from './layout-options.ts'
import type { PlacedToken } from './placed-token.ts'

/** The room that lines have. */
export type LineLimits = Pick<LayoutSettings, 'maxLineWidth' | 'maxLines'>

/** Columns of `tokens[from]` to `tokens[to - 1]` in one line. */
export function lineWidth(tokens: readonly PlacedToken[], from: number, to: number): number {
  const first = tokens[from]
  const last = tokens[to - 1]
  return first === undefined || last === undefined ? 0 : last.column - first.column + first.width
}

/** Lines that do not fit. */
export const TOO_WIDE = -1
/** One line. */
export const ONE_LINE = 0

/**
 * Where the second line of the tokens from `from` to `to` begins: the token that is best to break before, counted from
 * the beginning of `tokens`; {@link ONE_LINE} where they fit in one, {@link TOO_WIDE} where they do not fit in two.
 * Best is after punctuation or before a conjunction, in two lines of about the same width, the lower the longer.
 *
 * @param indent - columns that something else takes in the first line.
 */
export function secondLine(
  tokens: readonly PlacedToken[],
  from: number,
  to: number,
  indent: number,
  { maxLineWidth, maxLines }: LineLimits,
): number {
  if (indent + lineWidth(tokens, from, to) <= maxLineWidth) return ONE_LINE
  if (maxLines < 2) return TOO_WIDE
  let best = TOO_WIDE
  let least = Infinity
  for (let at = to - 1; at > from; at--) {
    const bottom = lineWidth(tokens, at, to)
    if (bottom > maxLineWidth) break
    const top = indent + lineWidth(tokens, from, at)
    if (top > maxLineWidth) continue
    const cost =
      (tokens[at]?.breakBefore ?? 0) + (0.8 * Math.abs(top - bottom)) / maxLineWidth + (top > bottom ? 0.1 : 0)
    if (cost < least) {
      least = cost
      best = at
    }
  }
  return best
}

/** Whether the tokens from `from` to `to` fit in the lines of one cue. */
export function fitsLines(
  tokens: readonly PlacedToken[],
  from: number,
  to: number,
  indent: number,
  { maxLineWidth, maxLines }: LineLimits,
): boolean {
  if (indent + lineWidth(tokens, from, to) <= maxLineWidth) return true
  if (maxLines < 2) return false
  let at = from + 1
  while (at < to && indent + lineWidth(tokens, from, at + 1) <= maxLineWidth) at += 1
  return lineWidth(tokens, at, to) <= maxLineWidth
}

/** The tokens from `from` to `to` as one line of text. */
export function lineText(tokens: readonly PlacedToken[], from: number, to: number): string {
  let text = tokens[from]?.text ?? ''
  for (let at = from + 1; at < to; at++) {
    const token = tokens[at]
    if (token !== undefined) text += token.space > 0 ? ` ${token.text}` : token.text
  }
  return text
}
