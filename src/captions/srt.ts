import type { Cue } from '../model.ts'
import { visibleLines } from './clean-text.ts'
import { captionTimes, srtTimestamp } from './timestamps.ts'

/** What some reader of SubRip takes for more than text. */
const SUSPICIOUS = /[<>{\\]|\nNOTE/

/**
 * Text as every SubRip reader shows it. SubRip has no escapes, so what some reader would take for markup is replaced:
 * `-->` by `->`, `<tag>` by `‹tag›`, any other `<` that a later `>` could close by `‹`, and a space is put into `{\`,
 * `{y:` and `\N`, which are codes of other formats. A no-break space follows a `{` that ends a line, where the line
 * break would make a code of it, and moves in a later line that begins with `NOTE`, a comment in WebVTT.
 *
 * @param lines - lines as shown; empty ones are dropped.
 */
export function sanitizeSrtText(lines: readonly string[]): string {
  return defuse(visibleLines(lines).join('\n'))
}

function defuse(text: string): string {
  if (!SUSPICIOUS.test(text)) return text
  const safe = text
    .replaceAll(/-{2,}>/g, '->')
    .replaceAll(/<(?=\S)([^<>]*[^<>-])>/g, '‹$1›')
    .replaceAll(/\{(?=\\|[CcFfoPSsYy]:)/g, '{ ')
    .replaceAll(/\\(?=[Nnh])/g, '\\ ')
    .replaceAll(/\{$/gm, '{\u00A0')
    .replaceAll('\nNOTE', '\n\u00A0NOTE')
  const lastClosing = safe.lastIndexOf('>')
  return lastClosing < 0 ? safe : safe.slice(0, lastClosing).replaceAll('<', '‹') + safe.slice(lastClosing)
}

/**
 * One SubRip block, with the blank line that ends it; `''` where the cue has no visible text.
 *
 * @param label - what is shown before the first line to say who speaks, ready made: `Alice: `.
 */
export function formatSrtCue(cue: Cue, label = ''): string {
  const lines = visibleLines(cue.lines, label)
  if (lines.length === 0) return ''
  const { start, end } = captionTimes(cue)
  return `${cue.index}\n${srtTimestamp(start)} --> ${srtTimestamp(end)}\n${defuse(lines.join('\n'))}\n\n`
}
