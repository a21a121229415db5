import { Writable } from 'node:stream'
import { keepsNothing } from '../../checkpoint/stages.ts'
import type { Warning } from '../../errors.ts'
import type { Turn, Word } from '../../model.ts'
import { isSpaceless } from '../../scripts.ts'

/** A word below this confidence is more likely wrong than right. */
const UNCERTAIN_BELOW = 0.5
/** Less of them are usual in good recordings, and not worth a line. */
const WORTH_SAYING = 0.15

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

/** How sure one may be of the words; times in ms. */
export interface CertaintyFigures {
  words: number
  /** Words of which the engine says how sure it is. */
  rated: number
  /** Rated words that are more likely wrong than right. */
  uncertain: number
  /** Time within turns whose pace was judged. */
  pacedMs: number
  /** Time of it with more words than anybody says. */
  denseMs: number
  /** Time of it with next to no words. */
  sparseMs: number
}

/** A sink of turns that counts the words of which the engine is not sure, and time in which they cannot be right. */
export class Certainty extends Writable {
  readonly [keepsNothing] = true
  readonly figures: CertaintyFigures = { words: 0, rated: 0, uncertain: 0, pacedMs: 0, denseMs: 0, sparseMs: 0 }
  /** What has not been judged yet. */
  #stretch = { words: 0, ms: 0 }

  constructor() {
    super({ objectMode: true, highWaterMark: 16 })
  }

  override _write(turn: Turn, _encoding: BufferEncoding, done: () => void): void {
    // Revisions change speakers, not words.
    if (turn.endOfTurn && turn.revision === 0) {
      for (const { confidence } of turn.words) this.#count(confidence)
      this.#pace(turn.words)
    }
    done()
  }

  #count(confidence: number | undefined): void {
    const { figures } = this
    figures.words += 1
    if (confidence === undefined) return
    figures.rated += 1
    if (confidence < UNCERTAIN_BELOW) figures.uncertain += 1
  }

  #pace(words: readonly Word[]): void {
    const { figures } = this
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

  /** The warning that many words are probably wrong; `isLocal` where the engine on this machine heard them. */
  warning(isLocal: boolean): Warning | undefined {
    const doubt = this.#doubt()
    if (doubt === undefined) return undefined
    const advice = isLocal
      ? 'a better model (diarize-stream models list) or a key of AssemblyAI may hear more'
      : '--keyterms for names, --language, or a better recording may help'
    return { code: 'WORDS_UNCERTAIN', message: `${doubt}; ${advice}`, ...this.figures }
  }

  #doubt(): string | undefined {
    const { rated, uncertain, pacedMs, denseMs, sparseMs } = this.figures
    if (rated > 0) {
      if (uncertain / rated < WORTH_SAYING) return undefined
      return `about ${Math.round((10 * uncertain) / rated)} of 10 words are uncertain`
    }
    if (pacedMs === 0 || (denseMs + sparseMs) / pacedMs < WORTH_SAYING) return undefined
    return `many words are probably wrong or missing: ${this.#oddPace()}, where people say 2 or 3 a second`
  }

  #oddPace(): string {
    const { pacedMs, denseMs, sparseMs } = this.figures
    const odd = [
      ...(denseMs > 0 ? [`more than ${USUAL_PACE.most} words a second in ${seconds(denseMs)} s`] : []),
      ...(sparseMs > 0 ? [`less than one in ${1 / USUAL_PACE.least} seconds in ${seconds(sparseMs)} s`] : []),
    ]
    return `${odd.join(' and ')} of ${seconds(pacedMs)} s of speech`
  }

  /** A line of the report on captions, which measures their form. */
  get line(): string {
    const { words, rated, uncertain, denseMs, sparseMs } = this.figures
    if (rated > 0) return `words       ${words}, ${uncertain} of them uncertain (confidence below ${UNCERTAIN_BELOW})`
    const pace = denseMs + sparseMs > 0 ? `; ${this.#oddPace()}` : ''
    return `words       ${words}, the engine does not say how sure it is of them, so how many are right is not known${pace}`
  }
}

function seconds(ms: number): number {
  return Math.round(ms / 1000)
}
