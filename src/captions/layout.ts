import type { Cue, Segment } from '../model.ts'
import { checkBoolean, checkInteger, checkKnown } from '../options.ts'
import { checkSpeakerNames, displayName, type SpeakerNames } from './names.ts'
import { breakCost, endsSentence } from './break-cost.ts'
import { cueTimes, GAP_MS } from './cue-times.ts'
import { breakLines } from './line-break.ts'
import { segmentTokens, splitToken, type Token } from './tokens.ts'
import { textWidth } from './width.ts'

/** How words are laid out in cues. */
export interface CueLayoutOptions {
  /**
   * Columns of a line; a wide East Asian character takes two.
   * @defaultValue `42`
   */
  maxLineWidth?: number
  /**
   * Lines of a cue, 1 or 2.
   * @defaultValue `2`
   */
  maxLines?: number
  /**
   * Milliseconds for which a cue is held at least, where the next one leaves room.
   * @defaultValue `833`
   */
  minDuration?: number
  /**
   * Milliseconds for which a cue is shown at most.
   * @defaultValue `7000`
   */
  maxDuration?: number
  /**
   * Milliseconds of silence that always begin a new cue.
   * @defaultValue `1500`
   */
  pause?: number
  /**
   * Whether room is kept for `Name: ` in the first line of a cue whose speaker is not that of the cue before.
   * @defaultValue `true`
   */
  names?: boolean
  /**
   * Display names by speaker label; a label that has none is shown as `Speaker A`.
   * @defaultValue `{}`
   */
  speakers?: SpeakerNames
}

const DEFAULTS = {
  maxLineWidth: 42,
  maxLines: 2,
  minDuration: 833,
  maxDuration: 7000,
  pause: 1500,
  names: true,
  speakers: {},
} satisfies Required<CueLayoutOptions>

/** The names of {@link CueLayoutOptions}, for stages that pass them on. */
export const LAYOUT_OPTIONS = Object.keys(DEFAULTS)

/** Refuses wrong values and names of {@link CueLayoutOptions}; `where` is put before the names, e.g. `layout.`. */
export function checkLayoutOptions(options: CueLayoutOptions, where = ''): void {
  checkKnown(where === '' ? 'layout()' : where.slice(0, -1), options, LAYOUT_OPTIONS)
  checkInteger(`${where}maxLineWidth`, options.maxLineWidth, 8, 1000, 'columns')
  checkInteger(`${where}maxLines`, options.maxLines, 1, 2)
  checkInteger(`${where}minDuration`, options.minDuration, 1, 60_000, 'milliseconds')
  checkInteger(`${where}maxDuration`, options.maxDuration, 500, 600_000, 'milliseconds')
  checkInteger(`${where}pause`, options.pause, 1, 600_000, 'milliseconds')
  checkBoolean(`${where}names`, options.names)
  checkSpeakerNames(`${where}speakers`, options.speakers)
}

/** A cue that has not been given its number. */
export type UnnumberedCue = Omit<Cue, 'index'>

/** What layout must know of the cue before a turn. */
export type PreviousCue = Pick<Cue, 'end' | 'speaker'>

interface Draft {
  speaker: string | undefined
  tokens: Token[]
  lines: string[]
}

/** `options` with the defaults filled in; an option given as `undefined` counts as absent. */
export function layoutSettings(options: CueLayoutOptions = {}): Required<CueLayoutOptions> {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  return { ...DEFAULTS, ...given }
}

/**
 * Lays out the segments of one turn as readable cues. A new cue always begins where the speaker or channel changes
 * and after a long pause; otherwise cues are cut where a sentence or a clause ends, near the limit of the lines.
 * Every word comes out once, in order, and no cue holds words of two speakers. Where a segment has a channel but no
 * speaker, its channel is the speaker of its cues.
 *
 * @param previous - the last cue of the turn before; the first cue does not start before its end.
 */
