import type { Segment } from '../model.ts'
import { checkString, invalidOption } from '../options.ts'
import { attributed } from './attributed.ts'
import { cleanLine, cleanName, cleanText } from './clean-text.ts'
import { checkSpeakerNames, displayName, type SpeakerNames } from './names.ts'

/** Options of the formats that scoring tools read: RTTM, CTM and STM. */
export interface ScoringOptions {
  /**
   * Name of the recording, the same in all files that are compared. No white space.
   * @defaultValue `'audio'`
   */
  file?: string
  /**
   * Display names by speaker label, e.g. `{ A: 'Alice' }`; white space in them becomes `_`.
   * @defaultValue `{}`
   */
  speakers?: SpeakerNames
}

/** The names of {@link ScoringOptions}, for stages that pass them on. */
export const SCORING_OPTIONS = ['file', 'speakers'] as const

/** Name of a speaker nobody could name. Speaker labels cannot be this word. */
export const UNKNOWN_SPEAKER = 'unknown'

/** Refuses wrong values of {@link ScoringOptions}; `where` is put before the names, e.g. `rttm.`. */
export function checkScoringOptions(options: ScoringOptions, where = ''): void {
  const { file } = options
  checkString(`${where}file`, file, 1, 1000)
  if (file !== undefined && asField(file) !== file) {
    throw invalidOption(`${where}file`, 'a name without white space, control characters or ;;', file)
  }
  checkSpeakerNames(`${where}speakers`, options.speakers)
}

/**
 * Text as one field of a line whose fields are parted by white space of any kind; `''` where nothing is visible. Two
 * semicolons, which begin a comment, become one.
 */
export function asField(text: string): string {
  return cleanName(text).replaceAll(/\s+/gu, '_').replaceAll(/;{2,}/g, ';')
}

/** The recording and the channel, as the first fields of a line; a channel without a name is `1`. */
export function recordingFields(segment: Segment, options: ScoringOptions): string {
  const channel = segment.channel === undefined ? '' : asField(segment.channel)
  return `${options.file ?? 'audio'} ${channel === '' ? '1' : channel}`
}

/** The speaker, else the channel, as a field; `undefined` where unattributed. */
export function speakerField(segment: Segment, options: ScoringOptions): string | undefined {
  const name = displayName(attributed(segment.speaker) ?? segment.channel, options.speakers)
  return name === undefined ? undefined : asField(name)
}

/** Milliseconds as seconds with three decimals, by integer arithmetic. */
export function asSeconds(ms: number): string {
  return `${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}`
}

/** Times beyond this cannot be meant, and would lose their milliseconds in sums. */
const LATEST_MS = 1e15

/** Times as whole milliseconds, none before `earliest`, the end not before the start. */
export function wholeTimes(times: { start: number; end: number }, earliest = 0): { start: number; end: number } {
  const whole = (ms: number, least: number) => (Math.abs(ms) <= LATEST_MS ? Math.max(least, Math.round(ms)) : least)
  const start = whole(times.start, earliest)
  return { start, end: whole(times.end, start) }
}

/**
 * The words of a text as scoring tools count them: parted by white space of any kind. Braces become brackets, because
 * these tools read `{ a / b }` as a choice of words, and an open brace would swallow what follows; two semicolons,
 * which begin a comment, become one.
 */
export function scoredWords(text: string): string[] {
  return cleanLine(text)
    .split(/\s+/u)
    .filter((word) => cleanText(word) !== '')
    .map((word) => word.replaceAll('{', '[').replaceAll('}', ']').replaceAll(/;{2,}/g, ';'))
}
