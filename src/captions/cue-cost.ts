import type { LayoutSettings } from './layout-options.ts'
import { lineWidth } from './line-break.ts'
import type { PlacedToken } from './placed-token.ts'

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
 * How bad a cue of the tokens from `from` to `to` is.
 *
 * @param second - the token that begins its second line; 0 for one line, negative where it does not fit.
 * @param indent - columns of its label.
 * @param next - first millisecond of the next cue's words; `Infinity` where nothing is known to follow.
 * @param cut - how bad it is to end there.
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
  const first = tokens[from]
  const last = tokens[to - 1]
  if (first === undefined || last === undefined) return Infinity
  const { weights, maxLineWidth, maxLines, minGap, tail } = settings
  const width = indent + last.column - first.column + first.width
  const available = Math.min(next - minGap, last.end + tail) - first.start

  let cost = weights.cue + weights.break * cut + hasteCost(width - indent, available, settings)
  cost += weights.sentence * (last.sentences - first.sentences) + weights.pause * (last.pauses - first.pauses)
  if (second > 0) {
    const top = indent + lineWidth(tokens, from, second)
    const difference = Math.abs(top - lineWidth(tokens, second, to)) / maxLineWidth
    const lineBreak = tokens[second]?.breakBefore ?? 0
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
