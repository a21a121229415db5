import type { RecognisedWord } from '../parts.ts'
import type { TokenResult } from '../sherpa/messages.ts'
import { spell, type SpelledWord } from './pieces.ts'
import { type Place, placeWords, type UtteranceAudio } from './times.ts'

/** The least length of a word in ms, where the utterance has room. */
const leastMs = 20

/** What must be known of a model to read its tokens; see `RecogniserModel`. */
export interface TokenHabits {
  /** By how many ms its token times come late, on the whole; below 0 early. */
  lateMs: number
  /** Whether its vocabulary has no small letters, so that its capitals mean nothing. */
  onlyCapitals: boolean
}

/**
 * The words of an utterance, from the tokens that a recogniser gave for it. They lie inside the utterance, in order and
 * without overlaps, and each has a length. Where more words came than it has milliseconds, the last are left out.
 */
export function wordsOf(result: TokenResult, audio: UtteranceAudio, habits: TokenHabits): RecognisedWord[] {
  return placeSpelled(spell(result), audio, habits)
}

/** The same, from words that are spelled already. */
export function placeSpelled(
  spelled: readonly SpelledWord[],
  audio: UtteranceAudio,
  { lateMs, onlyCapitals }: TokenHabits,
): RecognisedWord[] {
  const lengthMs = Math.floor(audio.samples.length / 16)
  const words = spelled.map((word) => ({ ...word, said: Math.max(0, word.said - lateMs) }))
  return inOrder(placeWords(words, audio), lengthMs).map((place, index) => {
    const { text, confidence } = words[index]!
    return {
      text: onlyCapitals ? text.toLowerCase() : text,
      ...place,
      ...(confidence !== undefined && { confidence }),
    }
  })
}

/** Moves places as little as it takes for each to have a length, after the one before it and inside the utterance. */
function inOrder(places: readonly Place[], lengthMs: number): Place[] {
  const count = Math.min(places.length, lengthMs)
  const least = Math.min(leastMs, Math.floor(lengthMs / Math.max(1, count)))
  const starts: number[] = []
  for (let index = 0; index < count; index++) {
    const earliest = index === 0 ? 0 : starts[index - 1]! + least
    const latest = lengthMs - least * (count - index)
    starts.push(Math.min(Math.max(places[index]!.start, earliest), latest))
  }
  return starts.map((start, index) => {
    const next = starts[index + 1] ?? lengthMs
    return { start, end: Math.min(Math.max(places[index]!.end, start + least), next) }
  })
}
