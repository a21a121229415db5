/** A word as {@link formatWords} sees it. */
export interface PlainWord {
  text: string
  /** Who said it; absent where unknown. */
  speaker?: string
}

/**
 * Casing and punctuation for the words of a finished turn, by a simple rule: what one speaker says in a row is a
 * sentence, which begins with a capital and ends with a full stop; and the word "I" (alone or as in "I'm") is a capital.
 * The recogniser's own words are lower case without punctuation. Returns the texts.
 */
export function formatWords(words: readonly PlainWord[]): string[] {
  return words.map(({ text, speaker }, index) => {
    const before = words[index - 1]
    const after = words[index + 1]
    let shown = /^i('|$)/.test(text) ? `I${text.slice(1)}` : text
    if (before === undefined || before.speaker !== speaker) shown = shown.charAt(0).toUpperCase() + shown.slice(1)
    const last = after === undefined || after.speaker !== speaker
    return last && !shown.endsWith('.') ? `${shown}.` : shown
  })
}
