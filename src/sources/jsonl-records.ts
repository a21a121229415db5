import { jsonlContextEvents, jsonlContexts, jsonlEvents } from '../captions/formats/jsonl.ts'
import { attributed } from '../captions/speakers.ts'
import { InputError } from '../errors.ts'
import { type Captionable, type Cue, isCue, isTurn, type Segment, type Turn, type Word } from '../model.ts'
import { defined } from '../options.ts'
import type { UnrecognizedSpeech } from '../stream/options.ts'
import { TurnTotals } from '../stream/turn-totals.ts'
import { calledBy, type Reader, readText, type Transcript } from './transcript-file.ts'

/** Longest line, in characters; a turn of hours is shorter. */
const LONGEST_LINE = 16_777_216
/** Most characters of records between two items, which are kept to be written again with the second. */
const MOST_BETWEEN = 67_108_864
/** More captions than there ever are above each other. */
const MOST_LANES = 1000
/** What `jsonlSink()` writes; a file may have records of other types beside these. */
const TYPES: ReadonlySet<unknown> = new Set(['turn', 'segment', 'cue', 'summary', ...jsonlEvents])

/** The display names that a file of `jsonlSink()` has for speakers; the last one of each counts. */
export async function namesIn(path: Transcript): Promise<Record<string, string>> {
  const names = new Map<string, string>()
  for await (const { record } of readRecords(path)) {
    const { speaker, name } = record
    if (typeof speaker === 'string' && typeof name === 'string' && name.trim() !== '') names.set(speaker, name)
  }
  return Object.fromEntries(names)
}

type Emit = (event: string, record: object) => void

/** The items of a file, and, by `emit`, its records of events. */
export async function* readItems(path: Transcript, emit: Emit, reader: Reader): AsyncGenerator<Captionable> {
  const totals = new TurnTotals()
  let audioMs = 0
  let before = ''
  /** Of what there are records, and whether any is one that `jsonlSink()` writes. */
  let others: string | undefined
  let isOurs = false
  /** One item is held back, since what stands behind the last one belongs to it. */
  let held: Captionable | undefined
  const events: [string, object][] = []
  const tell = (isKept: boolean): void => {
    for (const [event, record] of events.splice(0)) {
      if (isKept) jsonlContextEvents.add(record)
      emit(event, record)
    }
  }
  const tellProgress = (): void => {
    const { turns, speakers, speakerNames, languages, certainty } = totals
    const heard = { turns, speakers, languages, certainty: certainty.figures }
    emit('progress', { audioMs, ...heard, ...defined({ speakerNames }) })
  }
  for await (const { record, line, where } of readRecords(path, reader)) {
    const { type, ...all } = record
    if (TYPES.has(type)) isOurs = true
    else others ??= where
    const { name, ...fields } = all
    const item = type === 'turn' ? turnOf(fields) : type === 'segment' ? segmentOf(fields) : cueOf(type, fields)
    if (item === 'wrong')
      throw new InputError('INPUT_NOT_MEDIA', `${where} is no ${String(type)} as jsonlSink() writes it`)
    if (item === undefined) {
      before += line
      if (before.length > MOST_BETWEEN) {
        const problem = `there are more than ${MOST_BETWEEN} characters of records before ${where}, and no words in them`
        throw new InputError('INPUT_NOT_MEDIA', problem)
      }
      const event = jsonlEvents.find((one) => one === type)
      if (event !== undefined && isEvent(event, all)) events.push([event, all])
      if (event === 'unrecognized' && isEvent(event, all)) {
        totals.certainty.addUnrecognized(all as unknown as UnrecognizedSpeech)
      }
      continue
    }
    if (held !== undefined) yield held
    tell(true)
    jsonlContexts.set(item, { before, after: '', ...(typeof name === 'string' && { name }) })
    before = ''
    held = item
    audioMs = Math.max(audioMs, item.end)
    if (isTurn(item)) {
      if (item.endOfTurn) totals.add(item)
    } else if (isCue(item) || item.turn.revision === 0) {
      for (const speaker of speakersOf(item)) totals.addRun(speaker, item.words)
      totals.certainty.add(item.words)
    }
    tellProgress()
  }
  if (!isOurs && others !== undefined) {
    const problem = `${others} is no record of a transcript, nor is any other; jsonlSource() reads what jsonlSink() wrote`
    throw new InputError('INPUT_NOT_MEDIA', problem)
  }
  const context = held === undefined ? undefined : jsonlContexts.get(held)
  if (context !== undefined) context.after = before
  tell(context !== undefined)
  tellProgress()
  if (held !== undefined) yield held
}

