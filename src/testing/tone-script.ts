import { checkInteger, checkKnown, invalidOption } from '../options.ts'
import { randomInteger, seededRandom } from './random.ts'
import { LARGEST_SPEAKER, LARGEST_WORD, TONE_WORD_MS } from './tone-code.ts'
import { TONE_MIN_GAP_MS, type ToneWord } from './tone-audio.ts'

/** A range from which numbers are drawn, both ends included. */
export type Range = readonly [min: number, max: number]

/** Options of {@link toneScript}. */
export interface ToneScriptOptions {
  /** What the conversation is drawn from; the same seed gives the same conversation. */
  seed: number
  /** Milliseconds by which the last word has ended. */
  duration: number
  /**
   * Number of speakers, 1 to 10.
   * @defaultValue 3
   */
  speakers?: number
  /**
   * Number of the first word; the others count on from it.
   * @defaultValue 0
   */
  firstWord?: number
  /**
   * Milliseconds of silence between two words of a turn, 20 at least.
   * @defaultValue [30, 300]
   */
  wordGap?: Range
  /**
   * Milliseconds of silence between two turns, 20 at least.
   * @defaultValue [700, 2500]
   */
  turnGap?: Range
  /**
   * Words of a turn.
   * @defaultValue [1, 30]
   */
  turnWords?: Range
}

const defaults = {
  speakers: 3,
  firstWord: 0,
  wordGap: [30, 300],
  turnGap: [700, 2500],
  turnWords: [1, 30],
} as const

const known = ['seed', 'duration', ...Object.keys(defaults)]

/**
 * Draws a conversation: turns of random length by random speakers. Words are numbered in order, so that each that is
 * lost, doubled or out of place shows.
 *
 * @throws ConfigurationError (`INVALID_OPTION`)
 */
export function toneScript(options: ToneScriptOptions): ToneWord[] {
  checkKnown('toneScript()', options, known)
  const { seed, duration } = options
  if (!Number.isInteger(seed)) throw invalidOption('seed', 'an integer', seed)
  if (!Number.isInteger(duration) || duration < 0) throw invalidOption('duration', 'an integer of at least 0', duration)
  checkInteger('speakers', options.speakers, 1, LARGEST_SPEAKER + 1)
  checkInteger('firstWord', options.firstWord, 0, LARGEST_WORD)
  const { speakers = defaults.speakers, firstWord = defaults.firstWord } = options
  const wordGap = rangeOf('wordGap', options.wordGap, TONE_MIN_GAP_MS)
  const turnGap = rangeOf('turnGap', options.turnGap, TONE_MIN_GAP_MS)
  const turnWords = rangeOf('turnWords', options.turnWords, 1)

  const random = seededRandom(seed)
  const words: ToneWord[] = []
  let start = randomInteger(random, ...turnGap)
  while (start + TONE_WORD_MS <= duration) {
    const speaker = randomInteger(random, 0, speakers - 1)
    const count = randomInteger(random, ...turnWords)
    for (let spoken = 0; spoken < count && start + TONE_WORD_MS <= duration; spoken++) {
      words.push({ word: (firstWord + words.length) % (LARGEST_WORD + 1), speaker, start })
      start += TONE_WORD_MS + randomInteger(random, ...(spoken === count - 1 ? turnGap : wordGap))
    }
  }
  return words
}

function rangeOf(name: 'wordGap' | 'turnGap' | 'turnWords', given: Range | undefined, least: number): Range {
  const range = given ?? defaults[name]
  const fits = Array.isArray(range) && range.length === 2 && range.every((end) => Number.isInteger(end))
  if (fits && range[0] >= least && range[0] <= range[1]) return [range[0], range[1]]
  throw invalidOption(name, `two integers of at least ${least}, the smaller first`, given)
}
