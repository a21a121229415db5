/** Marks that are not text: byte-order mark, soft hyphen, and everything of C0 and C1 that is not white space. */
// oxlint-disable-next-line no-control-regex
const DELETED = /[\u0000-\u0008\u000E-\u001B\u007F-\u0084\u0086-\u009F\u00AD\uFEFF]/g

/** White space that some caption reader takes for the end of a line: each becomes a plain space. */
// oxlint-disable-next-line no-control-regex
const SPACES = /[\t\n\v\f\r\u001C-\u001F \u0085\u2028\u2029]+/g

/** What turns the direction of the text after it, until its counterpart comes: each with that. */
const TURNS: Readonly<Record<string, string>> = {
  '\u202A': '\u202C',
  '\u202B': '\u202C',
  '\u202D': '\u202C',
  '\u202E': '\u202C',
  '\u2066': '\u2069',
  '\u2067': '\u2069',
  '\u2068': '\u2069',
}
const TURN = /[\u202A-\u202E\u2066-\u206F]/
/** The same with the marks that only count as a letter of their direction. */
const DIRECTION = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u206F]/g

/** Half of a surrogate pair has no UTF-8 form, and FFmpeg refuses text with what Unicode says is no character. */
const LONE_SURROGATE = /\p{Surrogate}/gu
const NO_CHARACTER = /\p{Noncharacter_Code_Point}/gu

/** Anything a reader can see. */
const VISIBLE = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]/u

/** Letters and marks beyond ASCII that are clean, and that normalisation leaves alone whatever stands beside them. */
const LETTERS =
  '\u00A1-\u00AC\u00AE-\u02FF\u0391-\u03A1\u03A3-\u03CE\u0400-\u0482\u048A-\u052F\u05D0-\u05EA\u2010-\u2027' +
  '\u3001-\u3029\u3041-\u3096\u30A1-\u30FE\u4E00-\u9FFF\uAC00-\uD7A3\uFF01-\uFF5E'

/** A line that is clean, as nearly all are. */
export const plainLine = new RegExp(`^[!-~${LETTERS}]+(?: [!-~${LETTERS}]+)*$`)

/**
 * One line of text that every caption reader takes as it stands: composed (NFC), no control characters, no line
 * breaks of any kind, white space collapsed, halves of surrogate pairs replaced by U+FFFD. Text with nothing visible
 * in it becomes `''`. No-break spaces, emoji, joiners and marks of writing direction stay.
 */
export function cleanText(text: string): string {
  if (plainLine.test(text)) return text
  const clean = text
    .replace(LONE_SURROGATE, '\uFFFD')
    .replace(NO_CHARACTER, '')
    .replace(DELETED, '')
    .replace(SPACES, ' ')
    .normalize('NFC')
    .trim()
  return VISIBLE.test(clean) ? clean : ''
}

/** The same for a line by itself: marks that turn the direction of writing stay only in pairs. */
export function cleanLine(text: string): string {
  return cleanText(TURN.test(text) ? withinLine(text) : text)
}

/** The same for a name, which stands beside the text of others: it has no marks of direction at all. */
export function cleanName(text: string): string {
  return cleanText(text.replaceAll(DIRECTION, ''))
}

/** Leaves out marks of direction that are not nested in pairs. */
function withinLine(text: string): string {
  const characters = text.split('')
  const open: { index: number; end: string }[] = []
  const kept = new Set<number>()
  for (const [index, character] of characters.entries()) {
    const end = TURNS[character]
    if (end !== undefined) open.push({ index, end })
    const last = open.at(-1)
    if (end !== undefined || last?.end !== character) continue
    open.pop()
    kept.add(last.index).add(index)
  }
  return characters.filter((character, index) => kept.has(index) || !TURN.test(character)).join('')
}

/** A clean line with a ready-made label such as `Alice: ` before it; a label without anything visible is left out. */
function labelled(line: string, label: string): string {
  return label === '' || cleanText(label) === '' ? line : cleanLine(label + line)
}

/** The lines that have anything visible, clean, with a ready-made label before the first of them. */
export function visibleLines(lines: readonly string[], label = ''): string[] {
  const visible: string[] = []
  for (const raw of lines) {
    const line = cleanLine(raw)
    if (line !== '') visible.push(visible.length === 0 ? labelled(line, label) : line)
  }
  return visible
}

/** As many values as there are {@link visibleLines}, of as many as there are lines. */
export function ofVisibleLines<T>(lines: readonly string[], values: readonly T[]): T[] {
  return values.filter((_, i) => cleanLine(lines[i] ?? '') !== '')
}

/** JSON of one line. */
export function toJson(value: unknown): string {
  // Legal in JSON, but some readers of lines take them for line ends.
  return JSON.stringify(value).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}
