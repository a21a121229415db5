import { lettersToSound, plainLetters } from './letter-to-sound.ts'

/** The most terms that are heard, and the longest of them in characters: the limits of the v3 protocol. */
const most = { terms: 100, characters: 50 }
/** The most ways to say a term that are listened for. */
const mostWays = 4
/** The longest pronunciation in phones; longer ones are left out. */
const mostPhones = 80

/** One way to say a keyterm. */
export interface KeytermPronunciation {
  /** The term as it was given, with single spaces. */
  text: string
  /** Phones of the CMU dictionary, without stress. */
  phones: string[]
}

/** Gives the dictionary's pronunciations of a word in lower case; none where the dictionary does not have it. */
export type DictionaryLookup = (word: string) => string[][]

const digits = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']
const letterNames: Record<string, string> = Object.fromEntries(
  (
    'a EY,b B IY,c S IY,d D IY,e IY,f EH F,g JH IY,h EY CH,i AY,j JH EY,k K EY,l EH L,m EH M,n EH N,o OW,p P IY,' +
    'q K Y UW,r AA R,s EH S,t T IY,u Y UW,v V IY,w D AH B AH L Y UW,x EH K S,y W AY,z Z IY'
  )
    .split(',')
    .map((entry) => [entry[0]!, entry.slice(2)]),
)

/**
 * How the terms a client expects may be said: by the dictionary where it has a word, or both halves of a compound;
 * letter by letter where a word is written in capitals; else by a guess from the spelling. Terms beyond the protocol's
 * limits, and those without a letter of the Latin alphabet or a digit, are left out.
 */
export function pronounceKeyterms(terms: readonly string[], lookup: DictionaryLookup): KeytermPronunciation[] {
  const seen = new Set<string>()
  return terms.slice(0, most.terms).flatMap((term) => {
    const text = term.trim().replace(/\s+/g, ' ')
    if (text === '' || term.length > most.characters || seen.has(text)) return []
    seen.add(text)
    return pronounceTerm(text, lookup).map((phones) => ({ text, phones }))
  })
}

function pronounceTerm(text: string, lookup: DictionaryLookup): string[][] {
  const words = text
    .split(/[^\p{L}\p{M}\p{N}'’]+/u)
    // A number is said digit by digit.
    .flatMap((word) => word.split(/(\d)/))
    .map((word) => pronounceWord(word.replaceAll('’', "'"), lookup))
    .filter((ways) => ways.length > 0)
  const count = Math.min(mostWays, Math.max(0, ...words.map((ways) => ways.length)))
  const ways = Array.from({ length: count }, (_, way) => words.flatMap((of) => of[Math.min(way, of.length - 1)]!))
  // Single phones are heard everywhere.
  return ways.filter((phones) => phones.length >= 2 && phones.length <= mostPhones)
}

function pronounceWord(word: string, lookup: DictionaryLookup): string[][] {
  if (/^\d$/.test(word)) return lookup(digits[Number(word)]!)
  const letters = plainLetters(word)
  if (letters === '') return []
  const apostrophe = plainLetters(word.replaceAll("'", '')) === word.replaceAll("'", '').toLowerCase()
  const known = lookup(apostrophe ? word.toLowerCase() : letters)
  const spelt = Array.from(letters).flatMap((letter) => letterNames[letter]!.split(' '))
  const said = known.length > 0 ? known : (compound(letters, lookup) ?? lettersToSound(letters))
  return /^[A-Z]{2,5}$/.test(word) || letters.length === 1 ? [spelt, ...said] : said
}

/** The pronunciation of two words of the dictionary written as one, split where the shorter of them is longest. */
function compound(letters: string, lookup: DictionaryLookup): string[][] | undefined {
  const splits = Array.from({ length: Math.max(0, letters.length - 7) }, (_, index) => index + 4)
  const middle = letters.length / 2
  for (const at of splits.toSorted((a, b) => Math.abs(a - middle) - Math.abs(b - middle))) {
    const [first] = lookup(letters.slice(0, at))
    const [second] = first === undefined ? [] : lookup(letters.slice(at))
    if (first !== undefined && second !== undefined) return [[...first, ...second]]
  }
  return undefined
}
