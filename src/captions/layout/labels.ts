import type { Cue } from '../../model.ts'
import { startsRightToLeft } from '../../scripts.ts'
import { displayName } from '../speakers.ts'
import { textWidth } from '../width.ts'
import { hasteCost, lineText } from './costs.ts'
import type { Draft } from './chooser.ts'
import type { LayoutSettings } from './options.ts'

/** What must be known of the cue before another. */
export type PreviousCue = Pick<Cue, 'end' | 'speaker'>

/**
 * What is shown before the first line of a cue to say who speaks, with the space that follows it: `Alice: `, `ALICE: `
 * or `>> `. It is `''` where the speaker is that of the cue before, less than `labelAfter` ago, or nobody knows.
 *
 * Where the text of the cue is written from right to left, the label is isolated, so that it does not turn the line; a mark before
 * it says the direction to browsers, which go by the first letter, isolated or not.
 *
 * @param previous - the visible cue before; absent at the beginning.
 */
export function cueLabel(
  cue: Pick<Cue, 'speaker' | 'start'> & Partial<Pick<Cue, 'lines' | 'words'>>,
  previous: PreviousCue | undefined,
  settings: Pick<LayoutSettings, 'labels' | 'labelAfter' | 'speakers'>,
): string {
  if (settings.labels === 'none' || cue.speaker === undefined) return ''
  const isSame = previous !== undefined && previous.speaker === cue.speaker
  if (isSame && cue.start - previous.end < settings.labelAfter) return ''
  const label = labelText(cue.speaker, cue.words, settings)
  if (label === '' || !startsRightToLeft(cue.lines?.[0] ?? '')) return label
  return `\u200F\u2068${label.trimEnd()}\u2069 `
}

function labelText(
  speaker: string,
  words: Cue['words'] | undefined,
  { labels, speakers }: Pick<LayoutSettings, 'labels' | 'speakers'>,
): string {
  const name = displayName(speaker, speakers, words)
  if (name === undefined) return ''
  if (labels === 'chevrons') return '>> '
  return `${labels === 'capitals' ? name.toUpperCase() : name}: `
}

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

/** Two short turns as one cue with a dash before each line; `undefined` where they may not be joined, or better not. */
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

/** Two overlapping cues of one line as one cue with dashes; `undefined` where they may not be joined. */
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
