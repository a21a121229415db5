import { breakCost, sentenceEnds, wordFacts, type WordFacts } from './break-cost.ts'
import type { Lexicon } from './languages/lexicon.ts'
import { spaceBetween, type Token } from './tokens.ts'

/** Silence inside a cue that counts against it. */
const INNER_PAUSE_MS = 1500
/** Silence that makes a break better, and by how much. */
const NOTICED_PAUSE_MS = 300
const MAX_PAUSE_BONUS = 0.8
const PAUSE_BONUS_MS = 1500
const LEAST_BREAK_COST = -0.3
/** The end of a turn is as good as a comma. */
const TURN_END_COST = 0.25
/** In the middle of a word. */
const INSIDE_WORD_COST = 1.4

/** A token in its run, with all that the choice of cues asks of it, found once. */
export interface PlacedToken extends Token {
  facts: WordFacts
  /** Columns up to its end if the whole run were one line. */
  column: number
  /** Sentences that end before it, in the run. */
  sentences: number
  /** Long silences before it, in the run. */
  pauses: number
  /** Look-ahead words up to and including it, in the run. */
  units: number
  /** Whether a sentence begins with it. */
  opensSentence: boolean
  /** How bad a break before it is by the text. */
  breakBefore: number
  /** The same with the silence before it. */
  cutBefore: number
}

/** Columns of text without spaces that count as one word of the look-ahead. */
const COLUMNS_PER_WORD = 5

/**
 * Puts `token` behind `before` in a run.
 *
 * @param opensTurn - whether a turn begins with it.
 */
export function placeToken(
  token: Token,
  before: PlacedToken | undefined,
  lexicon: Lexicon,
  opensTurn: boolean,
): PlacedToken {
  const { text, width, start, end, words, isRest } = token
  const facts = wordFacts(text, lexicon)
  const space = before === undefined ? token.space : spaceBetween(before, token)
  const isEnd = before === undefined || (!isRest && sentenceEnds(before.facts, facts))
  const silence = before === undefined ? 0 : start - before.end
  const breakBefore = before === undefined ? 0 : textualCost(before, facts, isRest, opensTurn)
  const bonus = silence > NOTICED_PAUSE_MS ? Math.min(MAX_PAUSE_BONUS, silence / PAUSE_BONUS_MS) : 0
  return {
    text,
    width,
    space,
    start,
    end,
    words,
    isRest,
    facts,
    column: before === undefined ? width : before.column + space + width,
    sentences: before === undefined ? 0 : before.sentences + (isEnd ? 1 : 0),
    pauses: before === undefined ? 0 : before.pauses + (silence > INNER_PAUSE_MS ? 1 : 0),
    units: (before === undefined ? 0 : before.units) + (space > 0 ? 1 : width / COLUMNS_PER_WORD),
    opensSentence: isEnd,
    breakBefore,
    cutBefore: Math.max(LEAST_BREAK_COST, breakBefore - bonus),
  }
}

function textualCost(before: PlacedToken, facts: WordFacts, isRest: boolean, opensTurn: boolean): number {
  const cost = isRest ? INSIDE_WORD_COST : breakCost(before.facts, facts, before.opensSentence)
  return opensTurn ? Math.min(cost, TURN_END_COST) : cost
}

const SPACED_MARK = /^[!?:;»]/

/**
 * `token` with the marks and words of `more` written to its end; `undefined` where that is wider than `maxWidth`.
 */
export function extendToken(
  token: PlacedToken,
  more: Token,
  lexicon: Lexicon,
  maxWidth: number,
): PlacedToken | undefined {
  const space = lexicon.spacedMarks && SPACED_MARK.test(more.text) ? '\u00A0' : ''
  const text = token.text + space + more.text
  const width = space.length + more.width
  if (token.width + width > maxWidth) return undefined
  return {
    ...token,
    text,
    width: token.width + width,
    column: token.column + width,
    end: Math.max(token.end, more.end),
    words: [...token.words, ...more.words],
    facts: wordFacts(text, lexicon),
  }
}
