import { attributed } from '../captions/attributed.ts'
import { displayName, type SpeakerNames } from '../captions/names.ts'
import { vttTimestamp } from '../captions/timestamps.ts'
import { textWidth } from '../captions/width.ts'
import { wordRuns } from '../captions/word-runs.ts'
import type { Turn } from '../model.ts'
import type { Colours, SpeakerColours } from './speaker-colours.ts'
import { headToWidth, printable, tailToWidth } from './terminal-text.ts'

/** How turns are shown on a terminal. */
export interface TurnStyle {
  names: SpeakerNames
  colours: Colours
  speakers: SpeakerColours
}

/** The lines of a final turn, one for each speaker's run of words: `00:01:02 Alice: text`. Nothing in them moves the cursor. */
export function finalLines(turn: Turn, { names, colours, speakers }: TurnStyle): string[] {
  return wordRuns(turn).flatMap((segment) => {
    const text = printable(segment.text)
    if (text === '') return []
    const speaker = attributed(segment.speaker) ?? segment.channel
    const name = printable(displayName(speaker, names) ?? '')
    const [time = ''] = vttTimestamp(segment.start).split('.')
    return [`${colours.dim(time)} ${name === '' ? '' : `${speakers.paint(speaker, `${name}:`)} `}${text}`]
  })
}

/** One line, of `width` columns at most, with the end of a turn that is still open. */
export function partialLine(turn: Turn, width: number, { names, colours, speakers }: TurnStyle): string {
  const last = turn.words.findLast((word) => attributed(word.speaker) !== undefined)
  const speaker = attributed(last?.speaker) ?? attributed(turn.speaker) ?? turn.channel
  const name = headToWidth(printable(displayName(speaker, names) ?? ''), Math.floor(width / 3))
  const label = name === '' ? '' : `${name}: `
  const spoken = turn.transcript === '' ? turn.words.map((word) => word.text).join(' ') : turn.transcript
  const text = tailToWidth(printable(spoken), width - textWidth(label))
  return `${label === '' ? '' : speakers.paint(speaker, label)}${colours.dim(text)}`
}
