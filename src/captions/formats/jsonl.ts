import type { Captionable, Cue, Segment, Turn, Word } from '../../model.ts'
import { isCue, isTurn } from '../../model.ts'
import { knownName, type SpeakerNames } from '../speakers.ts'

function toLine(record: object): string {
  // Legal in JSON, but some readers of lines take them for line ends.
  const json = JSON.stringify(record).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
  return `${json}\n`
}

function wordRecord(word: Word): object {
  const { text, start, end, confidence, speaker, speakerName, speakerConfidence, final } = word
  return { text, start, end, confidence, speaker, speakerName, speakerConfidence, final }
}

function nameOf(speaker: string | undefined, names: SpeakerNames, words: readonly Word[]): string | undefined {
  return speaker !== undefined && Object.hasOwn(names, speaker) ? names[speaker] : knownName(speaker, words)
}

function turnRecord(turn: Turn, names: SpeakerNames): object {
  const { order, revision, sessionId, endOfTurn, formatted, speaker, channel, language, start, end, transcript } = turn
  const name = nameOf(speaker, names, turn.words)
  const words = turn.words.map(wordRecord)
  const { unconfirmed, speakerName, speakerConfidence } = turn
  const what = { type: 'turn', order, revision, sessionId, endOfTurn, unconfirmed, formatted }
  const who = { speaker, name, speakerName, speakerConfidence }
  return { ...what, ...who, channel, language, start, end, transcript, words }
}

function segmentRecord(segment: Segment, names: SpeakerNames): object {
  const { speaker, channel, start, end, text } = segment
  const { order, revision } = segment.turn
  const words = segment.words.map(wordRecord)
  const name = nameOf(speaker, names, segment.words)
  return { type: 'segment', order, revision, speaker, name, channel, start, end, text, words }
}

function cueRecord(cue: Cue, names: SpeakerNames): object {
  const { index, speaker, start, end, lines } = cue
  const words = cue.words.map(wordRecord)
  const name = nameOf(speaker, names, cue.words)
  return { type: 'cue', index, speaker, name, start, end, lines, words }
}

/** One line of JSON, its `type` `turn`, `segment` or `cue`; a higher `revision` of one `order` replaces the earlier. */
export function formatJsonlItem(item: Captionable, names: SpeakerNames = {}): string {
  if (isTurn(item)) return toLine(turnRecord(item, names))
  return toLine(isCue(item) ? cueRecord(item, names) : segmentRecord(item, names))
}

/** One line of JSON for what a stage reported as the event `session` or `gap`. */
export function formatJsonlEvent(type: 'session' | 'gap', record: unknown): string {
  const fields = typeof record === 'object' && record !== null ? record : { value: record }
  return toLine(Object.assign({ type }, fields, { type }))
}
