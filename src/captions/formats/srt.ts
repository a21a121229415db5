import type { Cue } from '../../model.ts'
import { visibleLines } from '../text.ts'
import { captionTimes, srtTimestamp } from './timestamps.ts'

/**
 * Text as every SubRip reader shows it. SubRip has no escapes, so what some reader would take for markup is replaced:
 * `-->` by `->`, `<tag>` by `‹tag›`, any other `<` that a later `>` could close by `‹`, and a space is put into `{\`,
 * `{y:` and `\N`, which are codes of other formats. A no-break space follows a `{` at the end of a line before another,
 * where the line break would make a code of it, and moves in a later line that begins with `NOTE`, a comment in WebVTT.
 *
 * @param lines - lines as shown; empty ones are dropped.
 * @param label - stands before the first.
 */
export function sanitizeSrtText(lines: readonly string[], label = ''): string {
  const text = visibleLines(lines, label).join('\n')
  // As nearly all are.
  if (!/[<>{\\]|\nNOTE/.test(text)) return text
  const safe = text
    .replaceAll(/-{2,}>/g, '->')
    .replaceAll(/<(?=\S)([^<>]*[^<>-])>/g, '‹$1›')
    .replaceAll(/\{(?=\\|[CcFfoPSsYy]:)/g, '{ ')
    .replaceAll(/\\(?=[Nnh])/g, '\\ ')
    .replaceAll('{\n', '{\u00A0\n')
    .replaceAll('\nNOTE', '\n\u00A0NOTE')
  const lastClosing = safe.lastIndexOf('>')
  return lastClosing < 0 ? safe : safe.slice(0, lastClosing).replaceAll('<', '‹') + safe.slice(lastClosing)
}

/** One SubRip block with its blank line, behind a ready-made label; `''` where nothing is visible. */
export function formatSrtCue(cue: Cue, label = ''): string {
  const text = sanitizeSrtText(cue.lines, label)
  if (text === '') return ''
  const { start, end } = captionTimes(cue)
  return `${cue.index}\n${srtTimestamp(start)} --> ${srtTimestamp(end)}\n${text}\n\n`
}
