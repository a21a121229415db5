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
import type { Cue } from '../../model.ts'
import { displayName } from '../speakers.ts'
import type { WordRunOptions } from '../word-runs.ts'
import { Composer } from './composer.ts'
import { cueFormat, segmentFormat, type CueFormat, type Shared, type SegmentText } from './format.ts'

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

function cueComposer({ layout, segment }: CaptionSettings, format: CueFormat): Composer {
  return new Composer(cueFormat(layout, format), segment)
}

function segmentComposer<State>(
  { segment }: Cut,
  begin: (state?: State) => SegmentText<State>,
  header?: string,
  shared?: Shared,
): Composer {
  return new Composer(segmentFormat(begin, header, shared), segment)
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
