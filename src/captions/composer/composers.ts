import { assHeaderOf, formatAssCue, type AssLook } from '../formats/ass.ts'
import type { RttmOptions, ScoringOptions, TableOptions, TranscriptOptions } from '../formats/options.ts'
import { formatCtmSegment, formatStmSegment, RttmRuns, type RttmState } from '../formats/scoring.ts'
import { SpeakerStyles } from '../formats/speaker-styles.ts'
import { formatSrtCue } from '../formats/srt.ts'
import { type Paragraph, tabbedOpening, Transcript } from '../formats/transcript.ts'
import { formatLrcCue, formatLrcEnd, formatSbvCue } from '../formats/sbv-lrc.ts'
import {
  csvHeader,
  formatCsvSegment,
  takeTexts,
  WhisperJson,
  type WhisperState,
  type WhisperTexts,
} from '../formats/tables.ts'
import { formatTtmlCue, ttmlFooter, ttmlHeader } from '../formats/ttml.ts'
import { formatVttCue, vttColoursHeader, vttHeader } from '../formats/vtt.ts'
import type { LayoutSettings } from '../layout/options.ts'
import type { Cue, Segment } from '../../model.ts'
import { ChannelLayout, shownCue, type LayoutState } from '../layout/channels.ts'
import { cueLabel, type PreviousCue } from '../layout/labels.ts'
import type { UnnumberedCue } from '../layout/layout.ts'
import { displayName } from '../speakers.ts'
import type { WordRunOptions } from '../segments.ts'
import { type Block, Composer, type Format, type Shared, type Writer } from './composer.ts'
import { CueSegments } from './cue-segments.ts'

/*
 * The composer of each format. Sinks load this file once there may be words: much is behind it that nobody needs before.
 */

/** How turns are cut into segments. */
interface Cut {
  segment?: WordRunOptions | undefined
}

/** How captions are laid out and cut. */
export interface CaptionSettings extends Cut {
  layout: LayoutSettings
  /** Whether the captions say who speaks. */
  names: boolean
}

/** How cues are written in a format. */
export interface CueFormat {
  /** What the file begins with. @defaultValue `''` */
  header?: string
  /** As in {@link Format}. @defaultValue `false` */
  isNumbered?: boolean
  /** One cue as a block of text, behind a ready-made label; `''` where nothing of it is visible. */
  cue: (cue: Cue, label: string, previous: PreviousCue | undefined) => string
  /** What the file ends with, after the last visible cue; absent where it needs no end. */
  ending?: (last: PreviousCue | undefined) => string
  shared?: Shared | undefined
}

/** A text that grows with each segment; what is written never changes. */
interface SegmentText<State = unknown> {
  /** Takes the next segment, and returns the text that can be written with it; `''` for none. */
  add(segment: Segment): string
  /** The text that is held back because it may still grow; absent where none ever is. */
  release?(): string
  readonly waiting?: boolean
  /** The rest, when nothing more comes; absent where there is none. */
  end?(): string
  /** What only ends the text, when nothing more comes; absent where it needs no end. */
  ending?(): string
  /** A plain copy of all on which depends what comes next; absent where nothing does. */
  readonly state?: State | undefined
}

function cueComposer({ layout, segment }: CaptionSettings, format: CueFormat): Composer {
  return new Composer(cueFormat(layout, format), segment)
}

/** Names as they are shown; none where names are not wanted. */
const namesOf = ({ names, layout }: CaptionSettings) => {
  return ({ words }: Cue, speaker: string | undefined): string | undefined =>
    names ? displayName(speaker, layout.speakers, words) : undefined
}

/** SubRip. */
export function srtComposer(settings: CaptionSettings): Composer {
  return cueComposer(settings, { isNumbered: true, cue: formatSrtCue })
}

/** WebVTT. */
export function vttComposer(
  settings: CaptionSettings,
  { colours = false, highlightWords = false }: { colours?: boolean; highlightWords?: boolean } = {},
): Composer {
  const nameOf = namesOf(settings)
  const styles = new SpeakerStyles()
  const styleOf = (speaker: string | undefined): string | undefined =>
    colours && speaker !== undefined ? styles.styleOf(speaker).toLowerCase() : undefined
  return cueComposer(settings, {
    header: colours ? vttColoursHeader : vttHeader,
    isNumbered: true,
    cue: (cue, label) =>
      formatVttCue(cue, {
        voice: nameOf(cue, cue.speaker),
        voices: cue.lineSpeakers?.map((speaker) => nameOf(cue, speaker)),
        style: styleOf(cue.speaker),
        styles: colours ? cue.lineSpeakers?.map((speaker) => styleOf(speaker)) : undefined,
        highlightWords,
        label,
      }),
    shared: colours ? styles : undefined,
  })
}

/** ASS. */
export function assComposer(settings: CaptionSettings, look: AssLook = {}): Composer {
  const nameOf = namesOf(settings)
  const styles = new SpeakerStyles()
  return cueComposer(settings, {
    header: assHeaderOf(look),
    cue: (cue, label, previous) =>
      formatAssCue(cue, {
        name: nameOf(cue, cue.speaker),
        style: styles.styleOf(cue.speaker),
        lineStyles: cue.lineSpeakers?.map((speaker) => styles.styleOf(speaker)),
        label,
        previousEnd: previous?.end,
        highlightWords: look.highlightWords,
      }),
    shared: styles,
  })
}

