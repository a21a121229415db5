import type { Lexicon } from './languages/lexicon.ts'

/** What the end of a word says of the sentence. */
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
export function endMark(word: string, lexicon: Lexicon): EndMark {
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
