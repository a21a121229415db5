import type { Cue } from '../model.ts'
import { hasteCost } from './cue-cost.ts'
import type { Draft } from './draft.ts'
import type { LayoutSettings } from './layout-options.ts'
import { lineText } from './line-break.ts'
import { textWidth } from './width.ts'

/** Silence between two speakers from which on they do not share a cue. */
export const DASH_GAP_MS = 700
/** Two speakers in a cue are a little harder to read than one. */
const DASH_COST = 0.5

/** Whether a draft may be the first of the two speakers of a cue. */
export function canTakeDash(draft: Draft, settings: LayoutSettings): boolean {
  return (
    settings.maxLines >= 2 &&
    draft.isWhole &&
    draft.speaker !== undefined &&
    draft.lineSpeakers === undefined &&
    draft.lines.length > 0 &&
    draft.width < settings.maxLineWidth
  )
}

/**
 * The two short turns of two speakers as one cue with a dash before each line; `undefined` where they may not be put
 * together, or are better apart.
 */
export function dashPair(first: Draft, second: Draft, settings: LayoutSettings): Draft | undefined {
  if (!canTakeDash(first, settings) || !canTakeDash(second, settings)) return undefined
  if (first.speaker === second.speaker || second.start - first.end >= DASH_GAP_MS) return undefined
  const end = Math.max(first.end, second.end)
  if (first.start > second.start || end - first.start > settings.maxDuration) return undefined
  const widths = [first.width + 1, second.width + 1] as const
  const width = widths[0] + widths[1]
  const { weights, maxLineWidth, tail } = settings
  const cost =
    weights.cue +
    DASH_COST +
    hasteCost(width, end + tail - first.start, settings) +
    weights.lines * (1 + (0.5 * Math.abs(widths[0] - widths[1])) / maxLineWidth) +
    weights.fill * (1 - width / (2 * maxLineWidth)) ** 2
  if (cost >= first.cost + second.cost) return undefined
  const pair = [first, second]
  return {
    speaker: undefined,
    lines: pair.map(({ tokens }) => `-${lineText(tokens, 0, tokens.length)}`),
    lineSpeakers: pair.flatMap(({ speaker }) => speaker ?? []),
    tokens: pair.flatMap(({ tokens }) => tokens),
    cost,
    width,
    start: first.start,
    end,
    words: first.words + second.words,
    isWhole: false,
  }
}

/**
 * Two cues of one line each, whose speakers talk at the same time on two channels, as one cue with a dash before each
 * line; `undefined` where they do not, or may not be put together.
 */
export function dashCues(
  first: Omit<Cue, 'index'>,
  second: Omit<Cue, 'index'>,
  settings: LayoutSettings,
): Omit<Cue, 'index'> | undefined {
  const pair = [first, second]
  const lines = pair.map((cue) => `-${cue.lines.join(' ')}`)
  const end = Math.max(first.end, second.end)
  const speakers = pair.flatMap(({ speaker, lineSpeakers }) => (lineSpeakers ? [] : (speaker ?? [])))
  const mayPair =
    settings.maxLines >= 2 &&
    second.start < first.end &&
    end - first.start <= settings.maxDuration &&
    new Set(speakers).size === 2 &&
    pair.every((cue) => cue.lines.length === 1) &&
    lines.every((line) => textWidth(line) <= settings.maxLineWidth)
  if (!mayPair) return undefined
  return { start: first.start, end, lines, lineSpeakers: speakers, words: pair.flatMap(({ words }) => words) }
}
