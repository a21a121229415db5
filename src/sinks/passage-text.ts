import type { Passage } from '../captions/passages.ts'

/** A whole piece of a file: one cue, or the lines of one run. */
export interface Block {
  text: string
  /** Ms of the stream at which what it shows begins. */
  start: number
}

/**
 * Makes the text of passages, one after the other. The last words of a passage may wait for the next one. Where a
 * passage begins, what comes next depends on `state` and the number of blocks so far alone, so that a text can be made
 * again from there.
 */
export interface PassageText<State> {
  /** Whether something waits. */
  readonly open: boolean
  /** A copy that is never changed. */
  readonly state: State
  /** Whether `passage` has nothing to do with what waits; then `close` comes before `add`. */
  begins(passage: Passage): boolean
  /** The blocks that are complete with `passage`. */
  add(passage: Passage): Block[]
  /**
   * What waits.
   *
   * @param next - ms at which what follows begins; `Infinity` where nothing does, absent where that is unknown.
   */
  close(next?: number): Block[]
}

/** How passages become a file. */
export interface PassageFormat<State> {
  /** What every file begins with. */
  header: string
  /** Ms for which words may wait for more. */
  maxDelay: number
  /** Whether each block begins with its number, on a line of its own, and ends with an empty line. */
  isNumbered: boolean
  /** A text from the beginning, or continued from a state and after a number of blocks. */
  text: (state?: Readonly<State>, blocks?: number) => PassageText<State>
  /** Whether the same text follows two states. */
  isSame: (one: State, other: State) => boolean
}
