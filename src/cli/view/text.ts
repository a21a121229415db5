import { attributed } from '../../captions/speakers.ts'
import { cleanText } from '../../captions/text.ts'
import { displayName, type SpeakerNames } from '../../captions/speakers.ts'
import { vttTimestamp } from '../../captions/formats/timestamps.ts'
import { splitByWidth, textWidth } from '../../captions/width.ts'
import { wordRuns } from '../../captions/word-runs.ts'
import type { Turn } from '../../model.ts'
import type { createColors } from 'picocolors'

export interface TurnStyle {
  names: SpeakerNames
  colours: Colours
  speakers: SpeakerColours
}

/** The lines of a final turn, one for each speaker's run of words: `00:01:02 Alice: text`. Nothing in them moves the cursor. */
export function finalLines(turn: Turn, { names, colours, speakers }: TurnStyle): string[] {
  return wordRuns(turn).flatMap((segment) => {
    const text = printable(segment.text)
    if (text === '') return []
    const speaker = attributed(segment.speaker) ?? segment.channel
    const name = printable(displayName(speaker, names, segment.words) ?? '')
    const [time = ''] = vttTimestamp(segment.start).split('.')
    return [`${colours.dim(time)} ${name === '' ? '' : `${speakers.paint(speaker, `${name}:`)} `}${text}`]
  })
}

/** One line, of `width` columns at most, with the end of a turn that is still open. */
export function partialLine(turn: Turn, width: number, { names, colours, speakers }: TurnStyle): string {
  const last = turn.words.findLast((word) => attributed(word.speaker) !== undefined)
  const speaker = attributed(last?.speaker) ?? attributed(turn.speaker) ?? turn.channel
  const name = headToWidth(printable(displayName(speaker, names, turn.words) ?? ''), Math.floor(width / 3))
  const label = name === '' ? '' : `${name}: `
  const spoken = turn.transcript === '' ? turn.words.map((word) => word.text).join(' ') : turn.transcript
  const text = tailToWidth(printable(spoken), width - textWidth(label))
  return `${label === '' ? '' : speakers.paint(speaker, label)}${colours.dim(text)}`
}

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

export type Colours = ReturnType<typeof createColors>

const PALETTE = ['cyan', 'yellow', 'green', 'magenta', 'blue', 'red'] as const

/** Whether to write colours: only to a terminal that has them, and never where `NO_COLOR` is set. */
export function wantsColours(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  return isTerminal && env['TERM'] !== 'dumb' && (env['NO_COLOR'] ?? '') === ''
}

/** Gives each speaker a colour of the terminal, in order of appearance; the seventh has that of the first, bold. */
export class SpeakerColours {
  readonly #colours: Colours
  readonly #seen = new Map<string, number>()

  constructor(colours: Colours) {
    this.#colours = colours
  }

  paint(speaker: string | undefined, text: string): string {
    if (speaker === undefined) return text
    let place = this.#seen.get(speaker)
    if (place === undefined) this.#seen.set(speaker, (place = this.#seen.size))
    const painted = this.#colours[PALETTE[place % PALETTE.length] ?? 'cyan'](text)
    return Math.floor(place / PALETTE.length) % 2 === 1 ? this.#colours.bold(painted) : painted
  }
}
