import type { Turn, Word } from '../model.ts'
import { pack, unpack, type Packed } from '../packed.ts'

/**
 * How far the stream is final: the end of the last final word, and the words before it that a later session may hear
 * again.
 */
export class FinalWords {
  readonly #keepMs: number
  #turns: { order: number; end: number; words: Packed<Word[]> }[] = []
  #end = 0

  /** @param keepMs - how far back words are kept, ms. */
  constructor(keepMs: number) {
    this.#keepMs = keepMs
  }

  /** End of the last final word in ms of the stream; 0 before the first. */
  get end(): number {
    return this.#end
  }

  /** The last final words, in order. */
  get tail(): Word[] {
    return this.#turns.flatMap(({ words }) => unpack(words))
  }

  /** Whether there is any final turn. */
  get any(): boolean {
    return this.#turns.length > 0
  }

  /**
   * Takes in a final turn, or a revision of one.
   *
   * @param heard - ms of the stream up to which the session has heard; a turn cannot make more than that final.
   */
  add(turn: Turn, heard = Infinity): void {
    const { order, end } = turn
    const index = this.#turns.findIndex((one) => one.order === order)
    if (index < 0 && turn.revision > 0) return
    const kept = { order, end, words: pack(turn.words) }
    if (index >= 0) {
      this.#turns[index] = kept
      return
    }
    this.#turns.push(kept)
    this.#end = Math.max(this.#end, Math.min(turn.end, heard))
    const oldest = this.#end - this.#keepMs
    while (this.#turns.length > 1 && this.#turns[0]!.end < oldest) this.#turns.shift()
  }
}
