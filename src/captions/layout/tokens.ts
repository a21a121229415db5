import type { Segment, Word } from '../../model.ts'
import { areGlued, isSpaceless } from '../../scripts.ts'
import { wholeTimes } from '../formats/timestamps.ts'
import type { Lexicon } from '../languages/lexicon.ts'
import { cleanText } from '../text.ts'
import { pieceOf, splitByWidth, textWidth } from '../width.ts'
import { breakCost, sentenceEnds, wordFacts, type WordFacts } from './breaks.ts'

/** What layout moves about: a word, or a piece of one that is too long for a line or written without spaces. */
export interface Token {
  text: string
  width: number
  /** Columns of the space before it within a line: 1 or 0. */
  space: number
  start: number
  end: number
  /** The words that begin with this token; none in the later pieces of a word, and where no words are known. */
  words: Word[]
  /** Whether it continues the token before it in the middle of a word. */
  isRest: boolean
}

const PLAIN = /^[!-~]+$/
/** Marks that close what is before them: no line begins with one. */
const CLOSING =
  /^[\p{Pe}\p{Pf}.,:;!?…%"'、。，．：；！？）」』】〉》］｝〕〜～・ー｡､々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ]+$/u
/** Marks that open what is after them: no line ends with one. */
const OPENING = /^[\p{Ps}\p{Pi}¿¡"'（「『【〈《［｛〔]+$/u

/** Whether `text` is nothing but marks that close what is before them. */
export function isClosing(text: string): boolean {
  return text !== '' && CLOSING.test(text)
}

/**
 * A word as tokens with repaired times, cut at spaces, between words of spaceless scripts, and where it is too wide.
 */
export function wordTokens(word: Word, maxWidth: number, earliest: number, language: string): Token[] {
  const tokens = textTokens(word, maxWidth, earliest, language)
  const [first] = tokens
  if (first !== undefined) {
    first.words.push(word)
    return tokens
  }
  const { start, end } = wholeTimes(word, earliest)
  return [{ text: '', width: 0, space: 0, start, end, words: [word], isRest: false }]
}

/** A word, or a segment of which no words are known, as tokens that share its time by their width. */
export function textTokens(
  spoken: Pick<Segment, 'text' | 'start' | 'end'>,
  maxWidth: number,
  earliest: number,
  language: string,
): Token[] {
  const { start, end } = wholeTimes(spoken, earliest)
  const { text } = spoken
  if (PLAIN.test(text) && text.length <= maxWidth) {
    return [{ text, width: text.length, space: 1, start, end, words: [], isRest: false }]
  }
  const pieces: Token[] = []
  for (const part of cleanText(text).split(' ')) {
    for (const [i, inner] of (isSpaceless(part) ? innerWords(part, language) : [part]).entries()) {
      const width = textWidth(inner)
      const cut = width > maxWidth ? splitByWidth(inner, maxWidth) : [inner]
      for (const [k, text] of cut.entries()) {
        if (text === '') continue
        const columns = cut.length === 1 ? width : textWidth(text)
        pieces.push({ text, width: columns, space: i + k === 0 ? 1 : 0, start, end, words: [], isRest: k > 0 })
      }
    }
  }
  return shareTime(pieces, start, end)
}

/** Cuts a token in two so that the first part is at most `maxWidth` columns wide. */
export function splitToken(token: Token, maxWidth: number): Token[] {
  const [head, ...rest] = splitByWidth(token.text, maxWidth)
  if (head === undefined || rest.length === 0) return [token]
  const tail = rest.join('')
  const parts = [
    { ...token, text: head, width: textWidth(head) },
    { ...token, text: tail, width: textWidth(tail), space: 0, words: [], isRest: true },
  ]
  return shareTime(parts, token.start, token.end)
}

/** The space before a token that follows `before`: none between words of scripts without spaces. */
function spaceBetween(before: Token, after: Token): number {
  return after.space === 0 || after.text === '' || areGlued(before.text, after.text) ? 0 : 1
}

/** Which of `words` begin inside a word: some recognisers give each character of a spaceless script as a word. */
export function midWords(words: readonly Word[], language: string): Set<number> | undefined {
  let found: Set<number> | undefined
  let from = 0
  for (let to = 0; to <= words.length; to++) {
    const text = words[to]?.text
    if (text !== undefined && to - from < MAX_SEGMENTED && isSpaceless(text)) continue
    if (to - from > 1) {
      found ??= new Set()
      const stretch = words.slice(from, to).map((word) => cleanText(word.text))
      const starts = new Set(Array.from(wordSegmenter(language).segment(stretch.join('')), ({ index }) => index))
      let at = 0
      for (const [i, part] of stretch.entries()) {
        if (!starts.has(at)) found.add(from + i)
        at += part.length
      }
    }
    from = to + 1
  }
  return found
}

/** Texts longer than this are cut into words piece by piece. */
const MAX_SEGMENTED = 500

const segmenters = new Map<string, Intl.Segmenter>()

function innerWords(text: string, language: string): string[] {
  const segmenter = wordSegmenter(language)
  const words: string[] = []
  let opening = ''
  for (let from = 0; from < text.length;) {
    const piece = pieceOf(text, from, MAX_SEGMENTED)
    from += piece.length
    for (const { segment } of segmenter.segment(piece)) {
      const last = words.length - 1
      if (OPENING.test(segment)) opening += segment
      else if (opening === '' && last >= 0 && isClosing(segment)) words[last] += segment
      else {
        words.push(opening + segment)
        opening = ''
      }
    }
  }
  if (opening !== '') words.push(opening)
  return words
}

function wordSegmenter(language: string): Intl.Segmenter {
  let segmenter = segmenters.get(language)
  if (segmenter === undefined) {
    try {
      segmenter = new Intl.Segmenter(language.replaceAll('_', '-'), { granularity: 'word' })
    } catch {
      segmenter = new Intl.Segmenter('und', { granularity: 'word' })
    }
    if (segmenters.size < 1000) segmenters.set(language, segmenter)
  }
  return segmenter
}

function shareTime(pieces: Token[], start: number, end: number): Token[] {
  if (pieces.length < 2) return pieces
  const total = pieces.reduce((sum, piece) => sum + Math.max(1, piece.width), 0)
  let before = 0
  for (const piece of pieces) {
    piece.start = start + Math.round(((end - start) * before) / total)
    before += Math.max(1, piece.width)
    piece.end = start + Math.round(((end - start) * before) / total)
  }
  return pieces
}

/** Silence inside a cue that counts against it. */
const INNER_PAUSE_MS = 1500
/** Silence that makes a break better, and by how much. */
const NOTICED_PAUSE_MS = 300
const MAX_PAUSE_BONUS = 0.8
const PAUSE_BONUS_MS = 1500
const LEAST_BREAK_COST = -0.3
/** The end of a turn is as good as a comma. */
const TURN_END_COST = 0.25
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

/** Puts `token` behind `before` in a run; `opensTurn` where a turn begins with it. */
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

/** `token` with the marks and words of `more` written to its end; `undefined` where that is wider than `maxWidth`. */
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
