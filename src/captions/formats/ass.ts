import type { Cue } from '../../model.ts'
import { cleanLine, cleanName, cleanText, visibleLines } from '../text.ts'
import { wordPlaces } from '../word-places.ts'
import { DEFAULT_STYLE, SPEAKER_COLOURS } from './speaker-styles.ts'
import { assTimestamp } from './timestamps.ts'

const STYLE_FIELDS =
  'Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, ' +
  'StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding'

/** How all cues of an ASS file look. */
export interface AssLook {
  /** Whether words are grey until they are said. @defaultValue `false` */
  highlightWords?: boolean | undefined
  /** Whether text stands on a black box, and not only in an outline. @defaultValue `false` */
  box?: boolean | undefined
}

/** As encoding of a style: libass finds the direction of writing of each line by its letters, which else goes from left to right. */
const OWN_DIRECTION = -1

function styleLine(name: string, colour: string, { highlightWords = false, box = false }: AssLook): string {
  const [, red, green, blue] = /^(..)(..)(..)$/.exec(colour) ?? []
  const primary = `&H00${blue}${green}${red}`
  const unsaid = highlightWords ? '&H00A0A0A0' : primary
  // A box has the colour of the outline; it covers itself between lines and words, and so lets nothing through.
  const edge = box
    ? '&H00000000,&H00000000,0,0,0,0,100,100,0,0,3,12,0'
    : '&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,3,1'
  return `Style: ${name},Arial,60,${primary},${unsaid},${edge},2,96,96,54,${OWN_DIRECTION}\n`
}

/**
 * What every ASS file begins with; a file of nothing else is valid and empty. It is laid out for a screen of 1920 by
 * 1080, on which a line of 42 columns takes less than two thirds of the width; players scale it to the video. Lines are
 * never broken by the player.
 *
 * Its styles are those that {@link SpeakerStyles} hands out. Who speaks is said by the field `Name` of each cue.
 */
export function assHeaderOf(look: AssLook = {}): string {
  return (
    '[Script Info]\nScriptType: v4.00+\nWrapStyle: 2\nScaledBorderAndShadow: yes\nPlayResX: 1920\nPlayResY: 1080\n\n' +
    `[V4+ Styles]\nFormat: ${STYLE_FIELDS}\n${styleLine(DEFAULT_STYLE, 'FFFFFF', look)}` +
    `${SPEAKER_COLOURS.map((colour, i) => styleLine(`Speaker${i + 1}`, colour, look)).join('')}\n` +
    '[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n'
  )
}

/**
 * Text of an ASS cue. The format has no escapes that all readers know, so what some reader would take for a code is
 * replaced: braces by parentheses, `-->` by `->` for programs that convert to other formats, and a space is put
 * into `\N`, `\n` and `\h`.
 */
export function sanitizeAssLine(line: string): string {
  return defuse(cleanLine(line))
}

function defuse(text: string): string {
  return text
    .replaceAll(/-{2,}>/g, '->')
    .replaceAll('{', '(')
    .replaceAll('}', ')')
    .replaceAll(/\\(?=[Nnh])/g, '\\ ')
}

/** A name as a field of an ASS cue: fields end at commas. */
export function sanitizeAssName(name: string): string {
  return cleanName(name.replaceAll(/[,{}\\]/g, ' '))
}

/** How a cue is written in ASS. */
export interface AssCueOptions {
  /** Who speaks, for the field `Name`, which players do not display. */
  name?: string | undefined
  /** One of the styles of {@link assHeaderOf}, as {@link SpeakerStyles} gives them. @defaultValue `'Default'` */
  style?: string
  /** Styles of single lines, in their order, for a cue of two speakers; `undefined` for that of the cue. */
  lineStyles?: readonly (string | undefined)[] | undefined
  /** Visible text before the first line, ready made, e.g. `'Alice: '`. @defaultValue `''` */
  label?: string
  /** Millisecond at which the cue before this one ends. */
  previousEnd?: number | undefined
  /** Whether words carry the time at which they are said, where it is known. @defaultValue `false` */
  highlightWords?: boolean | undefined
}

/**
 * One line of the section `[Events]`; `''` where the cue has no visible text.
 *
 * ASS counts in hundredths of a second: the start is rounded down and the end up, but where that would make the cue
 * overlap the one before it, the start is rounded up. So cues that do not overlap still do not, and times are within
 * 10 ms of the cue's; one that is shorter than 10 ms may get no length.
 */
export function formatAssCue(
  cue: Pick<Cue, 'start' | 'end' | 'lines'> & Partial<Pick<Cue, 'words'>>,
  options: AssCueOptions = {},
): string {
  const { name = '', style = DEFAULT_STYLE, lineStyles = [], label = '', previousEnd = 0 } = options
  const lines: string[] = []
  let current = style
  for (const [i, line] of cue.lines.entries()) {
    if (cleanText(line) === '') continue
    const text = sanitizeAssLine(lines.length === 0 ? label + line : line)
    const own = lineStyles[i] ?? style
    lines.push(own === current ? text : `{\\r${own}}${text}`)
    current = own
  }
  if (lines.length === 0) return ''
  const isAfter = previousEnd <= cue.start
  const start = Math.max(Math.floor(cue.start / 10), isAfter ? Math.ceil(previousEnd / 10) : 0)
  const end = Math.max(start, Math.ceil(cue.end / 10))
  const fields = `0,${assTimestamp(start)},${assTimestamp(end)},${style},${sanitizeAssName(name)},0,0,0,`
  const timed =
    options.highlightWords === true && lineStyles.length === 0 ? timedText(cue, label, start, end) : undefined
  return `Dialogue: ${fields},${timed ?? lines.join(String.raw`\N`)}\n`
}

/** The text with the hundredths of a second that each word takes, from its start to the next; `undefined` where nobody knows. */
function timedText(
  { lines, words = [] }: Pick<Cue, 'lines'> & Partial<Pick<Cue, 'words'>>,
  label: string,
  start: number,
  end: number,
): string | undefined {
  const bare = visibleLines(lines)
  const shown = visibleLines(lines, label)
  const places = wordPlaces(bare, words)
  if (places === undefined) return undefined
  const pieces: { text: string; from: number }[] = []
  let from = start
  for (const [i, line] of shown.entries()) {
    const before = line.length - (bare[i] ?? '').length
    // A backslash would change what the code after it means.
    const cuts = (places[i] ?? []).filter(({ at }) => line.charAt(before + at - 1) !== '\\')
    const [first] = cuts
    const rest = line.slice(0, first === undefined ? line.length : before + first.at)
    const last = pieces.at(-1)
    if (last !== undefined) last.text += String.raw`\N` + defuse(rest)
    else if (rest !== '') pieces.push({ text: defuse(rest), from })
    for (const [j, { at, start: said }] of cuts.entries()) {
      from = Math.min(end, Math.max(from, Math.round(said / 10)))
      pieces.push({ text: defuse(line.slice(before + at, (cuts[j + 1]?.at ?? line.length) + before)), from })
    }
  }
  const wait = (pieces[0]?.from ?? start) - start
  const codes = pieces.map(({ text, from: begin }, i) => `{\\k${(pieces[i + 1]?.from ?? end) - begin}}${text}`)
  return (wait > 0 ? `{\\k${wait}}` : '') + codes.join('')
}
