import { Writable } from 'node:stream'
import { keepsNothing } from '../../checkpoint/stages.ts'
import type { Warning } from '../../errors.ts'
import type { Turn } from '../../model.ts'

/** A word below this confidence is more likely wrong than right. */
const UNCERTAIN_BELOW = 0.5
/** Less of them are usual in good recordings, and not worth a line. */
const WORTH_SAYING = 0.15

/** A sink of turns that counts the words of which the engine is not sure. */
export class Certainty extends Writable {
  readonly [keepsNothing] = true
  words = 0
  /** Words of which the engine says how sure it is. */
  rated = 0
  uncertain = 0

  constructor() {
    super({ objectMode: true, highWaterMark: 16 })
  }

  override _write(turn: Turn, _encoding: BufferEncoding, done: () => void): void {
    // Revisions change speakers, not words.
    if (turn.endOfTurn && turn.revision === 0) for (const { confidence } of turn.words) this.#count(confidence)
    done()
  }

  #count(confidence: number | undefined): void {
    this.words += 1
    if (confidence === undefined) return
    this.rated += 1
    if (confidence < UNCERTAIN_BELOW) this.uncertain += 1
  }

  /** The warning that many words are probably wrong; `isLocal` where the engine on this machine heard them. */
  warning(isLocal: boolean): Warning | undefined {
    const { words, rated, uncertain } = this
    if (rated === 0 || uncertain / rated < WORTH_SAYING) return undefined
    const advice = isLocal
      ? 'a better model (diarize-stream models list) or a key of AssemblyAI may hear more'
      : '--keyterms for names, --language, or a better recording may help'
    const message = `about ${Math.round((10 * uncertain) / rated)} of 10 words are uncertain; ${advice}`
    return { code: 'WORDS_UNCERTAIN', message, words, rated, uncertain }
  }

  /** A line of the report on captions, which measures their form. */
  get line(): string {
    const share =
      this.rated === 0
        ? 'the engine does not say how sure it is of them, so how many are right is not known'
        : `${this.uncertain} of them uncertain (confidence below ${UNCERTAIN_BELOW})`
    return `words       ${this.words}, ${share}`
  }
}
