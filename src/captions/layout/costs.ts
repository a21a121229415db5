import type { LayoutSettings } from './options.ts'
import type { PlacedToken } from './tokens.ts'

/** Columns of `tokens[from]` to `tokens[to - 1]` in one line. */
export function lineWidth(tokens: readonly PlacedToken[], from: number, to: number): number {
  const first = tokens[from]!
  return tokens[to - 1]!.column - first.column + first.width
}

export const TOO_WIDE = -1
const ONE_LINE = 0

/**
 * Where the second line best begins: after punctuation or before a conjunction, both lines about as wide, the lower the
 * longer. {@link ONE_LINE} or {@link TOO_WIDE} where none does; `indent` columns are taken in the first.
 */
export function secondLine(
  tokens: readonly PlacedToken[],
  from: number,
  to: number,
  indent: number,
  { maxLineWidth, maxLines }: LayoutSettings,
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
    const cost = tokens[at]!.breakBefore + (0.8 * Math.abs(top - bottom)) / maxLineWidth + (top > bottom ? 0.1 : 0)
    if (cost < least) {
      least = cost
      best = at
    }
  }
  return best
}

/** The tokens from `from` to `to` as one line of text. */
export function lineText(tokens: readonly PlacedToken[], from: number, to: number): string {
  let text = tokens[from]!.text
  for (const token of tokens.slice(from + 1, to)) text += token.space > 0 ? ` ${token.text}` : token.text
  return text
}

/** For a cue that fits nowhere: a single word that is too wide. */
const MISFIT_COST = 50
/** Characters a second, and milliseconds, that a fault is measured in. */
const SPEED_STEP = 5
const FLASH_STEP_MS = 400
/** A break between words that say nothing for or against it; what costs more tears words from each other. */
const ORDINARY_BREAK = 0.8
const TORN_LINES = 5
/** Speech that no layout can make readable weighs no more than this many steps too fast. */
const MAX_SPEED_STEPS = 6

/**
 * How bad a cue of the tokens `from` to `to` is: `second` begins its second line, `next` is when the next cue's words
 * begin, `cut` how bad it is to end there.
 */
export function cueCost(
  tokens: readonly PlacedToken[],
  from: number,
  to: number,
  second: number,
  indent: number,
  next: number,
  cut: number,
  settings: LayoutSettings,
): number {
  const first = tokens[from]!
  const last = tokens[to - 1]!
  const { weights, maxLineWidth, maxLines, minGap, tail } = settings
  const width = indent + last.column - first.column + first.width
  const available = Math.min(next - minGap, last.end + tail) - first.start

  let cost = weights.cue + weights.break * cut + hasteCost(width - indent, available, settings)
  cost += weights.sentence * (last.sentences - first.sentences) + weights.pause * (last.pauses - first.pauses)
  if (second > 0) {
    const top = indent + lineWidth(tokens, from, second)
    const difference = Math.abs(top - lineWidth(tokens, second, to)) / maxLineWidth
    const lineBreak = tokens[second]!.breakBefore
    const torn = Math.max(0, lineBreak - ORDINARY_BREAK)
    cost += weights.lines * (1 + 0.5 * lineBreak + 0.5 * difference + TORN_LINES * torn)
  }
  if (second < 0) cost += MISFIT_COST
  return cost + weights.fill * square(1 - Math.min(1, width / (maxLineWidth * maxLines)))
}

/** How bad it is to show `width` columns for `available` milliseconds: too fast to read, or a mere flash. */
export function hasteCost(width: number, available: number, settings: LayoutSettings): number {
  const { weights, minDuration, targetReadingSpeed } = settings
  const steps = ((1000 * width) / Math.max(1, available) - targetReadingSpeed) / SPEED_STEP
  const speed = steps > 0 ? weights.speed * square(Math.min(steps, MAX_SPEED_STEPS)) : 0
  const missing = Math.max(0, minDuration - Math.max(0, available))
  return speed + (weights.flash * missing) / FLASH_STEP_MS
}

function square(value: number): number {
  return value * value
}
