/** How long it takes to say a word, from how it is written: a rule of thumb that holds in any language. */

/** Letters that a character stands for: a digit is said as a word, an ideograph or syllable as two or three letters. */
const weights: [RegExp, number][] = [
  [/[\p{Script=Han}]/u, 3],
  [/[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u, 2],
  [/\p{N}/u, 4],
  [/\p{L}/u, 1],
]

/** Number of letters of a word as it is said; at least 1. */
export function spokenLetters(text: string): number {
  let letters = 0
  for (const character of text) letters += weights.find(([kind]) => kind.test(character))?.[1] ?? 0
  return Math.max(1, letters)
}

/** Length of a word of so many letters in calm speech, in ms. */
export const usualMs = (letters: number): number => 30 + 50 * letters
/** No word of so many letters is shorter, in ms: even hasty speech has no more than 30 letters a second. */
export const shortestMs = (letters: number): number => 30 + 15 * letters
/** Nobody draws a word of so many letters out for longer, in ms. */
export const longestMs = (letters: number): number => 400 + 150 * letters
