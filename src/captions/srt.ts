import type { Cue } from '../model.ts'
import { cleanText } from './clean-text.ts'
import { srtTimestamp } from './timestamps.ts'

/**
 * Text as every SubRip reader shows it. SubRip has no escapes, so what some reader would take for markup is replaced:
 * `-->` by `->`, a `<` that a later `>` could close by `‹`, and a space is put into `{\`, `{y:` and `\N`, which
 * are codes of other formats.
 *
 * @param lines - lines as shown; empty ones are dropped.
 */
export function sanitizeSrtText(lines: readonly string[]): string {
  const text = lines
    .map(cleanText)
    .filter((line) => line !== '')
    .join('\n')
    .replaceAll(/-{2,}>/g, '->')
    .replaceAll(/<(?=\S)([^<>]*[^<>-])>/g, '‹$1›')
    .replaceAll(/\{(?=\\|[CcFfoPSsYy]:)/g, '{ ')
    .replaceAll(/\\(?=[Nnh])/g, '\\ ')
  const lastClosing = text.lastIndexOf('>')
  return text.replaceAll(/<(?=\S)/g, (bracket, at: number) => (at < lastClosing ? '‹' : bracket))
}

/**
 * One SubRip block, with the blank line that ends it; `''` where the cue has no visible text.
 *
 * @param name - shown before the first line as `Name: `.
 */
export function formatSrtCue(cue: Cue, name?: string): string {
  const lines = cue.lines.map(cleanText).filter((line) => line !== '')
  if (lines.length === 0) return ''
  const prefix = name === undefined ? '' : cleanText(name)
  if (prefix !== '') lines[0] = `${prefix}: ${lines[0]}`
  return `${cue.index}\n${srtTimestamp(cue.start)} --> ${srtTimestamp(cue.end)}\n${sanitizeSrtText(lines)}\n\n`
}