export function layoutTurn(
  segments: readonly Segment[],
  options: CueLayoutOptions = {},
  previous?: PreviousCue,
): UnnumberedCue[] {
  const settings = layoutSettings(options)
  const drafts: Draft[] = []
  let shown = previous?.speaker
  let floor = 0
  for (const segment of segments) {
    const speaker = segment.speaker ?? segment.channel
    const tokens = segmentTokens(segment, settings.maxLineWidth, floor)
    floor = tokens.at(-1)?.start ?? floor
    for (const run of cutAtPauses(tokens, settings.pause)) {
      while (run.length > 0) {
        const name = settings.names && speaker !== shown ? displayName(speaker, settings.speakers) : undefined
        const draft = takeCue(run, name === undefined ? 0 : textWidth(`${name}: `), settings)
        drafts.push({ speaker, ...draft })
        shown = speaker
      }
    }
  }
  const spans = drafts.map(({ tokens }) => ({
    start: tokens[0]?.start ?? 0,
    end: Math.max(...tokens.map((token) => token.end)),
  }))
  const times = cueTimes(spans, settings, previous?.end ?? 0)
  return drafts.map(({ speaker, tokens, lines }, i) => ({
    start: times[i]?.start ?? 0,
    end: times[i]?.end ?? 0,
    ...(speaker !== undefined && { speaker }),
    lines,
    words: tokens.flatMap((token) => token.word ?? []),
  }))
}

function cutAtPauses(tokens: readonly Token[], pause: number): Token[][] {
  const runs: Token[][] = []
  let end = -Infinity
  for (const token of tokens) {
    if (runs.length === 0 || token.start - end >= pause) runs.push([])
    runs.at(-1)?.push(token)
    end = Math.max(end, token.end)
  }
  return runs
}

/** Columns below which what is left of a run is too little for a cue of its own. */
const SHORT_REST = 12

/** Whether the tokens of `run` from `from` on, each with a space, take fewer columns than {@link SHORT_REST}. */
function isShort(run: readonly Token[], from: number): boolean {
  let width = 0
  for (let at = from; at < run.length && width < SHORT_REST; at++) width += (run[at]?.width ?? 0) + 1
  return width < SHORT_REST
}

/** Takes the tokens of the next cue off the front of `run`. */
function takeCue(
  run: Token[],
  nameWidth: number,
  settings: Required<CueLayoutOptions>,
): Pick<Draft, 'tokens' | 'lines'> {
  const { maxLineWidth, maxLines } = settings
  const first = run[0]
  if (first !== undefined && nameWidth + first.width > maxLineWidth) {
    // A long name leaves at least half of the line to the words, which then overrun it.
    run.splice(0, 1, ...splitToken(first, Math.max(maxLineWidth - nameWidth, Math.floor(maxLineWidth / 2))))
  }
  const indent = Math.min(nameWidth, maxLineWidth - (run[0]?.width ?? 0))
  let best = { cost: Infinity, count: 1, lines: [run[0]?.text ?? ''] }
  let width = -1
  let sentences = 0
  let end = 0
  for (const [i, token] of run.entries()) {
    width += token.width + 1
    end = Math.max(end, token.end)
    const tooLong = end - (first?.start ?? 0) > settings.maxDuration
    const lines = breakLines(run.slice(0, i + 1), { maxLineWidth, maxLines, indent })
    if (i > 0 && (lines === undefined || tooLong)) break
    const next = run[i + 1]
    const fullness = Math.min(1, (indent + width) / (maxLineWidth * maxLines))
    const available = (next === undefined ? end + 500 : Math.min(next.start - GAP_MS, end + 500)) - (first?.start ?? 0)
    const cost =
      (next === undefined ? 0 : breakCost(token.text, next.text)) +
      0.8 * (1 - fullness) ** 2 +
      0.5 * sentences +
      (next !== undefined && isShort(run, i + 1) ? 0.6 : 0) +
      (2 * Math.max(0, settings.minDuration - available)) / 400
    if (cost <= best.cost) best = { cost, count: i + 1, lines: lines ?? [token.text] }
    if (endsSentence(token.text)) sentences += 1
  }
  return { tokens: run.splice(0, best.count), lines: best.lines }
}
