import type { Segment } from '../model.ts'
import { cleanLine } from './clean-text.ts'
import { asSeconds, recordingFields, scoredWords, wholeTimes, type ScoringOptions } from './scoring-fields.ts'

/** Options of CTM, the format in which scoring tools read timed words. It names no speakers. */
export type CtmOptions = Pick<ScoringOptions, 'file'>

/**
 * The words of a segment as CTM: one line for each, `<file> <channel> <start> <duration> <word> <confidence>`, times
 * in seconds. A word with white space in it becomes several, which share its time by length; so does the text of a
 * segment without words, and these have no confidence, and neither have words whose engine does not know it. Starts never fall inside a segment.
 *
 * Scoring tools want a file sorted by channel, then by start: where there are several channels, sort it, e.g. with
 * `sort -k1,2 -k3,3n`.
 *
 * @returns lines, each with its line end; `''` where nothing of the segment is visible.
 */
export function formatCtmSegment(segment: Segment, options: CtmOptions = {}): string {
  const recording = recordingFields(segment, options)
  let lines = ''
  let earliest = 0
  for (const item of segment.words.length > 0 ? segment.words : [segment]) {
    const { start, end } = wholeTimes(item, earliest)
    earliest = start
    const confidence = 'confidence' in item && item.confidence !== undefined ? confidenceField(item.confidence) : ''
    const words = scoredWords(item.text)
    const total = words.reduce((sum, word) => sum + word.length, 0)
    let before = 0
    for (const word of words) {
      const from = start + Math.round(((end - start) * before) / total)
      before += word.length
      const to = start + Math.round(((end - start) * before) / total)
      lines += `${recording} ${asSeconds(from)} ${asSeconds(to - from)} ${wordField(word)}${confidence}\n`
      earliest = from
    }
  }
  return lines
}

/** `<ALT_BEGIN>` and its like are no words but marks of a choice of words. */
function wordField(word: string): string {
  const line = cleanLine(word)
  return /^<ALT/i.test(line) ? `‹${line.slice(1)}` : line
}

function confidenceField(confidence: number): string {
  return Number.isFinite(confidence) ? ` ${Math.min(1, Math.max(0, confidence)).toFixed(3)}` : ''
}
