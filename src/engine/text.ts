/** A word as {@link formatWords} sees it. */
export interface PlainWord {
  text: string
  /** Who said it; absent where unknown. */
  speaker?: string
  /** First ms of the word; with `end` it shows the pauses. */
  start?: number
  end?: number
}

/** A pause this long ends a sentence, ms: longer than that at a comma, shorter than that of a turn. */
const SENTENCE_PAUSE_MS = 350

/**
 * Casing and punctuation for the words of a finished turn, by a simple rule: what one speaker says without a pause is a
 * sentence, which begins with a capital and ends with a full stop; and the word "I" (alone or as in "I'm") is a capital.
 * The recogniser's own words are lower case without punctuation. Returns the texts.
 */
export function formatWords(words: readonly PlainWord[]): string[] {
  return words.map((word, index) => {
    const { text } = word
    const before = words[index - 1]
    const after = words[index + 1]
    let shown = /^i('|$)/.test(text) ? `I${text.slice(1)}` : text
    if (before === undefined || isBoundary(before, word)) shown = shown.charAt(0).toUpperCase() + shown.slice(1)
    const last = after === undefined || isBoundary(word, after)
    return last && !shown.endsWith('.') ? `${shown}.` : shown
  })
}

function isBoundary(before: PlainWord, after: PlainWord): boolean {
  const pause = (after.start ?? 0) - (before.end ?? Infinity)
  return before.speaker !== after.speaker || pause >= SENTENCE_PAUSE_MS
}
