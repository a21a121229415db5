import type { Gap } from '../assemblyai/supervisor-options.ts'
import type { Warning } from '../errors.ts'
import { displayName, type SpeakerNames } from '../captions/names.ts'
import type { RunSummary } from '../progress.ts'
import { count } from './progress-line.ts'
import { printable } from './terminal-text.ts'

/** What a summary tells beside what the run itself knows. */
export interface SummaryFacts {
  names: SpeakerNames
  /** Files written. */
  files: readonly string[]
  /** Whether the input was ended by Ctrl-C. */
  interrupted: boolean
}

/** Lines for people on what was done. */
export function summaryLines(summary: RunSummary, { names, files, interrupted }: SummaryFacts): string[] {
  const { seconds, turns, speakers, languages, gaps, reconnects, elapsedSeconds } = summary
  const known = speakers.map((speaker) => printable(displayName(speaker, names) ?? speaker))
  const who = known.length === 0 ? '' : ` (${known.join(', ')})`
  return [
    `${seconds.toFixed(1)} s of audio in ${elapsedSeconds.toFixed(1)} s: ${count(turns, 'turn')}, ` +
      `${count(speakers.length, 'speaker')}${who}`,
    ...(languages.length > 0 ? [`heard: ${languages.map(languageName).join(', ')}`] : []),
    ...(interrupted ? [`ended by a signal; complete for the first ${seconds.toFixed(1)} s`] : []),
    ...(reconnects > 0 ? [`reconnected ${count(reconnects, 'time')}`] : []),
    ...gaps.map(gapLine),
    ...(files.length > 0 ? [`wrote ${files.map(printable).join(', ')}`] : []),
  ]
}

/** The warning on names for speakers that were not heard, which may be misspelt; `undefined` where there are none. */
export function unusedNames(names: SpeakerNames, speakers: readonly string[]): Warning | undefined {
  const labels = Object.keys(names).filter((label) => !speakers.includes(label))
  if (labels.length === 0) return undefined
  const heard = speakers.length === 0 ? 'nobody was heard' : `heard were ${speakers.map(printable).join(', ')}`
  const message = `--names has a name for ${labels.map(printable).join(', ')}, who never spoke; ${heard}`
  return { code: 'NAME_UNUSED', message, labels }
}

/** A language in English, and its code. */
function languageName(code: string): string {
  return `${new Intl.DisplayNames(['en'], { type: 'language' }).of(code) ?? code} (${code})`
}

/** A line for people on audio that nobody heard. */
export function gapLine({ start, end, channel }: Gap): string {
  const where = channel === undefined ? '' : ` on ${printable(channel)}`
  return `missing: ${(start / 1000).toFixed(3)} s to ${(end / 1000).toFixed(3)} s${where}`
}
