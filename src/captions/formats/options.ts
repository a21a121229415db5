import { checkBoolean, checkString, integer, invalidOption, oneOf } from '../../options.ts'
import { checkSpeakerNames, type SpeakerNames } from '../speakers.ts'
import { cleanName } from '../text.ts'

/*
 * Options of the formats of transcripts, and what refuses wrong ones: by themselves, as what writes the formats is loaded when
 * there may be words.
 */

/** Options of the formats that scoring tools read: RTTM, CTM and STM. */
export interface ScoringOptions {
  /** Name of the recording, the same in all files that are compared. No white space. @defaultValue `'audio'` */
  file?: string
  /** Display names by speaker label, e.g. `{ A: 'Alice' }`; white space in them becomes `_`. @defaultValue `{}` */
  speakers?: SpeakerNames
}

/** What refuses wrong values of {@link ScoringOptions}. */
export const scoringChecks = { file: checkRecording, speakers: checkSpeakerNames }

function checkRecording(name: string, value: unknown): void {
  checkString(name, value, 1, 1000)
  if (typeof value === 'string' && asField(value) !== value) {
    throw invalidOption(name, 'a name without white space, control characters or ;;', value)
  }
}

/** Text as one field between white space; `''` where nothing is visible. `;;` begins a comment, and becomes `;`. */
export function asField(text: string): string {
  return cleanName(text).replaceAll(/\s+/gu, '_').replaceAll(/;{2,}/g, ';')
}

/** Options of RTTM, the format in which scoring tools read who spoke when. */
export interface RttmOptions extends ScoringOptions {
  /**
   * Runs of one speaker that are nearer than this become one, in milliseconds, also where another speaker spoke in
   * between; 0 keeps every run.
   * @defaultValue `250`
   */
  mergeBelow?: number
  /**
   * Whether runs of nobody in particular are left out (`'skip'`) or written as the speaker `unknown` (`'name'`).
   * @defaultValue `'skip'`
   */
  unattributed?: 'skip' | 'name'
}

/** What refuses wrong values of {@link RttmOptions}. */
export const rttmChecks = {
  ...scoringChecks,
  mergeBelow: integer(0, 3_600_000, 'milliseconds'),
  unattributed: oneOf('skip', 'name'),
}

/** Options of the formats that programs read as data. */
export interface TableOptions {
  /**
   * Display names by speaker label, e.g. `{ A: 'Alice' }`; a label that has none is shown as `Speaker A`.
   * @defaultValue `{}`
   */
  speakers?: SpeakerNames
}

/** What refuses wrong values of {@link TableOptions}. */
export const tableChecks = { speakers: checkSpeakerNames }

/** How a transcript is written. */
export interface TranscriptOptions {
  /**
   * Display names by speaker label, e.g. `{ A: 'Alice' }`; a label that has none is shown as `Speaker A`.
   * @defaultValue `{}`
   */
  speakers?: SpeakerNames
  /** Whether paragraphs say who speaks. @defaultValue `true` */
  names?: boolean
  /** Whether paragraphs begin with the time, `[00:01:02]`. @defaultValue `true` */
  timestamps?: boolean
  /**
   * A pause of a speaker that is as long as this or longer begins a new paragraph, in milliseconds.
   * @defaultValue `2000`
   */
  paragraphPause?: number
}

/** What refuses wrong values of {@link TranscriptOptions}. */
export const transcriptChecks = {
  speakers: checkSpeakerNames,
  names: checkBoolean,
  timestamps: checkBoolean,
  paragraphPause: integer(0, Number.MAX_SAFE_INTEGER, 'milliseconds'),
}

/** All formats. */
export const captionFormats = [
  ...(['srt', 'vtt', 'ass', 'ttml', 'sbv', 'lrc'] as const),
  ...(['jsonl', 'txt', 'docx', 'csv', 'json'] as const),
  ...(['rttm', 'ctm', 'stm'] as const),
] as const

/** A format of captions or transcripts, called by the ending of its files. */
export type CaptionFormat = (typeof captionFormats)[number]

/** Formats of cues, which are laid out. */
export const laidOutFormats: readonly CaptionFormat[] = ['srt', 'vtt', 'ass', 'ttml', 'sbv', 'lrc']

/** Those of them that have a field for who speaks, and in which captions may stand above each other. */
export const stackedFormats: readonly CaptionFormat[] = ['vtt', 'ass', 'ttml']

/** How these are laid out where nothing else is said. */
export const stackedLayout = { labels: 'none', overlap: 'stack' } as const