/** TTML. */
export function ttmlComposer(settings: CaptionSettings): Composer {
  const nameOf = namesOf(settings)
  const styles = new SpeakerStyles()
  const styleOf = (speaker: string | undefined): string => styles.styleOf(speaker).toLowerCase()
  return cueComposer(settings, {
    header: ttmlHeader,
    cue: (cue, label) =>
      formatTtmlCue(cue, {
        name: nameOf(cue, cue.speaker),
        style: styleOf(cue.speaker),
        lineStyles: cue.lineSpeakers?.map((speaker) => styleOf(speaker)),
        label,
      }),
    ending: () => ttmlFooter,
    shared: styles,
  })
}

/** SBV. */
export function sbvComposer(settings: CaptionSettings): Composer {
  return cueComposer(settings, { cue: formatSbvCue })
}

/** LRC. */
export function lrcComposer(settings: CaptionSettings): Composer {
  return cueComposer(settings, {
    cue: (cue, label, previous) => formatLrcCue(cue, label, previous?.end),
    ending: (last) => formatLrcEnd(last?.end),
  })
}

/** CSV. */
export function csvComposer(options: TableOptions & Cut): Composer {
  return segmentComposer(options, () => ({ add: (item) => formatCsvSegment(item, options) }), csvHeader)
}

/** JSON as Whisper's programs write it. */
export function whisperComposer(options: TableOptions & Cut): Composer {
  const texts: WhisperTexts = { list: [], length: 0 }
  const begin = (state?: WhisperState) => new WhisperJson(options, texts, state)
  return segmentComposer(options, begin, WhisperJson.header, {
    resumeFrom: (_value, lines) => takeTexts(texts, lines),
  })
}

/** A transcript to read. */
export function transcriptComposer(options: TranscriptOptions & Cut): Composer {
  return segmentComposer(options, (state?: Paragraph) => new Transcript(options, state))
}

/** A transcript of which a document is made: the parts of its paragraphs are kept apart. */
export function documentComposer(options: TranscriptOptions & Cut): Composer {
  return segmentComposer(options, (state?: Paragraph) => new Transcript(options, state, tabbedOpening))
}

/** RTTM. */
export function rttmComposer(options: RttmOptions & Cut): Composer {
  return segmentComposer(options, (state?: RttmState) => new RttmRuns(options, state))
}

/** CTM. */
export function ctmComposer(options: ScoringOptions & Cut): Composer {
  return segmentComposer(options, () => ({ add: (item) => formatCtmSegment(item, options) }))
}

/** STM. */
export function stmComposer(options: ScoringOptions & Cut): Composer {
  return segmentComposer(options, () => ({ add: (item) => formatStmSegment(item, options) }))
}

/** A {@link Format} of captions: utterances are laid out as cues, and these written. */
export function cueFormat(layout: LayoutSettings, format: CueFormat): Format {
  const { header = '', isNumbered = false, cue: write, ending, shared } = format
  const writer = (state?: unknown, blocks = 0): Writer => {
    const before = state as LayoutState | undefined
    let count = blocks
    let previous = before?.previous
    const cues = new ChannelLayout(layout, before)
    const written = (cue: UnnumberedCue): Block[] => {
      const numbered = { ...cue, index: count + 1 }
      const text = write(numbered, cueLabel(numbered, previous, layout), previous)
      if (text === '') return []
      count += 1
      previous = shownCue(cue)
      return [{ text, start: cue.start }]
    }
    return {
      get open() {
        return cues.open
      },
      get state() {
        return cues.state
      },
      begins: (utterance) => cues.begins(utterance),
      add: (utterance) => cues.add(utterance).flatMap(written),
      close(next) {
        const rest = cues.close(next).flatMap(written)
        return next === Infinity ? [...rest, ...endOf(ending?.(previous) ?? '')] : rest
      },
    }
  }
  return { header, isNumbered, maxDelay: layout.maxDelayMs, writer, shared }
}

/** Ms for which lines that may still grow are held back. */
const MAX_DELAY_MS = 750

/** Utterances that lie together at most, while text is held back: what is held is kept with the first of them. */
const MAX_TOGETHER = 16

/** A composer of segments behind a header; `begin` begins the text, or goes on from a state of it. */
function segmentComposer<State>(
  { segment }: Cut,
  begin: (state?: State) => SegmentText<State>,
  header = '',
  shared?: Shared,
): Composer {
  const writer = (state?: unknown): Writer => {
    const text = begin(state as State)
    const cues = new CueSegments()
    let together = 0
    // What follows an utterance never changes where its text ends.
    const begins = (): boolean => together >= MAX_TOGETHER
    return {
      get open() {
        return text.waiting ?? false
      },
      get state() {
        return text.state
      },
      begins,
      add({ cue, segments }) {
        together = begins() ? 1 : together + 1
        const all = cue === undefined ? segments : cues.of(cue)
        return all.flatMap((segment) => blockOf(text.add(segment), segment.start))
      },
      close(next) {
        if (next === Infinity) return [...blockOf(text.end?.() ?? '', Infinity), ...endOf(text.ending?.() ?? '')]
        return next === undefined ? blockOf(text.release?.() ?? '', Infinity) : []
      },
    }
  }
  return new Composer({ header, maxDelay: MAX_DELAY_MS, isNumbered: false, writer, shared }, segment)
}

function endOf(text: string): Block[] {
  return text === '' ? [] : [{ text, start: Infinity, isEnd: true }]
}

function blockOf(text: string, start: number): Block[] {
  return text === '' ? [] : [{ text, start }]
}
