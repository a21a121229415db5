import type { Cue } from '../../model.ts'
import { joinedTexts } from '../../scripts.ts'
import { joinedLines, spacedWords } from '../joined-lines.ts'
import { visibleLines } from '../text.ts'
import { wordPlaces } from '../word-places.ts'
import { captionTimes, lrcTimestamp, sbvTimestamp } from './timestamps.ts'

/**
 * One cue of SBV with its empty line, behind a ready-made label; `''` where nothing is visible. The format has no escapes:
 * a space is put into a text that would be read as the times of a cue, and into `[br]`, which some readers take for a new line,
 * and before a bracket at the beginning of a line, which FFmpeg takes for a header.
 */
export function formatSbvCue(cue: Pick<Cue, 'start' | 'end' | 'lines'>, label = ''): string {
  const lines = visibleLines(cue.lines, label)
  if (lines.length === 0) return ''
  const { start, end } = captionTimes(cue)
  const text = lines
    .map((line) =>
      line
        .replaceAll(/(\d:\d+:\d+[.,]\d*,)(?=\d)/g, '$1 ')
        .replaceAll(/\[(?=br\])/gi, '[ ')
        .replace(/^\[/, ' ['),
    )
    .join('\n')
  return `${sbvTimestamp(start)},${sbvTimestamp(end)}\n${text}\n\n`
}

/** A time as LRC has it, without the brackets. */
function lrcTime(ms: number, round: (value: number) => number): number {
  return round(Math.max(0, Math.min(ms, 1e15)) / 10)
}

/**
 * One line of LRC, with the lines of the cue behind each other; `''` where nothing is visible. The format knows only when a
 * line begins: where the one before ended earlier, a line without text stands between them. Text that would be read as a
 * time gets a space: `[ 01:02]`.
 *
 * @param label - stands before the text, ready made.
 * @param previousEnd - when the line before ended, in ms.
 */
export function formatLrcCue(
  cue: Pick<Cue, 'start' | 'lines'> & Partial<Pick<Cue, 'words'>>,
  label = '',
  previousEnd?: number,
): string {
  const lines = visibleLines(cue.lines, label)
  if (lines.length === 0) return ''
  const start = lrcTime(cue.start, Math.floor)
  const text = oneLine(lines, cue, label).replaceAll(/([[<])(?=\d+:)/g, '$1 ')
  // A bracket at the beginning would be that of a tag.
  const line = `[${lrcTimestamp(start)}]${text.startsWith('[') ? ' ' : ''}${text}\n`
  const end = previousEnd === undefined ? start : lrcTime(previousEnd, Math.ceil)
  return end < start ? formatLrcEnd(previousEnd) + line : line
}

/** The lines of a cue as one; where its words are known, also whether a line begins inside one. */
function oneLine(lines: readonly string[], { lines: bare, words = [] }: Partial<Cue>, label: string): string {
  const shown = visibleLines(bare ?? [])
  const isSaid = lines.length > 1 && wordPlaces(shown, words) !== undefined
  if (!isSaid) return joinedTexts(lines)
  return visibleLines([joinedLines(shown, spacedWords(words))], label).join('')
}

/** The line without text with which LRC ends what is shown; `''` where nothing is. */
export function formatLrcEnd(end: number | undefined): string {
  return end === undefined ? '' : `[${lrcTimestamp(lrcTime(end, Math.ceil))}]\n`
}
