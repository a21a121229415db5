import { speechFrameMs } from '../parts.ts'
import { spokenLetters } from './lengths.ts'
import { bursts, type Loudness } from './loudness.ts'

/**
 * Repetitions: "no, no, no" is said, "and so, and so, and so" may be a model that has lost its place and writes the same
 * until its limit. Then there are more copies than syllables in the sound or time to say them, or the copies all lie at
 * one place, where the model has put what it found nowhere.
 */

/** Words in the longest phrase that is looked for. */
const longestPhrase = 12
/** Nobody repeats a word faster than this, in ms for each: seven a second. */
const leastMsEach = 140
/** Words that follow faster than this, in ms for each, need a syllable each that can be heard. */
const hastyMsEach = 200
/** Letters a second of hasty speech. */
const lettersPerSecond = 30
/** A whole phrase that takes less than this by the model's times has no place of its own, in ms a word. */
const bunchedMs = 25

/** The detector of speech may lose its end by this much, in ms. */
const unnoticedMs = 150

/** A phrase and its copies behind one another. */
export interface Repetition {
  /** Index of the first word. */
  first: number
  /** Words in the phrase. */
  length: number
  /** How many times it stands there in whole, from 2 on. */
  copies: number
  /** Index after the last word, with a beginning of one more copy at the end of the text. */
  end: number
  /** How many copies the audio has room for, from 1 to `copies`. */
  credible: number
}

interface TimedWord {
  text: string
  /** In ms from the start of the utterance, as the model says. */
  said: number
}

/** Finds all repetitions in `words`, and how many copies of each can have been said before `speechEndMs`. */
export function repetitions(words: readonly TimedWord[], loudness: Loudness, speechEndMs: number): Repetition[] {
  const keys = words.map(({ text }) => text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, ''))
  const found: Repetition[] = []
  let first = 0
  while (first < keys.length) {
    const best = longestRun(keys, first)
    if (best === undefined) {
      first++
      continue
    }
    found.push({ ...best, credible: credibleCopies(words, best, loudness, speechEndMs) })
    first = best.end
  }
  return found
}

/** The repetition that begins with word `first` and covers most words; of equals the one with the shortest phrase. */
function longestRun(keys: readonly string[], first: number): Omit<Repetition, 'credible'> | undefined {
  let best: Omit<Repetition, 'credible'> | undefined
  for (let length = 1; length <= Math.min(longestPhrase, (keys.length - first) / 2); length++) {
    let end = first + length
    while (end < keys.length && keys[end] === keys[end - length]) end++
    const copies = Math.floor((end - first) / length)
    // What follows a whole copy may only look like the beginning of another.
    if (end < keys.length) end = first + copies * length
    if (copies >= 2 && end - first > (best === undefined ? 0 : best.end - best.first))
      best = { first, length, copies, end }
  }
  return best
}

function credibleCopies(
  words: readonly TimedWord[],
  { first, length, copies, end }: Omit<Repetition, 'credible'>,
  loudness: Loudness,
  speechEndMs: number,
): number {
  const from = words[first]!.said
  const to = Math.max(from, words[end]?.said ?? speechEndMs)
  const letters = words.slice(first, first + length).reduce((sum, { text }) => sum + spokenLetters(text), 0)
  let credible = Math.min(copies, (to - from) / Math.max(leastMsEach * length, (letters / lettersPerSecond) * 1000))
  if ((to - from) / copies < hastyMsEach * length) {
    // A copy has a syllable for each word at least; a fifth of the syllables may run together.
    const around = hastyMsEach / 2
    const syllables = bursts(loudness, (from - around) / speechFrameMs, (to + around) / speechFrameMs)
    credible = Math.min(credible, (syllables * 1.25) / length)
  }
  let placed = copies
  const at = (copy: number): number => words[first + copy * length]!.said
  const lasts = (copy: number): number => words[first + copy * length + length - 1]!.said - at(copy)
  const isLong = length >= 3 || letters >= 10
  while (
    placed > 1 &&
    (at(placed - 1) > speechEndMs + unnoticedMs || (isLong && lasts(placed - 1) < bunchedMs * (length - 1)))
  )
    placed--
  return Math.max(1, Math.min(placed, Math.round(credible)))
}
