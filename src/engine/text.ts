/**
 * Casing and punctuation for the words of a finished turn, by a simple rule: the first letter of the turn and the
 * word "I" (alone or as in "I'm") are capitals, and the last word carries a full stop. The recogniser's own words are
 * lower case without punctuation.
 */
export function formatWords(words: readonly string[]): string[] {
  return words.map((word, index) => {
    let text = /^i('|$)/.test(word) ? `I${word.slice(1)}` : word
    if (index === 0) text = text.charAt(0).toUpperCase() + text.slice(1)
    return index === words.length - 1 && !text.endsWith('.') ? `${text}.` : text
  })
}
