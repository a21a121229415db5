import type { Turn, Word } from '../../model.ts'
import { defined } from '../../options.ts'
import { speakerLabel } from '../../protocol/messages.ts'
import { joinedTexts } from '../../scripts.ts'
import { LabelMap } from '../../stream/label-map.ts'
import { SpeakerLetters } from '../../stream/speakers.ts'

/** A transcript as far as it is read here. What a server sends may be anything. */
export interface TranscriptAnswer {
  id: string
  status: string
  text?: unknown
  words?: unknown
  utterances?: unknown
  language_code?: unknown
  /** Length of the audio that was heard, in seconds. */
  audio_duration?: unknown
  speech_model_used?: unknown
  metadata?: unknown
  error?: unknown
}

/** A silence in ms that ends a turn. */
const PAUSE_MS = 1000
/** From here on a turn ends with its sentence, so that one who talks for an hour is not one turn. */
const LONG_MS = 30_000
/** So much of a text may lack in the words, as a share of its letters, before anybody is told. */
const LACKING = 0.1
const SENTENCE_END = /[.!?…。！？؟।]["'”’»)\]]*$/u

/** The turns of a transcript, and the letters that the labels of its speakers have become. */
export interface TranscriptTurns {
  turns: Turn[]
  speakers: Record<string, string>
  /** How much of what the transcript says is in no turn, as a share of its letters; absent where that is little. */
  lacking?: number
}

/**
 * The turns of a transcript that is complete: runs of words of one speaker, in order of their beginning. Every word of it is
 * in one of them, however sure the service was of it.
 *
 * @param withSpeakers - whether speakers were asked for.
 */
export function turnsOf(transcript: TranscriptAnswer, withSpeakers: boolean): TranscriptTurns {
  const labels = new LabelMap(new SpeakerLetters())
  const words = (value: unknown, speaker?: unknown): SpokenWord[] => {
    const list = wordsOf(value, speaker)
    return withSpeakers ? list : list.map((item) => ({ ...item, label: undefined }))
  }
  const spoken = objects(transcript.utterances).map((utterance) => words(utterance['words'], utterance['speaker']))
  const all = words(transcript.words)
  const inUtterances = spoken.reduce((sum, list) => sum + list.length, 0)
  const language = languageOf(transcript.language_code)
  const lists = inUtterances >= all.length ? spoken : [all]
  // Where no word says when it was said, all would be at the beginning.
  const placed = lists.some((list) => list.some(({ isTimed }) => isTimed)) ? lists : []
  const turns = placed
    .flatMap((list) => cut(list))
    .toSorted((a, b) => a[0]!.start - b[0]!.start)
    .map((run, order): Turn => {
      const { label } = run[0]!
      const speaker = label === undefined ? undefined : labels.letter(label)
      const said = run.map(({ word }) => (speaker === undefined ? word : { ...word, speaker }))
      return {
        sessionId: transcript.id,
        order,
        revision: 0,
        endOfTurn: true,
        formatted: true,
        transcript: joinedTexts(said.map((word) => word.text)),
        ...defined({ speaker }),
        words: said,
        start: said[0]!.start,
        end: said.reduce((end, word) => Math.max(end, word.end), 0),
        ...defined({ language }),
      }
    })
  const said = Math.max(
    letters(transcript.text),
    objects(transcript.utterances).reduce((sum, { text }) => sum + letters(text), 0),
    lists.flat().reduce((sum, { word }) => sum + letters(word.text), 0),
  )
  const lacking = 1 - turns.reduce((sum, turn) => sum + letters(turn.transcript), 0) / said
  return { turns, speakers: labels.mapping, ...(lacking > LACKING && { lacking }) }
}

/** Letters and digits of a text: spaces and punctuation may be set otherwise in words than in the whole. */
function letters(text: unknown): number {
  return typeof text === 'string' ? [...text.matchAll(/[\p{L}\p{N}]/gu)].length : 0
}

interface SpokenWord {
  word: Word
  start: number
  /** Whether its start was said. */
  isTimed: boolean
  /** The service's name for who says it. */
  label: string | undefined
}

/** Cuts words into runs: at another speaker, at a pause, and at the end of a sentence where a run is long. */
function cut(words: readonly SpokenWord[]): SpokenWord[][] {
  const runs: SpokenWord[][] = []
  let run: SpokenWord[] = []
  let end = 0
  for (const item of words) {
    const last = run.at(-1)
    const isNext =
      last === undefined ||
      last.label !== item.label ||
      item.start - end >= PAUSE_MS ||
      (end - run[0]!.start >= LONG_MS && SENTENCE_END.test(last.word.text))
    if (isNext) runs.push((run = []))
    run.push(item)
    end = isNext ? item.word.end : Math.max(end, item.word.end)
  }
  return runs
}

/** The words in what a server sent; one without a time of its own has that of the word before it. */
function wordsOf(value: unknown, speaker: unknown): SpokenWord[] {
  let before = 0
  return objects(value).flatMap((item) => {
    const { text, confidence } = item
    if (typeof text !== 'string' || text.trim() === '') return []
    const told = milliseconds(item['start'])
    const start = told ?? before
    const end = Math.max(start, milliseconds(item['end']) ?? start)
    before = end
    const isSure = typeof confidence === 'number' && confidence >= 0 && confidence <= 1
    const word: Word = { text: text.trim(), start, end, ...(isSure && { confidence }), final: true }
    return [{ word, start, isTimed: told !== undefined, label: speakerLabel(item['speaker'] ?? speaker) }]
  })
}

function milliseconds(value: unknown): number | undefined {
  const time = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value
  const isTime = typeof time === 'number' && time >= 0 && time <= Number.MAX_SAFE_INTEGER
  return isTime ? Math.round(time) : undefined
}

function objects(value: unknown): Record<string, unknown>[] {
  if (!Array.isArray(value)) return []
  return value.filter((item): item is Record<string, unknown> => typeof item === 'object' && item !== null)
}

/** `en_us` of the service is `en-US` elsewhere, and its `en_uk` is `en-GB`. */
function languageOf(code: unknown): string | undefined {
  const [, language, , region] = /^([a-z]{2,3})([_-]([a-z]{2}))?$/i.exec(typeof code === 'string' ? code : '') ?? []
  if (language === undefined) return undefined
  const place = region?.toUpperCase().replace('UK', 'GB')
  return place === undefined ? language.toLowerCase() : `${language.toLowerCase()}-${place}`
}
