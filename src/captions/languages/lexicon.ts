/** What is known of a language's words, for choosing where captions are cut. All words are in lower case. */
export interface Lexicon {
  /** Words that belong to the word after them: articles, possessives, pronouns, auxiliaries, negations. */
  functionWords: ReadonlySet<string>
  /** Words that join clauses: good to begin with, bad to end on. */
  conjunctions: ReadonlySet<string>
  prepositions: ReadonlySet<string>
  /** Abbreviations without their last full stop: no sentence ends with them. */
  abbreviations: ReadonlySet<string>
  /** Abbreviations, likewise, that may also stand at the end of a sentence. */
  finalAbbreviations: ReadonlySet<string>
  /** Words that belong to the number before them. */
  units: ReadonlySet<string>
  numbers: ReadonlySet<string>
  /** Shortened words before an apostrophe, without it (`l` for `l'homme`). */
  elisions: ReadonlySet<string>
  /** Words and particles that belong to the word before them. */
  enclitics: ReadonlySet<string>
  /** Whether `3.` is an ordinal number. */
  ordinalDot: boolean
  /** Whether a space that cannot break stands before `!`, `?`, `:`, `;` and `»`. */
  spacedMarks: boolean
}

function words(list: string): ReadonlySet<string> {
  return new Set(list.split(/\s+/).filter((word) => word !== ''))
}

/** Units that are written alike in many languages. */
const COMMON_UNITS = `
  mm cm m km mg g kg t ml cl dl l ms s min h hz khz mhz ghz kb mb gb tb w kw mw gw kwh v mv °c °f °
  % ‰ € $ £ ¥ eur usd gbp km/h m/s`

type Lists = Partial<Record<Exclude<keyof Lexicon, 'ordinalDot' | 'spacedMarks'>, string>>

/** A lexicon of `lists`; what is not given is empty or false. */
export function lexicon(lists: Lists, habits: Partial<Pick<Lexicon, 'ordinalDot' | 'spacedMarks'>> = {}): Lexicon {
  const set = (name: keyof Lists) => words(lists[name] ?? '')
  return {
    functionWords: set('functionWords'),
    conjunctions: set('conjunctions'),
    prepositions: set('prepositions'),
    abbreviations: set('abbreviations'),
    finalAbbreviations: set('finalAbbreviations'),
    units: words(`${COMMON_UNITS} ${lists.units ?? ''}`),
    numbers: set('numbers'),
    elisions: set('elisions'),
    enclitics: set('enclitics'),
    ordinalDot: habits.ordinalDot ?? false,
    spacedMarks: habits.spacedMarks ?? false,
  }
}
