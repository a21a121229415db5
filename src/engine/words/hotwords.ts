import type { RecogniserModel } from '../models/model.ts'

/** A transducer's vocabulary, and how it spells words; `tokens.txt` has the order of the pieces, not their weights. */

/** Signs of tokens lie in a plane of Unicode that nobody writes in; the tokens behind its end have none. */
const firstSign = 0xf0000
const signs = 0xfffe

/** A vocabulary is one of merges where so many of its pieces are made of two others. */
const mergedShare = 0.95
/** Zipf's law for pieces: with these, 98 to 99 % of English words are spelled as by the true probabilities. */
const zipf = { offset: 10, cost: 1 }

const space = /[ \t\r\n\f\v]+/
const ownSign = /^<[^<>]+>$/
/** Scripts that are written without spaces: their words do not begin with `▁`. */
const noSpaces = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u

export class Vocabulary {
  readonly #symbols = new Map<number, string>()
  /** Numbers and places of the pieces of words, in the order of the file. */
  readonly #pieces = new Map<string, { id: number; place: number }>()
  readonly #isMerged: boolean
  readonly #letterCase: 'upper' | 'lower' | 'both'
  readonly #longest: number

  /** @param tokens - text of `tokens.txt`: a symbol and its number a line. */
  constructor(tokens: string) {
    for (const line of tokens.split('\n')) {
      const fields = line.split(space).filter((field) => field !== '')
      if (fields.length === 0) continue
      // The library takes a number alone for that of a space.
      const symbol = fields.length === 1 ? ' ' : fields[0]!
      const id = Number(fields.at(-1))
      if (!Number.isSafeInteger(id) || id < 0) continue
      this.#symbols.set(id, symbol)
      const isPiece = symbol !== ' ' && !ownSign.test(symbol) && id < signs
      if (isPiece && !this.#pieces.has(symbol)) this.#pieces.set(symbol, { id, place: this.#pieces.size })
    }
    const all = [...this.#pieces.keys()]
    const long = all.filter((piece) => Array.from(piece).length > 1)
    const merged = long.filter((piece) => this.#isOfTwo(piece)).length
    this.#isMerged = merged >= long.length * mergedShare
    this.#longest = Math.max(0, ...all.map((piece) => Array.from(piece).length))
    const [hasUpper, hasLower] = [/\p{Lu}/u, /\p{Ll}/u].map((letter) => all.some((piece) => letter.test(piece)))
    this.#letterCase = hasUpper === hasLower ? 'both' : hasUpper ? 'upper' : 'lower'
  }

  /** The same `tokens.txt` with one sign for each token. The model's own, such as `<blk>`, the library looks for by name. */
  signed(): string {
    return [...this.#symbols]
      .map(([id, symbol]) => `${ownSign.test(symbol) || id >= signs ? symbol : signOf(id)} ${id}\n`)
      .join('')
  }

  /** The token of a sign, a space before it where it begins a word; what is no sign stays as it is. */
  textOf(sign: string): string {
    const code = sign.codePointAt(0) ?? 0
    if (code < firstSign || code >= firstSign + signs) return sign
    return (this.#symbols.get(code - firstSign) ?? '').replace(/^▁/, ' ')
  }

  /** The signs of the pieces of a text; `undefined` where it has no words, or not all characters are in the vocabulary. */
  spell(text: string): string | undefined {
    const words = this.#inCase(text.normalize('NFKC'))
      .split(/[\s▁]+/u)
      .filter((word) => word !== '')
    const spelled = words.map((word) => this.#spellWord(word))
    if (spelled.length === 0 || spelled.includes(undefined)) return undefined
    return spelled.join('')
  }

  #inCase(text: string): string {
    if (this.#letterCase === 'both') return text
    return this.#letterCase === 'upper' ? text.toUpperCase() : text.toLowerCase()
  }

  #spellWord(word: string): string | undefined {
    const characters = Array.from(`▁${word}`)
    let pieces = this.#isMerged ? this.#merge(characters) : this.#divide(characters)
    if (noSpaces.test(word) && (pieces === undefined || pieces[0] === '▁')) {
      const rest = characters.slice(1)
      pieces = this.#isMerged ? this.#merge(rest) : this.#divide(rest)
    }
    const ids = pieces?.map((piece) => this.#pieces.get(piece)?.id)
    if (ids === undefined || ids.includes(undefined)) return undefined
    return ids.map((id) => signOf(id!)).join('')
  }

  #isOfTwo(piece: string): boolean {
    const characters = Array.from(piece)
    return characters.some((_, at) => {
      if (at === 0) return false
      const halves = [characters.slice(0, at).join(''), characters.slice(at).join('')]
      return halves.every((half) => this.#pieces.has(half))
    })
  }

  /** As byte pair encoding does: again and again, the two neighbours that were joined first when it was trained. */
  #merge(characters: readonly string[]): string[] | undefined {
    const pieces = [...characters]
    for (;;) {
      let best: { at: number; place: number } | undefined
      for (let at = 0; at + 1 < pieces.length; at++) {
        const place = this.#pieces.get(pieces[at]! + pieces[at + 1]!)?.place
        if (place !== undefined && place < (best?.place ?? Infinity)) best = { at, place }
      }
      if (best === undefined) return pieces
      pieces.splice(best.at, 2, pieces[best.at]! + pieces[best.at + 1]!)
    }
  }

  /** As a unigram model does: the likeliest pieces, with probabilities guessed from the order, which is that of them. */
  #divide(characters: readonly string[]): string[] | undefined {
    const best: ({ cost: number; pieces: string[] } | undefined)[] = [{ cost: 0, pieces: [] }]
    for (let end = 1; end <= characters.length; end++) {
      for (let start = Math.max(0, end - this.#longest); start < end; start++) {
        const before = best[start]
        const piece = characters.slice(start, end).join('')
        const place = this.#pieces.get(piece)?.place
        if (before === undefined || place === undefined) continue
        const cost = before.cost + Math.log(place + zipf.offset) + zipf.cost
        if (cost < (best[end]?.cost ?? Infinity)) best[end] = { cost, pieces: [...before.pieces, piece] }
      }
    }
    return best[characters.length]?.pieces
  }
}

function signOf(id: number): string {
  return String.fromCodePoint(firstSign + id)
}

/** What a session may ask for: terms, and characters of each. Those of the protocol. */
export const keytermLimits = { terms: 100, characters: 50 }

/** Keyterms as the library takes them, and those that it cannot be told. */
export interface SpelledKeyterms {
  /** Signs of the pieces of each, joined by `/`. */
  hotwords: string
  /** Terms that cannot be spelled, are too long, or are too many; in their order. */
  ignored: string[]
}

/** Spells keyterms by signs of tokens only: what the library cannot read ends the process. */
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

export function isSpelled(hotwords: string): boolean {
  return /^[\u{f0000}-\u{ffffd}]+(?:\/[\u{f0000}-\u{ffffd}]+)*$/u.test(hotwords)
}

/** Which tokens the hotwords made likelier: those that go on with, or begin, one. NeMo's probabilities include that. */
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
