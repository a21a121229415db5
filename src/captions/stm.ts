import type { Segment } from '../model.ts'
import {
  asSeconds,
  recordingFields,
  scoredWords,
  speakerField,
  UNKNOWN_SPEAKER,
  wholeTimes,
  type ScoringOptions,
} from './scoring-fields.ts'

/** Options of STM, the format in which scoring tools read who said what. */
export type StmOptions = ScoringOptions

/**
 * A segment as STM: one line, `<file> <channel> <speaker> <start> <end> <text>`, times in seconds. The text is as it
 * was said, with case and punctuation, since each scoring tool has its own rules for these. The speaker of an
 * unattributed segment is `unknown`.
 *
 * @returns a line with its line end; `''` where nothing of the segment is visible.
 */
export function formatStmSegment(segment: Segment, options: StmOptions = {}): string {
  // What begins with `<` would be taken for a label of the line.
  const text = scoredWords(segment.text).join(' ').replace(/^</, '‹')
  if (text === '') return ''
  const { start, end } = wholeTimes(segment)
  const speaker = speakerField(segment, options) ?? UNKNOWN_SPEAKER
  return `${recordingFields(segment, options)} ${speaker} ${asSeconds(start)} ${asSeconds(end)} ${text}\n`
}
