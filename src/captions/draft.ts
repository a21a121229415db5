import type { Word } from '../model.ts'
import type { SpokenSpan } from './cue-times.ts'
import type { ChosenCue } from './horizon.ts'
import type { PlacedToken } from './placed-token.ts'

/** A cue that has been chosen and waits for its times. */
export interface Draft extends SpokenSpan {
  speaker: string | undefined
  lines: string[]
  tokens: readonly PlacedToken[]
  cost: number
  /** Whether it holds all words of its run. */
  isWhole: boolean
  /** The speaker of each line, where there are two. */
  lineSpeakers?: string[]
}

/** A chosen cue of `speaker` as a draft. */
export function draftOf(chosen: ChosenCue, speaker: string | undefined, isWhole: boolean): Draft {
  const { tokens, cost, width } = chosen
  const lines = chosen.lines.filter((line) => line !== '')
  const start = tokens[0]?.start ?? 0
  const end = tokens.at(-1)?.end ?? start
  // A word in several tokens counts once, and one that began in the cue before not at all.
  const words = tokens.reduce((sum, token) => sum + (token.words.length > 0 || token.space > 0 ? 1 : 0), 0)
  return { speaker, lines, tokens, cost, width, start, end, words, isWhole }
}

/** The words that begin in a draft. */
export function draftWords(draft: Draft): Word[] {
  const words: Word[] = []
  for (const token of draft.tokens) for (const word of token.words) words.push(word)
  return words
}
