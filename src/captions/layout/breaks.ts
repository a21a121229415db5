import { lexiconFor } from '../languages/lexicon-for.ts'
import type { Lexicon } from '../languages/lexicon.ts'

export type EndMark =
  | 'none'
  /** A comma, a colon, a dash. */
  | 'clause'
  | 'sentence'
  /** An abbreviation that may stand at the end of a sentence, or an ordinal: the word after it decides. */
  | 'open'

/** Quotes and brackets that may close behind the mark. */
const CLOSING = String.raw`["'”’»)\]}」』）】〉》]*$`
const SENTENCE = new RegExp(`[.?!…‽。！？｡।॥؟۔]${CLOSING}`, 'u')
const CLAUSE = new RegExp(`(?:[,;:—–、，；：､،؛]|--|-)${CLOSING}`, 'u')
const FULL_STOP = new RegExp(String.raw`[^.]\.${CLOSING}`, 'u')
const TRAILING = new RegExp(String.raw`\.${CLOSING}`, 'u')
const LEADING = /^["'“”‘’«»([{¿¡]+/u
const INITIALS = /^(?:\p{L}\.)*\p{Lu}$|^\p{L}$/u
const DOTTED = /^(?:\p{L}{1,2}\.)+\p{L}{1,2}$/u

/** What the end of `word` says of the sentence, in a language. */
function endMark(word: string, lexicon: Lexicon): EndMark {
  if (!SENTENCE.test(word)) return CLAUSE.test(word) ? 'clause' : 'none'
  if (!FULL_STOP.test(word)) return 'sentence'
  const bare = word.replace(LEADING, '').replace(TRAILING, '')
  const lower = bare.toLowerCase()
  if (lexicon.finalAbbreviations.has(lower)) return 'open'
  if (lexicon.abbreviations.has(lower)) return 'none'
  if (lower === 'i') return 'open'
  if (INITIALS.test(bare)) return bare.length === 1 ? 'none' : 'open'
  if (DOTTED.test(bare)) return 'open'
  if (lexicon.ordinalDot && /^\d{1,2}$/.test(bare)) return 'open'
  return 'sentence'
}

type Kind = 'plain' | 'function' | 'conjunction' | 'preposition' | 'number' | 'unit' | 'name' | 'enclitic'

/** What a word's text says of a break before or after it. */
export interface WordFacts {
  mark: EndMark
  /** What it is to the word after it. */
  last: Kind
  /** What it is to the word before it. */
  first: Kind
  /** Whether it can only be capitalised because a sentence begins with it. */
  isOpener: boolean
}

const SIMPLE = /^[A-Za-z]+$/
const OUTER = /^[^\p{L}\p{N}°%‰€$£¥]+|[^\p{L}\p{N}°%‰€$£¥]+$/gu
const NUMBER = /^[€$£¥]?\p{Nd}[\p{Nd}.,:/]*$/u
const CAPITALISED = /^\p{Lu}(?:[\p{Ll}\p{M}'’.-]|$)/u
const OPENS_SENTENCE = /^["'“‘«([]*[¿¡]/u
const APOSTROPHE = /['’]/

/** The facts of words, by text, for as many as a stream repeats; started again when full. */
const MAX_KNOWN = 50_000
const known = new WeakMap<Lexicon, Map<string, WordFacts>>()

/** More of a text is no word, and would only take time. */
const MAX_LENGTH = 100

export function wordFacts(word: string, lexicon: Lexicon): WordFacts {
  const text = word.length > MAX_LENGTH ? word.slice(-MAX_LENGTH) : word
  let facts = known.get(lexicon)
  if (facts === undefined || facts.size >= MAX_KNOWN) known.set(lexicon, (facts = new Map()))
  let found = facts.get(text)
  if (found === undefined) facts.set(text, (found = findFacts(text, lexicon)))
  return found
}

function findFacts(text: string, lexicon: Lexicon): WordFacts {
  const core = SIMPLE.test(text) ? text : text.replaceAll(OUTER, '')
  const lower = core.toLowerCase().replaceAll('’', "'")
  const { head, tail } = elided(lower, text, lexicon)
  const isFunction = isOf(head, lexicon)
  const isOpener = isFunction && CAPITALISED.test(core)
  return {
    mark: endMark(text, lexicon),
    last: kindBefore(tail, core, lexicon),
    first: kindAfter(head, core, lexicon, text),
    isOpener,
  }
}

/** The two words that an apostrophe joins; a word without one is both. */
function elided(lower: string, text: string, lexicon: Lexicon): { head: string; tail: string } {
  const at = lexicon.elisions.size === 0 ? -1 : lower.search(APOSTROPHE)
  if (at > 0 && lexicon.elisions.has(lower.slice(0, at))) {
    return { head: lower.slice(0, at + 1), tail: lower.slice(at + 1) }
  }
  const isShortened = lexicon.elisions.has(lower) && APOSTROPHE.test(text.at(-1) ?? '')
  return isShortened ? { head: `${lower}'`, tail: `${lower}'` } : { head: lower, tail: lower }
}

function isOf(lower: string, lexicon: Lexicon): boolean {
  return lexicon.functionWords.has(lower) || lexicon.conjunctions.has(lower) || lexicon.prepositions.has(lower)
}

function kindBefore(lower: string, core: string, lexicon: Lexicon): Kind {
  if (isOf(lower, lexicon)) return 'function'
  if (NUMBER.test(core) || lexicon.numbers.has(lower)) return 'number'
  return CAPITALISED.test(core) ? 'name' : 'plain'
}

function kindAfter(lower: string, core: string, lexicon: Lexicon, text: string): Kind {
  if (lexicon.enclitics.has(lower)) return 'enclitic'
  if (lexicon.units.has(lower)) return 'unit'
  if (OPENS_SENTENCE.test(text)) return 'conjunction'
  if (lexicon.conjunctions.has(lower)) return 'conjunction'
  if (lexicon.prepositions.has(lower)) return 'preposition'
  return CAPITALISED.test(core) && !lexicon.functionWords.has(lower) ? 'name' : 'plain'
}

/** Whether a sentence ends between two words; `after` is absent at the end. */
export function sentenceEnds(before: WordFacts, after: WordFacts | undefined): boolean {
  return before.mark === 'sentence' || (before.mark === 'open' && (after === undefined || after.isOpener))
}

/** How bad it is to break between two words, from 0 (a sentence ends) to 1.3 (an article is torn from its noun). */
export function breakCost(before: WordFacts, after: WordFacts, isFirst = false): number {
  if (sentenceEnds(before, after)) return 0
  if (after.first === 'enclitic') return 1.2
  if (before.mark === 'clause') return 0.25
  if (before.last === 'number' && after.first === 'unit') return 1.1
  if (before.last === 'function') return 1.3
  if (before.last === 'name' && after.first === 'name' && !isFirst) return 1.2
  if (after.first === 'conjunction') return 0.45
  return after.first === 'preposition' ? 0.6 : 0.8
}

/** Whether `text` ends, without punctuation, on a word that belongs to the next, such as an article. */
export function endsOnFunctionWord(text: string, language?: string): boolean {
  const word = text.trimEnd().split(/\s/u).at(-1) ?? ''
  const facts = wordFacts(word, lexiconFor(language))
  return facts.mark === 'none' && facts.last === 'function'
}
