import type { Captionable, Cue, Segment, Turn, Word } from '../../model.ts'
import { isCue, isTurn } from '../../model.ts'
import { knownName, type SpeakerNames } from '../speakers.ts'
import { toJson } from '../text.ts'

function toLine(record: object): string {
  return `${toJson(record)}\n`
}

function wordRecord(word: Word): object {
  const { text, start, end, confidence, speaker, speakerName, speakerConfidence, final } = word
  return { text, start, end, confidence, speaker, speakerName, speakerConfidence, final }
}

/** What stood in a JSONL file with an item that was read from it, so that it can be written as it was. */
export interface JsonlContext {
  /** Lines of other records before it, and, of the last item, behind it. */
  before: string
  after: string
  /** Display name of its speaker. */
  name?: string | undefined
}

/** The context of each item that was read from a file. */
export const jsonlContexts = new WeakMap<Captionable, JsonlContext>()

/** Records of events that stand in the context of an item, and so are not to be written once more. */
export const jsonlContextEvents = new WeakSet<object>()

function nameOf(item: Captionable, names: SpeakerNames): string | undefined {
  const { speaker, words } = item
  if (speaker !== undefined && Object.hasOwn(names, speaker)) return names[speaker]
  return jsonlContexts.get(item)?.name ?? knownName(speaker, words)
}

function turnRecord(turn: Turn, names: SpeakerNames): object {
  const { order, revision, sessionId, endOfTurn, formatted, speaker, channel, language, start, end, transcript } = turn
  const name = nameOf(turn, names)
  const words = turn.words.map(wordRecord)
  const { unconfirmed, speakerName, speakerConfidence } = turn
  const what = { type: 'turn', order, revision, sessionId, endOfTurn, unconfirmed, formatted }
  const who = { speaker, name, speakerName, speakerConfidence }
  return { ...what, ...who, channel, language, start, end, transcript, words }
}

function segmentRecord(segment: Segment, names: SpeakerNames): object {
  const { speaker, speakerName, channel, language, start, end, text } = segment
  const { order, revision } = segment.turn
  const words = segment.words.map(wordRecord)
  const name = nameOf(segment, names)
  const who = { speaker, name, speakerName }
  return { type: 'segment', order, revision, ...who, channel, language, start, end, text, words }
}

function cueRecord(cue: Cue, names: SpeakerNames): object {
  const { index, speaker, start, end, lane, lines, lineSpeakers } = cue
  const words = cue.words.map(wordRecord)
  const name = nameOf(cue, names)
  return { type: 'cue', index, speaker, name, start, end, lane, lines, lineSpeakers, words }
}

/** One line of JSON, its `type` `turn`, `segment` or `cue`; a higher `revision` of one `order` replaces the earlier. */
export function formatJsonlItem(item: Captionable, names: SpeakerNames = {}): string {
  if (isTurn(item)) return toLine(turnRecord(item, names))
  return toLine(isCue(item) ? cueRecord(item, names) : segmentRecord(item, names))
}

/** Records of what stages report by events. */
export const jsonlEvents = ['session', 'gap', 'unrecognized'] as const

/** One line of JSON for what a stage reported as an event, or for what there is to say at the end. */
export function formatJsonlEvent(type: (typeof jsonlEvents)[number] | 'summary', record: unknown): string {
  const fields = typeof record === 'object' && record !== null ? record : { value: record }
  return toLine(Object.assign({ type }, fields, { type }))
}
