import type { Word } from './model.ts'
import { isSpaceless } from './scripts.ts'
import type { UnrecognizedSpeech } from './stream/options.ts'

/** A word below this confidence is more likely wrong than right. */
export const UNCERTAIN_BELOW = 0.5

/**
 * Words a second within turns that speech does not leave for long. People say two or three, fast readers four or five: who
 * is said to say more was misheard, as by a model that repeats itself, and where hardly a word comes, most were not heard.
 */
export const USUAL_PACE = { least: 0.5, most: 6 } as const
/** Time within turns over which pace is judged, in ms: shorter, people count fast and think slowly. */
export const PACE_STRETCH_MS = 10_000

/** How many words stand in a stretch of speech, held against {@link USUAL_PACE}. */
export function paceOf(words: number, ms: number): 'sparse' | 'usual' | 'dense' {
  const pace = (1000 * words) / Math.max(1, ms)
  if (pace < USUAL_PACE.least) return 'sparse'
  return pace > USUAL_PACE.most ? 'dense' : 'usual'
}

/**
 * How sure one may be of the words. AssemblyAI rates each of them; where nobody does, as Whisper does not, what else tells is
 * how many words stand in a stretch of speech, in which speech there are none, and what the model repeated without end.
 */
export interface CertaintyFigures {
  /** Words of the final turns. */
  words: number
  /** Words of which the engine says how sure it is. */
  rated: number
  /** Rated words of a confidence below 0.5, which are more likely wrong than right. */
  uncertain: number
  /** Time from the first to the last word of each turn, in ms. */
  spokenMs: number
  /** Time of it whose pace was judged, in stretches of 10 s, in ms. */
  pacedMs: number
  /** Time of that with more words than anybody says, which is six a second, in ms. */
  denseMs: number
  /** Time of that with next to no words, less than one in two seconds, in ms. */
  sparseMs: number
  /** Speech outside of `spokenMs` or between its words of which the engine made no words, in ms. */
  unrecognizedMs: number
  /** Words of repetitions without end that were left out. */
  repeatedWords: number
}

/** What a count is to know to go on later: a plain value. */
export interface CertaintyState {
  figures: CertaintyFigures
  /** The stretch whose pace is not judged yet. */
  stretch: { words: number; ms: number }
}

/** Adds up how sure one may be of the words. */
export class CertaintyCount {
  readonly #figures: CertaintyFigures = {
    words: 0,
    rated: 0,
    uncertain: 0,
    spokenMs: 0,
    pacedMs: 0,
    denseMs: 0,
    sparseMs: 0,
    unrecognizedMs: 0,
    repeatedWords: 0,
  }
  /** What has not been judged yet. */
  #stretch = { words: 0, ms: 0 }

  /** What was counted so far. */
  get figures(): CertaintyFigures {
    return { ...this.#figures }
  }

  get state(): CertaintyState {
    return { figures: this.figures, stretch: { ...this.#stretch } }
  }

  /** Goes on with what was counted before. */
  resumeFrom({ figures, stretch }: CertaintyState): void {
    Object.assign(this.#figures, figures)
    this.#stretch = { ...stretch }
  }

  /** Takes the words of a final turn, or a part of it; not those of a revision, which changes speakers. */
  add(words: readonly Word[]): void {
    const figures = this.#figures
    figures.words += words.length
    for (const { confidence } of words) {
      if (confidence === undefined) continue
      figures.rated += 1
      if (confidence < UNCERTAIN_BELOW) figures.uncertain += 1
    }
    const [first, last] = [words[0], words.at(-1)]
    if (first !== undefined && last !== undefined) figures.spokenMs += Math.max(0, last.end - first.start)
    this.#pace(words)
  }

  addUnrecognized({ start, end, reason, repeatedWords = 0 }: UnrecognizedSpeech): void {
    if (reason === 'noWords') this.#figures.unrecognizedMs += Math.max(0, end - start)
    else this.#figures.repeatedWords += repeatedWords
  }

  #pace(words: readonly Word[]): void {
    const figures = this.#figures
    for (const [at, { text, start, end }] of words.entries()) {
      // What counts as a word is up to the engine there, and may be a syllable.
      if (isSpaceless(text)) continue
      // The pause before the next word belongs to the turn.
      this.#stretch.ms += Math.max(0, (words[at + 1]?.start ?? end) - start)
      this.#stretch.words += 1
      const { ms } = this.#stretch
      if (ms < PACE_STRETCH_MS) continue
      const pace = paceOf(this.#stretch.words, ms)
      figures.pacedMs += ms
      if (pace === 'dense') figures.denseMs += ms
      if (pace === 'sparse') figures.sparseMs += ms
      this.#stretch = { words: 0, ms: 0 }
    }
  }
}
