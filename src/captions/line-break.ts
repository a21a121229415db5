import { breakCost } from './break-cost.ts'
import type { Token } from './tokens.ts'

/** What lines must keep to. */
export interface LineLimits {
  maxLineWidth: number
  /** 1 or 2. */
  maxLines: number
  /** Columns that something else takes in the first line. */
  indent: number
}

/**
 * The tokens as one line where they fit, else as two of about the same width, broken after punctuation or before a
 * conjunction where possible; `undefined` where they do not fit.
 */
export function breakLines(tokens: readonly Token[], limits: LineLimits): string[] | undefined {
  const { maxLineWidth, maxLines, indent } = limits
  const total = indent + tokens.reduce((sum, token) => sum + token.width + 1, -1)
  if (total <= maxLineWidth) return [join(tokens)]
  if (maxLines < 2) return undefined
  let best: { cost: number; at: number } | undefined
  let top = indent - 1
  for (let at = 1; at < tokens.length; at++) {
    const before = tokens[at - 1]
    const after = tokens[at]
    if (before === undefined || after === undefined) break
    top += before.width + 1
    if (top > maxLineWidth) break
    const bottom = total - top - 1
    if (bottom > maxLineWidth) continue
    const cost =
      breakCost(before.text, after.text) + (0.6 * Math.abs(top - bottom)) / maxLineWidth + (top > bottom ? 0.1 : 0)
    if (best === undefined || cost < best.cost) best = { cost, at }
  }
  return best === undefined ? undefined : [join(tokens.slice(0, best.at)), join(tokens.slice(best.at))]
}

function join(tokens: readonly Token[]): string {
  return tokens.map((token) => token.text).join(' ')
}
