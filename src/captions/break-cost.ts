const list = (words: string) => new Set(words.split(' '))

const CONJUNCTIONS = list(
  'and but or nor so yet because that which who whom whose when while where if than unless until as',
)
const PREPOSITIONS = list(
  'of in on at to for with from by about into over after before between through during without along across against around behind below beside beyond inside near onto outside past since toward towards under upon within',
)
const FUNCTION_WORDS = list(
  "a an the my your his her its our their this these those i you he she we they it is are was were be been do does did have has had can could will would shall should may might must not i'm it's very",
)
const ABBREVIATION = /^(?:mr|mrs|ms|dr|prof|st|vs|etc|e\.g|i\.e|[a-z])\.$/i

/** Whether a sentence ends with `token`. */
export function endsSentence(token: string): boolean {
  return /[.?!…。！？]["'”’)\]»]*$/u.test(token) && !ABBREVIATION.test(token)
}

/**
 * How bad it is to break between two words, from 0 (a sentence ends) to 1.3 (an article is torn from its noun). The
 * lists are English; other languages have their punctuation only.
 */
export function breakCost(before: string, after: string): number {
  if (endsSentence(before)) return 0
  if (/[,;:—–、，]["'”’)\]»]*$/u.test(before)) return 0.25
  const last = before.toLowerCase()
  if (FUNCTION_WORDS.has(last) || CONJUNCTIONS.has(last) || PREPOSITIONS.has(last)) return 1.3
  const next = after.toLowerCase()
  if (CONJUNCTIONS.has(next)) return 0.45
  return PREPOSITIONS.has(next) ? 0.6 : 0.8
}
