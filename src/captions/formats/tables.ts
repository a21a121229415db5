import type { Segment, Word } from '../../model.ts'
import { defined } from '../../options.ts'
import { endOf, joinedTexts, spaceBetween } from '../../scripts.ts'
import { segmentName } from '../speakers.ts'
import { cleanLine, toJson } from '../text.ts'
import type { TableOptions } from './options.ts'
import { wholeTimes } from './timestamps.ts'

/*
 * A transcript as data that other programs read: CSV for spreadsheets, and JSON as Whisper's programs write it.
 */

/** What a CSV file begins with: a byte-order mark, without which spreadsheets do not read UTF-8, and the names of the columns. */
export const csvHeader = '\uFEFFstart_ms,end_ms,speaker,text\r\n'

/** A cell: quoted where it must be, with a space before what a spreadsheet would take for a formula. */
function cell(text: string): string {
  const safe = /^[=+@-]/.test(text) ? ` ${text}` : text
  return /[",\s]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** A segment as a row of CSV (RFC 4180): its times in milliseconds, who speaks, and what; `''` where nothing is visible. */
export function formatCsvSegment(segment: Segment, options: TableOptions = {}): string {
  const text = cleanLine(segment.text)
  if (text === '') return ''
  const { start, end } = wholeTimes(segment)
  return `${start},${end},${cell(segmentName(segment, options.speakers) ?? '')},${cell(text)}\r\n`
}

/** How far {@link WhisperJson} has come. */
export interface WhisperState {
  segments: number
  language?: string | undefined
  /** The last characters of what was written; absent where nothing is. */
  last?: string
}

/** The text of each segment, shared by all that go on from a state, since a segment is there under its number. */
export interface WhisperTexts {
  list: string[]
  /** Characters in all. */
  length: number
}

/** Most characters that are kept for the field `text`: of several hundred hours. */
const LONGEST_TEXT = 16_777_216

/**
 * JSON with the fields that Whisper's programs write, and `speaker` beside them: `segments`, each with `id`, `start`, `end`,
 * `text`, `words`, then `text` and `language`. Times are seconds. It is JSON once {@link ending} has been written.
 *
 * `text` is put together of all segments, and so is kept; of a stream without end it is left out.
 */
export class WhisperJson {
  static readonly header = '{"segments":['
  readonly #options: TableOptions
  readonly #texts: WhisperTexts
  #state: WhisperState

  constructor(
    options: TableOptions = {},
    texts: WhisperTexts = { list: [], length: 0 },
    state: WhisperState = { segments: 0 },
  ) {
    this.#options = options
    this.#texts = texts
    this.#state = state
  }

  /** All on which depends what comes next. */
  get state(): WhisperState {
    return this.#state
  }

  add(segment: Segment): string {
    const text = cleanLine(segment.text)
    if (text === '') return ''
    const { segments: id, language = segment.language, last = '.' } = this.#state
    this.#state = { segments: id + 1, ...defined({ language }), last: endOf(text) }
    keep(this.#texts, id, text)
    const { start, end } = seconds(segment)
    const words = wordRecords(segment.words, last)
    const speaker = segmentName(segment, this.#options.speakers)
    const record = {
      id,
      start,
      end,
      text: spaceBetween(last, text) + text,
      ...defined({ speaker }),
      words,
    }
    return `${id === 0 ? '' : ','}\n${toJson(record)}`
  }

  ending(): string {
    const { segments, language = null } = this.#state
    const { list, length } = this.#texts
    const text = ` ${joinedTexts(list.slice(0, segments))}`
    return `\n],${length > LONGEST_TEXT ? '' : `"text":${toJson(segments === 0 ? '' : text)},`}"language":${toJson(language)}}\n`
  }
}

function keep(texts: WhisperTexts, id: number, text: string): void {
  texts.length += text.length - (texts.list[id]?.length ?? 0)
  if (texts.length <= LONGEST_TEXT) texts.list[id] = text
  else texts.list = []
}

/** Takes the texts of the segments that stand in `lines`, the first ones of a file. */
export async function takeTexts(texts: WhisperTexts, lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) {
    if (line === WhisperJson.header) continue
    const { id, text } = segmentIn(line)
    keep(texts, id, text.trimStart())
    if (texts.length > LONGEST_TEXT) return
  }
}

function segmentIn(line: string): { id: number; text: string } {
  try {
    return JSON.parse(line.replace(/,$/, '')) as { id: number; text: string }
  } catch (cause) {
    throw Object.assign(new Error('a segment cannot be read', { cause }), { code: 'FILE_CHANGED' })
  }
}

function seconds(times: { start: number; end: number }): { start: number; end: number } {
  const { start, end } = wholeTimes(times)
  return { start: start / 1000, end: end / 1000 }
}

/** Put together they are the text: each has the space before it, where its script puts one. */
function wordRecords(words: readonly Word[], before: string): object[] {
  let last = before
  return words.flatMap((word) => {
    const text = cleanLine(word.text)
    if (text === '') return []
    const { confidence } = word
    const isKnown = confidence !== undefined && Number.isFinite(confidence)
    const probability = isKnown ? { probability: Math.min(1, Math.max(0, confidence)) } : {}
    const record = { word: spaceBetween(last, text) + text, ...seconds(word), ...probability }
    last = text
    return [record]
  })
}