/** Who speaks in a cue, on each of its lines, or in a segment: its speaker, else its channel. */
function speakersOf(item: Cue | Segment): (string | undefined)[] {
  if (isCue(item)) return item.lineSpeakers ?? [item.speaker]
  return [attributed(item.speaker) ?? item.channel]
}

interface Line {
  record: Record<string, unknown>
  /** The line as it stands there, with its end. */
  line: string
  /** Where it stands, for messages. */
  where: string
}

async function* readRecords(path: Transcript, reader?: Reader): AsyncGenerator<Line> {
  let number = 0
  for await (const line of readLines(path, reader)) {
    number += 1
    if (line.trim() === '') continue
    const where = `line ${number} of ${calledBy(path)}`
    let record: unknown
    try {
      record = JSON.parse(line)
    } catch (cause) {
      throw new InputError('INPUT_NOT_MEDIA', `${where} is no JSON; jsonlSource() reads what jsonlSink() wrote`, {
        cause,
      })
    }
    if (typeof record !== 'object' || record === null || Array.isArray(record)) {
      throw new InputError('INPUT_NOT_MEDIA', `${where} is no record; jsonlSource() reads what jsonlSink() wrote`)
    }
    yield { record: record as Record<string, unknown>, line: `${line}\n`, where }
  }
}

async function* readLines(path: Transcript, reader: Reader | undefined): AsyncGenerator<string> {
  let rest = ''
  for await (const text of readText(path, reader)) {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > LONGEST_LINE) {
      throw new InputError('INPUT_NOT_MEDIA', `${calledBy(path)} has a line of more than ${LONGEST_LINE} characters`)
    }
    yield* lines
  }
  if (rest !== '') yield rest
}

type Fields = Record<string, unknown>

const isTime = (value: unknown): boolean => typeof value === 'number' && Number.isSafeInteger(value)
const isText = (value: unknown): boolean => typeof value === 'string'
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)
const isLane = (value: unknown): boolean =>
  value === undefined || (isTime(value) && Number(value) >= 0 && Number(value) < MOST_LANES)
const isTextOrAbsent = (value: unknown): boolean => value === undefined || typeof value === 'string'

/** Whether a record can be taken for the event of its name: what was not written here may be anything. */
function isEvent(event: (typeof jsonlEvents)[number], { start, end, reason, repeatedWords }: Fields): boolean {
  if (event !== 'unrecognized') return true
  const isKnown = reason === 'noWords' || reason === 'repetition'
  return isTime(start) && isTime(end) && isKnown && (repeatedWords === undefined || isTime(repeatedWords))
}

/** Whether the fields that turns, segments and cues have in common are right. */
function isSpoken({ start, end, speaker, speakerName, channel, language, words }: Fields): boolean {
  const isRight = isTime(start) && isTime(end) && [speaker, speakerName, channel, language].every(isTextOrAbsent)
  return isRight && Array.isArray(words) && words.every((word: unknown) => isWord(word))
}

function isWord(word: unknown): word is Word {
  if (typeof word !== 'object' || word === null) return false
  const { text, start, end, speaker, speakerName, confidence } = word as Fields
  const isRated = confidence === undefined || (typeof confidence === 'number' && confidence >= 0 && confidence <= 1)
  return isText(text) && isTime(start) && isTime(end) && isRated && [speaker, speakerName].every(isTextOrAbsent)
}

function turnOf(fields: Fields): Turn | 'wrong' {
  const { order, revision, endOfTurn, transcript, sessionId } = fields
  const isRight = isTime(order) && isTime(revision) && typeof endOfTurn === 'boolean'
  return isRight && isText(transcript) && isText(sessionId) && isSpoken(fields) ? (fields as unknown as Turn) : 'wrong'
}

function segmentOf({ order, revision, ...fields }: Fields): Segment | 'wrong' {
  if (!isTime(order) || !isTime(revision) || !isText(fields['text']) || !isSpoken(fields)) return 'wrong'
  return { ...fields, turn: { order, revision } } as unknown as Segment
}

function cueOf(type: unknown, fields: Fields): Cue | 'wrong' | undefined {
  if (type !== 'cue') return undefined
  const { index, lines, lineSpeakers, lane } = fields
  const isPlaced = isLane(lane) && (lineSpeakers === undefined || isTexts(lineSpeakers))
  return isTime(index) && isTexts(lines) && isPlaced && isSpoken(fields) ? (fields as unknown as Cue) : 'wrong'
}
