import { serialize, type Serialized, type Turn, deserialize, type Word } from '../../model.ts'
import { ORDINARY_WORD_MS, plausibleLength } from './splice.ts'

/** As many turns, and characters of them, are kept at most, whatever times they have. */
const MOST_TURNS = 2000
const MOST_SIZE = 4_000_000
/** Audio before a word that it takes to hear it, ms. */
const WORD_LEAD_MS = 800

/** How far the stream is final, as far as that can be trusted, and the words before it that may be heard again. */
export class FinalWords {
  readonly #keepMs: number
  #turns: { order: number; start: number; end: number; words: Serialized<Word[]> }[] = []
  #size = 0
  /** End of the last final word in ms of the stream; 0 before the first. */
  end = 0
  /** Where that word ends at the earliest, if its end is late: another may lie there. */
  leastEnd = 0
  /** From where the next session is to hear at the latest, until something new is final; ms of the stream. */
  context = Infinity
  #lastStart = 0

  constructor(keepMs: number) {
    this.#keepMs = keepMs
  }

  /** From where a later session must hear, with `overlap` ms of what is final: from the last word at the latest. */
  hearFrom(overlap: number): number {
    return Math.min(this.end - overlap, this.#lastStart - WORD_LEAD_MS, this.context)
  }

  get turns(): Word[][] {
    return this.#turns.map(({ words }) => deserialize(words))
  }

  get any(): boolean {
    return this.#turns.length > 0
  }

  /** Takes in a final turn, or its revision, which makes nothing final beyond what was `heard`. */
  add(turn: Turn, heard = Infinity): void {
    const { order, end } = turn
    const index = this.#turns.findIndex((one) => one.order === order)
    if (index < 0 && turn.revision > 0) return
    const kept = { order, start: turn.start, end, words: serialize(turn.words) }
    if (index >= 0) {
      this.#size += kept.words.length - this.#turns[index]!.words.length
      this.#turns[index] = kept
      return
    }
    this.context = Infinity
    // One whose final comes late has its place before those that begin behind it.
    const sure = plausibleEnd(turn)
    this.#turns.splice(this.#turns.findLastIndex((one) => one.start <= sure) + 1, 0, kept)
    this.#size += kept.words.length
    const start = turn.words.at(-1)?.start ?? end
    this.end = Math.max(this.end, Math.min(sure, heard))
    this.leastEnd = Math.max(this.leastEnd, Math.min(leastEnd(turn), this.end))
    this.#lastStart = Math.max(this.#lastStart, Math.min(start, this.end))
    const oldest = this.end - this.#keepMs
    const isTooMuch = (): boolean => this.#turns.length > MOST_TURNS || this.#size > MOST_SIZE
    while (this.#turns.length > 1 && (this.#turns[0]!.end < oldest || isTooMuch())) {
      this.#size -= this.#turns.shift()!.words.length
    }
  }
}

/** Where the last word of a turn ends, which the service may say a second too late. */
function plausibleEnd({ words, end }: Turn): number {
  if (words.length === 0) return end
  return words.reduce((most, word) => Math.max(most, Math.min(word.end, word.start + plausibleLength(word.text))), 0)
}

/** Where the last word ends at the earliest, if its end is late; the first of a turn may begin early instead. */
function leastEnd(turn: Turn): number {
  const last = turn.words.at(-1)
  if (last === undefined || turn.words.length === 1 || last.end - last.start <= ORDINARY_WORD_MS) return Infinity
  return Math.max(last.start + leastLength(last.text), turn.words.at(-2)!.end)
}

/** Shortest plausible word in ms: somebody who speaks fast says a letter in 40 ms. */
function leastLength(text: string): number {
  return 80 + 40 * Math.min(text.length, 20)
}
