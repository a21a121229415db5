import type { RecogniserModel } from '../models/model.ts'
import type { Vocabulary } from './vocabulary.ts'

/** What a session may ask for: terms, and characters of each. Those of the protocol. */
export const keytermLimits = { terms: 100, characters: 50 }

/** Keyterms as the library takes them, and those that it cannot be told. */
export interface SpelledKeyterms {
  /** Signs of the pieces of each, joined by `/`. */
  hotwords: string
  /** Terms that cannot be spelled, are too long, or are too many; in their order. */
  ignored: string[]
}

/**
 * Spells keyterms for the library, which reads a language of its own: `:` begins a score, `#` and `@` other things, `/` ends
 * a term, and what it cannot read ends the process. So it is given signs of tokens only, whatever a term consists of.
 */
export function spellKeyterms(terms: readonly string[], vocabulary: Vocabulary): SpelledKeyterms {
  const spelled = new Set<string>()
  const ignored: string[] = []
  for (const term of new Set(terms.map(plain))) {
    if (term === '') continue
    const isTaken = spelled.size < keytermLimits.terms && Array.from(term).length <= keytermLimits.characters
    const signs = isTaken ? vocabulary.spell(term) : undefined
    if (signs === undefined) ignored.push(term)
    else spelled.add(signs)
  }
  return { hotwords: [...spelled].join('/'), ignored }
}

/** Whether a text is what {@link spellKeyterms} makes. */
export function isSpelled(hotwords: string): boolean {
  return /^[\u{f0000}-\u{ffffd}]+(?:\/[\u{f0000}-\u{ffffd}]+)*$/u.test(hotwords)
}

/**
 * Which of the tokens of a result were made likelier by the hotwords: those that go on with, or begin, one of them, from
 * where the library's search stood. What it says of the probabilities of NeMo's tokens includes what was added.
 */
export function boostedTokens(hotwords: string, signs: readonly string[]): boolean[] {
  const terms = hotwords.split('/').map((term) => Array.from(term))
  const beginnings = new Set(terms.flatMap((term) => term.map((_, at) => term.slice(0, at + 1).join(''))))
  const whole = new Set(terms.map((term) => term.join('')))
  let place: string[] = []
  return signs.map((sign) => {
    place = [...place, sign]
    const isBoosted = beginnings.has(place.join(''))
    while (place.length > 0 && !beginnings.has(place.join(''))) place = place.slice(1)
    // After a whole term, also one at the end of another's beginning, it starts anew.
    if (place.some((_, at) => whole.has(place.slice(at).join('')))) place = []
    return isBoosted
  })
}

/** Why terms have no effect, for people; names the first few. */
export function whyIgnored(model: string, ignored: readonly string[]): string {
  const named = ignored.slice(0, 5).map((term) => `"${term.slice(0, keytermLimits.characters)}"`)
  const more = ignored.length > named.length ? ` and ${ignored.length - named.length} more` : ''
  return (
    `the model ${model} cannot listen for ${named.join(', ')}${more}: its vocabulary has not all of the characters, or ` +
    `there are more than ${keytermLimits.terms} keyterms or ${keytermLimits.characters} characters`
  )
}

/** Says that a model takes no keyterms at all. */
export function noKeyterms({ name }: RecogniserModel): string {
  return `the model ${name} cannot listen for keyterms; they have no effect`
}

/** Without control characters, halves of characters and needless spaces. */
function plain(term: string): string {
  return term
    .replaceAll(/\p{Cf}/gu, '')
    .replaceAll(/[\s\p{Cc}\p{Cs}]+/gu, ' ')
    .trim()
}
