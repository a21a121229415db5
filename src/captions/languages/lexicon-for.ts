import { english } from './english.ts'
import { french } from './french.ts'
import { german } from './german.ts'
import { lexicon, type Lexicon } from './lexicon.ts'
import { spanish } from './spanish.ts'
import { chinese, japanese } from './without-spaces.ts'

const LEXICONS: Readonly<Record<string, Lexicon>> = {
  en: english,
  de: german,
  fr: french,
  es: spanish,
  ja: japanese,
  zh: chinese,
  yue: chinese,
}

/** Languages in which a number and a full stop are an ordinal. */
const ORDINAL_DOT = new Set('bs cs da de et eu fi fo hr hu is lb lv me nb nn no pl sk sl sr tr'.split(' '))

const UNKNOWN = lexicon({})
const UNKNOWN_ORDINAL_DOT = lexicon({}, { ordinalDot: true })

/** What is known of a language's words, by BCP-47 tag; nothing where there are no lists, so that punctuation counts. */
export function lexiconFor(language = 'en'): Lexicon {
  const primary = language.trim().toLowerCase().split(/[-_]/, 1)[0] ?? ''
  if (primary === '' || primary === 'und') return english
  if (Object.hasOwn(LEXICONS, primary)) return LEXICONS[primary] ?? UNKNOWN
  return ORDINAL_DOT.has(primary) ? UNKNOWN_ORDINAL_DOT : UNKNOWN
}
