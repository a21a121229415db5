import type { Cue } from '../model.ts'
import type { LayoutSettings } from './layout-options.ts'
import { displayName } from './names.ts'
import { startsRightToLeft } from '../scripts.ts'

/** What must be known of the cue before another. */
export type PreviousCue = Pick<Cue, 'end' | 'speaker'>

/**
 * What is shown before the first line of a cue to say who speaks, with the space that follows it: `Alice: `, `ALICE: `
 * or `>> `. It is `''` where the speaker is that of the cue before, less than `labelAfter` ago, or nobody knows.
 *
 * Where the text of the cue is written from right to left, the label is isolated, so that it does not turn the line.
 *
 * @param previous - the visible cue before; absent at the beginning.
 */
export function cueLabel(
  cue: Pick<Cue, 'speaker' | 'start'> & Partial<Pick<Cue, 'lines'>>,
  previous: PreviousCue | undefined,
  settings: Pick<LayoutSettings, 'labels' | 'labelAfter' | 'speakers'>,
): string {
  if (settings.labels === 'none' || cue.speaker === undefined) return ''
  const isSame = previous !== undefined && previous.speaker === cue.speaker
  if (isSame && cue.start - previous.end < settings.labelAfter) return ''
  const label = labelText(cue.speaker, settings)
  if (label === '' || !startsRightToLeft(cue.lines?.[0] ?? '')) return label
  return `\u2068${label.trimEnd()}\u2069 `
}

function labelText(speaker: string, { labels, speakers }: Pick<LayoutSettings, 'labels' | 'speakers'>): string {
  const name = displayName(speaker, speakers)
  if (name === undefined) return ''
  if (labels === 'chevrons') return '>> '
  return `${labels === 'capitals' ? name.toUpperCase() : name}: `
}
