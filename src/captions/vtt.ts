import type { Cue } from '../model.ts'
import { cleanText } from './clean-text.ts'
import { vttTimestamp } from './timestamps.ts'

/** What every WebVTT file begins with; a file of nothing else is valid and empty. */
export const vttHeader = 'WEBVTT\n\n'

/**
 * Text as the payload of a WebVTT cue: escaped, without empty lines. An arrow becomes `->`, because programs that
 * convert WebVTT write it unescaped, where it reads as a timing.
 */
export function escapeVttText(lines: readonly string[]): string {
  return lines
    .map(cleanText)
    .filter((line) => line !== '')
    .join('\n')
    .replaceAll(/-{2,}>/g, '->')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
}

/**
 * A name as the annotation of a voice tag. Readers disagree on escapes there, so `<`, `>` and `&` are left out; two
 * dashes become one, since the end of the tag would make an arrow of them.
 */
export function sanitizeVttName(name: string): string {
  return cleanText(name.replaceAll(/[<>&]/g, ' ')).replaceAll(/-{2,}/g, '-')
}

/**
 * One WebVTT cue, with the blank line that ends it; `''` where the cue has no visible text.
 *
 * @param name - speaker of the cue, written as its voice (`<v Name>`), which players do not display.
 */
export function formatVttCue(cue: Cue, name?: string): string {
  const text = escapeVttText(cue.lines)
  if (text === '') return ''
  const voice = name === undefined ? '' : sanitizeVttName(name)
  const payload = voice === '' ? text : `<v ${voice}>${text}</v>`
  return `${cue.index}\n${vttTimestamp(cue.start)} --> ${vttTimestamp(cue.end)}\n${payload}\n\n`
}
