/** Characters of the scripts that put no space between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese. */
const SPACELESS =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}\\u30FC'
const FULL_WIDTH_PUNCTUATION = '\\u3000-\\u303F\\uFF01-\\uFF0F\\uFF1A-\\uFF20\\uFF3B-\\uFF40\\uFF5B-\\uFF65'

const HAS_SPACELESS = new RegExp(`[${SPACELESS}]`, 'u')
const BEGINS_SPACELESS = new RegExp(`^[${SPACELESS}${FULL_WIDTH_PUNCTUATION}]`, 'u')
const ENDS_SPACELESS = new RegExp(`[${SPACELESS}${FULL_WIDTH_PUNCTUATION}]\\p{M}*$`, 'u')
const DIGIT_FIRST = /^\d/
const DIGIT_LAST = /\d$/

/** Text that holds no character of those scripts, which is quick to see. */
const BELOW_THAI = /^[\u0000-\u0DFF]*$/ // oxlint-disable-line no-control-regex

/** Whether some of `text` is in a script that puts no space between words. */
export function isSpaceless(text: string): boolean {
  return !BELOW_THAI.test(text) && HAS_SPACELESS.test(text)
}

/** Whether two words stand without a space between them. */
export function areGlued(before: string, after: string): boolean {
  const isBefore = !BELOW_THAI.test(before) && ENDS_SPACELESS.test(before)
  const isAfter = !BELOW_THAI.test(after) && BEGINS_SPACELESS.test(after)
  return (isBefore && (isAfter || DIGIT_FIRST.test(after))) || (isAfter && DIGIT_LAST.test(before))
}

/** What stands between two texts: a space, where their scripts put one. */
export function spaceBetween(before: string, after: string): '' | ' ' {
  return before === '' || after === '' || areGlued(before, after) ? '' : ' '
}

/** As much of the end of a text as {@link spaceBetween} asks for. */
export function endOf(text: string): string {
  return text.slice(-8)
}

/** Words as one text, with spaces between them where their script puts some. */
export function joinedTexts(texts: readonly string[]): string {
  let joined = ''
  let before = ''
  for (const text of texts) {
    joined += spaceBetween(before, text) + text
    if (text !== '') before = text
  }
  return joined
}

const BELOW_HEBREW = /^[\u0000-\u058F]*$/ // oxlint-disable-line no-control-regex
const FIRST_LETTER = /\p{L}/u
const RIGHT_TO_LEFT =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Samaritan}\p{Script=Mandaic}\p{Script=Adlam}\p{Script=Hanifi_Rohingya}]/u

/** Whether the first letter of `text` is written from right to left. */
export function startsRightToLeft(text: string): boolean {
  if (BELOW_HEBREW.test(text)) return false
  const letter = FIRST_LETTER.exec(text)?.[0]
  return letter !== undefined && RIGHT_TO_LEFT.test(letter)
}
