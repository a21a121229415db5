import { TONE_WORD_MS, type ToneWord } from '../../src/testing/index.ts'
import { randomInteger, seededRandom } from './random.ts'

type Range = readonly [min: number, max: number]

/** What {@link toneScript} draws. */
export interface ToneScriptOptions {
  /** What the conversation is drawn from; the same seed gives the same conversation. */
  seed: number
  /** Milliseconds by which the last word has ended. */
  duration: number
  /** Number of speakers, 1 to 10. */
  speakers?: number
  /** Number of the first word; the others count on from it. */
  firstWord?: number
  /** Milliseconds of silence between two words of a turn, 20 at least. */
  wordGap?: Range
  /** Milliseconds of silence between two turns, 20 at least. */
  turnGap?: Range
  /** Words of a turn. */
  turnWords?: Range
}

/**
 * Draws a conversation: turns of random length by random speakers. Words are numbered in order, so that each that is
 * lost, doubled or out of place shows.
 */
export function toneScript({
  seed,
  duration,
  speakers = 3,
  firstWord = 0,
  wordGap = [30, 300],
  turnGap = [700, 2500],
  turnWords = [1, 30],
}: ToneScriptOptions): ToneWord[] {
  const random = seededRandom(seed)
  const words: ToneWord[] = []
  let start = randomInteger(random, ...turnGap)
  while (start + TONE_WORD_MS <= duration) {
    const speaker = randomInteger(random, 0, speakers - 1)
    const count = randomInteger(random, ...turnWords)
    for (let spoken = 0; spoken < count && start + TONE_WORD_MS <= duration; spoken++) {
      words.push({ word: (firstWord + words.length) % 2 ** 24, speaker, start })
      start += TONE_WORD_MS + randomInteger(random, ...(spoken === count - 1 ? turnGap : wordGap))
    }
  }
  return words
}
