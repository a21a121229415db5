import type { Turn, Word } from '../model.ts'
import { pack, unpack, type Packed } from '../packed.ts'
import { plausibleLength } from './splice.ts'

/** As many characters of turns are kept at most, whatever times they have. */
const MOST_SIZE = 4_000_000
/** Audio before a word that it takes to hear it, ms. */
const LEAD_MS = 800

/**
 * How far the stream is final: the end of the last final word, as far as it can be trusted, and the words before it that a
 * later session may hear again.
 */
export class FinalWords {
  readonly #keepMs: number
  #turns: { order: number; end: number; words: Packed<Word[]> }[] = []
  #size = 0
  #end = 0
  #lastStart = 0

  /** @param keepMs - how far back words are kept, ms. */
  constructor(keepMs: number) {
    this.#keepMs = keepMs
  }

  /** End of the last final word in ms of the stream; 0 before the first. */
  get end(): number {
    return this.#end
  }

  /**
   * Ms of the stream from which a later session must hear, to hear `overlap` ms of what is final again: from the last word
   * at the latest, within whose end, as it is said, the next word may begin.
   */
  hearFrom(overlap: number): number {
    return Math.min(this.#end - overlap, this.#lastStart - LEAD_MS)
  }

  /** The words of the last final turns, in order. */
  get turns(): Word[][] {
    return this.#turns.map(({ words }) => unpack(words))
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
      this.#size += kept.words.length - this.#turns[index]!.words.length
      this.#turns[index] = kept
      return
    }
    this.#turns.push(kept)
    this.#size += kept.words.length
    const start = turn.words.at(-1)?.start ?? end
    this.#end = Math.max(this.#end, Math.min(plausibleEnd(turn), heard))
    this.#lastStart = Math.max(this.#lastStart, Math.min(start, this.#end))
    const oldest = this.#end - this.#keepMs
    while (this.#turns.length > 1 && (this.#turns[0]!.end < oldest || this.#size > MOST_SIZE)) {
      this.#size -= this.#turns.shift()!.words.length
    }
  }
}

/** Where the last word of a turn ends, which the service may say a second too late. */
function plausibleEnd({ words, end }: Turn): number {
  if (words.length === 0) return end
  return words.reduce((most, word) => Math.max(most, Math.min(word.end, word.start + plausibleLength(word.text))), 0)
}
