import { isSpaceless } from '../../scripts.ts'

export interface PlainWord {
  text: string
  speaker?: string
  /** First ms of the word; with `end` it shows the pauses. */
  start?: number
  end?: number
}

/** What is known of a turn beside its words, for one how it hangs together with its neighbours. */
export interface TurnContext {
  /** Whether the turn goes on in the middle of the sentence that the one before it left open. @defaultValue false */
  continues?: boolean
  /** Whether the turn was cut in the middle of a sentence. @defaultValue false */
  open?: boolean
}

/** A pause this long ends a sentence, ms: longer than that at a comma, shorter than that of a turn. */
export const SENTENCE_PAUSE_MS = 350

/** A verb before its subject, where that is hardly ever a request or a condition. */
const verbFirst = new RegExp(
  '^(?:' +
    "(?:is|are|am|was|were|isn't|aren't|wasn't|does|did|doesn't|didn't|can|could|can't|couldn't|will|would|won't|wouldn't) " +
    '(?:i|you|we|they|he|she|it|this|that|these|those|there|the|my|your|our|their|his|her|anybody|anyone|everybody|' +
    'everyone|somebody|someone)|' +
    "(?:do|don't|have|haven't) (?:i|you|we|they)|(?:has|hasn't) (?:he|she|it|this|that|the|anybody|anyone)" +
    ') ',
)
/** A question word before a verb or a measure. */
const questionWord = new RegExp(
  '^(?:what|where|when|why|who|how|which)' +
    "(?:'s|'re|'ll| (?:is|are|was|were|does|did|do|can|could|will|would|should|have|has)" +
    '|(?<=how) (?:many|much|long|often|far|old|about)|(?<=what) (?:happens|happened|about|time|kind)) ',
)

/**
 * Casing and punctuation for the words of a finished turn, by simple rules: what one speaker says without a pause is a
 * sentence, which begins with a capital and ends with a full stop, or with a question mark where it begins as only
 * questions do; and the word "I" (alone or as in "I'm") is a capital. Words with a capital or a sentence's end among them
 * come from a recogniser that writes as people do, and stay as they are. Returns the texts.
 */
export function formatWords(
  words: readonly PlainWord[],
  { continues = false, open = false }: TurnContext = {},
): string[] {
  if (words.some(({ text }) => /\p{Lu}|[.?!。？！]$/u.test(text))) return words.map(({ text }) => text)
  let sentence: string[] = []
  return words.map((word, index) => {
    const { text } = word
    const before = words[index - 1]
    const after = words[index + 1]
    let shown = /^i('|$)/.test(text) ? `I${text.slice(1)}` : text
    if (before === undefined || isBoundary(before, word)) {
      sentence = []
      if (before !== undefined || !continues) shown = shown.charAt(0).toUpperCase() + shown.slice(1)
      // Of a sentence without its beginning nobody can tell what it is.
      else sentence.push('-')
    }
    sentence.push(text.toLowerCase())
    const last = after === undefined ? !open : isBoundary(word, after)
    return last ? shown + (isQuestion(sentence) ? '?' : '.') : shown
  })
}

function isQuestion(words: readonly string[]): boolean {
  const text = `${words.join(' ')} `
  return words.length > 2 && (verbFirst.test(text) || questionWord.test(text))
}

function isBoundary(before: PlainWord, after: PlainWord): boolean {
  const pause = (after.start ?? 0) - (before.end ?? Infinity)
  return before.speaker !== after.speaker || pause >= SENTENCE_PAUSE_MS
}

/** A word without the capitals and the punctuation around it that a recogniser gave it. */
export function withoutFormat(text: string): string {
  const plain = text.replace(/^[\p{P}\s]+|[\p{P}\s]+$/gu, '').toLowerCase()
  return plain === '' ? text : plain
}

/** The texts of a turn with a capital where it `begins` an utterance, and a full stop where it `ends` one. */
export function asSentences(texts: readonly string[], { begins, ends }: { begins: boolean; ends: boolean }): string[] {
  const result = [...texts]
  const first = result[0]
  if (begins && first !== undefined) result[0] = first.replace(/^\P{L}*\p{Ll}/u, (start) => start.toUpperCase())
  const last = result.at(-1)
  if (ends && last !== undefined && !isSpaceless(last) && !/[.?!…]["'”’)\]]*$/.test(last)) {
    result[result.length - 1] = `${last.replace(/[,;:–—-]+$/, '')}.`
  }
  return result
}
