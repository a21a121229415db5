import type { Captionable, Cue, Segment, Turn, Word } from '../../model.ts'
import { isCue, isTurn } from '../../model.ts'
import type { SpeakerNames } from '../speakers.ts'

function toLine(record: object): string {
  // Legal in JSON, but some readers of lines take them for line ends.
  const json = JSON.stringify(record).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
  return `${json}\n`
}

function wordRecord(word: Word): object {
  const { text, start, end, confidence, speaker, final } = word
  return { text, start, end, confidence, speaker, final }
}

function nameOf(speaker: string | undefined, names: SpeakerNames): string | undefined {
  return speaker !== undefined && Object.hasOwn(names, speaker) ? names[speaker] : undefined
}

function turnRecord(turn: Turn, names: SpeakerNames): object {
  const { order, revision, sessionId, endOfTurn, formatted, speaker, channel, language, start, end, transcript } = turn
  const name = nameOf(speaker, names)
  const words = turn.words.map(wordRecord)
  const { unconfirmed } = turn
  const what = { type: 'turn', order, revision, sessionId, endOfTurn, unconfirmed, formatted }
  return { ...what, speaker, name, channel, language, start, end, transcript, words }
}

function segmentRecord(segment: Segment, names: SpeakerNames): object {
  const { speaker, channel, start, end, text } = segment
  const { order, revision } = segment.turn
  const words = segment.words.map(wordRecord)
  return { type: 'segment', order, revision, speaker, name: nameOf(speaker, names), channel, start, end, text, words }
}

function cueRecord(cue: Cue, names: SpeakerNames): object {
  const { index, speaker, start, end, lines } = cue
  const words = cue.words.map(wordRecord)
  return { type: 'cue', index, speaker, name: nameOf(speaker, names), start, end, lines, words }
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
