import { cleanText } from '../captions/clean-text.ts'
import { splitByWidth, textWidth } from '../captions/width.ts'

/** Marks that turn the direction of everything after them, beyond the text they stand in. */
const DIRECTION = /[\u202A-\u202E\u2066-\u2069]/g

/** One line of text from elsewhere that does nothing on a terminal but show: no control characters of any kind. */
export function printable(text: string): string {
  return cleanText(text.replaceAll(DIRECTION, ''))
}

/** The lines of a text from elsewhere, each {@link printable}; empty ones are left out. */
export function printableLines(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map(printable)
    .filter((line) => line !== '')
}

/** The beginning of `text` that fits into `width` columns. */
export function headToWidth(text: string, width: number): string {
  if (width <= 0) return ''
  if (textWidth(text) <= width) return text
  const [head = ''] = splitByWidth(text, width - 1)
  // A single wide character may be too much already.
  return textWidth(head) < width ? `${head}…` : '…'
}

/** The end of `text` that fits into `width` columns, in whole words where it can be. */
export function tailToWidth(text: string, width: number): string {
  if (width <= 0) return ''
  if (textWidth(text) <= width) return text
  const words = text.split(' ')
  const kept: string[] = []
  let left = width - 2
  for (let i = words.length - 1; i >= 0; i--) {
    const word = words[i] as string
    left -= textWidth(word) + 1
    if (left < -1) break
    kept.unshift(word)
  }
  return kept.length > 0 ? `… ${kept.join(' ')}` : headToWidth(words.at(-1) ?? '', width)
}
