import type { Segment } from '../../model.ts'
import { endOf, spaceBetween } from '../../scripts.ts'
import { attributed, segmentName } from '../speakers.ts'
import { cleanLine } from '../text.ts'
import type { TranscriptOptions } from './options.ts'
import { vttTimestamp } from './timestamps.ts'

/** What the next segment is joined to. */
export interface Paragraph {
  speaker: string | undefined
  channel: string | undefined
  end: number
  /** The last characters of what was written; absent where nothing is. */
  last?: string
}

/** What a paragraph begins with, given its time and the name of its speaker, where they are wanted. */
type OpeningOf = (time: string | undefined, name: string | undefined) => string

const textOpening: OpeningOf = (time, name) =>
  `${time === undefined ? '' : `[${time}] `}${name === undefined ? '' : `${name}: `}`

/** Keeps the parts of a paragraph apart; neither names nor texts hold a tab. */
export const tabbedOpening: OpeningOf = (time = '', name = '') => `${time}\t${name}\t`

/** The paragraphs of a transcript that was written with {@link tabbedOpening}, which may end anywhere between two. */
export function* tabbedParagraphs(transcript: string): Generator<{ time: string; name: string; text: string }> {
  for (const paragraph of transcript.trimEnd().split('\n\n')) {
    const [time, name, text] = paragraph.split('\t')
    if (time !== undefined && name !== undefined && text !== undefined) yield { time, name, text }
  }
}

/**
 * A transcript to read, a line for each turn of a speaker; the last grows until the speaker changes, or {@link end}.
 */
export class Transcript {
  readonly #options: TranscriptOptions
  readonly #openingOf: OpeningOf
  /** All on which depends what comes next. */
  state: Paragraph | undefined

  constructor(options: TranscriptOptions = {}, state?: Paragraph, openingOf = textOpening) {
    this.#options = options
    this.#openingOf = openingOf
    this.state = state
  }

  add(segment: Segment): string {
    const text = cleanLine(segment.text)
    if (text === '') return ''
    const { channel, start, end } = segment
    const speaker = attributed(segment.speaker) ?? channel
    const open = this.state
    this.state = { speaker, channel, end, last: endOf(text) }
    if (open === undefined) return this.#opening(segment) + text
    const { paragraphPause = 2000 } = this.#options
    const goesOn = open.speaker === speaker && open.channel === channel && start - open.end < paragraphPause
    return goesOn ? spaceBetween(open.last ?? '.', text) + text : `\n\n${this.#opening(segment)}${text}`
  }

  end(): string {
    if (this.state === undefined) return ''
    this.state = undefined
    return '\n'
  }

  #opening(segment: Segment): string {
    const { speakers, names = true, timestamps = true } = this.#options
    const name = names ? segmentName(segment, speakers) : undefined
    const [time] = vttTimestamp(segment.start).split('.')
    return this.#openingOf(timestamps ? time : undefined, name)
  }
}
