import type { Cue } from '../../model.ts'
import { cleanName, ofVisibleLines, visibleLines } from '../text.ts'
import { wordPlaces } from '../word-places.ts'
import { SPEAKER_COLOURS } from './speaker-styles.ts'
import { captionTimes, vttTimestamp } from './timestamps.ts'

/** What every WebVTT file begins with; a file of nothing else is valid and empty. */
export const vttHeader = 'WEBVTT\n\n'

/** What a file with colours of speakers begins with: the styles of the classes `speaker1` and so on. */
export const vttColoursHeader = `${vttHeader}STYLE\n${SPEAKER_COLOURS.map(
  (colour, i) => `::cue(.speaker${i + 1}) { color: #${colour} }\n`,
).join('')}\n`

/** Who speaks in a cue of WebVTT, and how it is shown. */
export interface VttSpeech {
  /** Speaker of the cue, written as its voice (`<v Name>`), which players do not display. */
  voice?: string | undefined
  /** Speaker of each line, where they differ; used in place of `voice`. */
  voices?: readonly (string | undefined)[] | undefined
  /** What is shown before the first line to say who speaks, ready made: `Alice: `. */
  label?: string | undefined
  /** Class of the speaker of the cue, for a style. */
  style?: string | undefined
  /** Class of the speaker of each line, where they differ. */
  styles?: readonly (string | undefined)[] | undefined
  /** Whether words carry the time at which they are said, where it is known. @defaultValue `false` */
  highlightWords?: boolean
}

/** Escapes clean text. Programs that convert WebVTT write an arrow unescaped, where it reads as a timing. */
function escapeText(text: string): string {
  if (!/[<>&]/.test(text)) return text
  return text
    .replaceAll(/-{2,}>/g, '->')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
}

const SETTING = /^(?:region|vertical|line|position|size|align)[:=].*/

/** A first line such as `line: 3` reads as settings, a later `NOTE` as a comment; inside a tag neither does. */
function shield(text: string, isBare: boolean): string {
  const first = isBare && SETTING.test(text) ? text.replace(SETTING, '<c>$&</c>') : text
  return first.includes('\nNOTE') ? first.replaceAll(/(?<=\n)NOTE.*/g, '<c>$&</c>') : first
}

/** A name as annotation of a voice tag, without what readers disagree on: escapes, backslashes, braces, two dashes. */
export function sanitizeVttName(name: string): string {
  return cleanName(name.replaceAll(/[<>&\\{}\s]+/g, ' ')).replaceAll(/-{2,}/g, '-')
}

/** One WebVTT cue with its blank line, escaped; `''` where nothing is visible. */
export function formatVttCue(cue: Cue, speech: VttSpeech = {}): string {
  const timed = speech.highlightWords === true ? timedLines(cue, speech) : undefined
  const payload = payloadOf(cue, speech, timed)
  if (payload === '') return ''
  const { start, end } = captionTimes(cue)
  // Two lines for each cue below it, counted from the bottom.
  const place = cue.lane === undefined ? '' : ` line:${-2 - 2 * cue.lane}`
  return `${cue.index}\n${vttTimestamp(start)} --> ${vttTimestamp(end)}${place}\n${payload}\n\n`
}

/** The lines of a cue, escaped, with the time before each word; `undefined` where that is not known. */
function timedLines(cue: Cue, { label = '' }: VttSpeech): string[] | undefined {
  const bare = visibleLines(cue.lines)
  const lines = visibleLines(cue.lines, label)
  const places = wordPlaces(bare, cue.words, cue.lineSpeakers !== undefined)
  if (places === undefined) return undefined
  const { start, end } = captionTimes(cue)
  let latest = start
  return lines.map((line, i) => {
    const before = line.length - (bare[i] ?? '').length
    let text = ''
    let from = 0
    for (const { at, start: said } of places[i] ?? []) {
      // Each time must be later than the one before, and within the cue.
      const time = Math.round(said)
      if (time <= latest || time >= end) continue
      latest = time
      text += `${escapeText(line.slice(from, before + at))}<${vttTimestamp(time)}>`
      from = before + at
    }
    return text + escapeText(line.slice(from))
  })
}

/** A payload with the voices and classes of its lines, and with times where there are any. */
function payloadOf(cue: Cue, speech: VttSpeech, timed: readonly string[] | undefined): string {
  const { voice, voices, style, styles, label = '' } = speech
  const lines = timed ?? visibleLines(cue.lines, label).map((line) => escapeText(line))
  const opened = (name = '', styled = ''): string => {
    const known = sanitizeVttName(name)
    const suffix = styled === '' ? '' : `.${styled}`
    return known === '' ? (suffix === '' ? '' : `<c${suffix}>`) : `<v${suffix} ${known}>`
  }
  const wrapped = (text: string, open: string): string => {
    const inner = shield(text, open === '')
    return open === '' ? inner : `${open}${inner}</${open.charAt(1)}>`
  }
  if (lines.length === 0) return ''
  if (voices === undefined && styles === undefined) return wrapped(lines.join('\n'), opened(voice, style))
  const lineVoices = voices && ofVisibleLines(cue.lines, voices)
  const lineStyles = styles && ofVisibleLines(cue.lines, styles)
  const parts = lines.map((line, i) => {
    const open = opened(lineVoices === undefined ? voice : lineVoices[i], lineStyles?.[i] ?? style)
    return open === '' ? line : `${open}${line}</${open.charAt(1)}>`
  })
  return shield(parts.join('\n'), true)
}
