import {
  ASS_DEFAULT_STYLE,
  ASS_SPEAKER_COLOURS,
  assHeaderOf,
  AssStyles,
  formatAssCue,
  type AssLook,
} from '../formats/ass.ts'
import type { RttmOptions, ScoringOptions, TableOptions, TranscriptOptions } from '../formats/options.ts'
import { formatCtmSegment, formatStmSegment, RttmRuns, type RttmState } from '../formats/scoring.ts'
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
import { formatVttCue, vttHeader, vttHeaderOf } from '../formats/vtt.ts'
import { cueLabel } from '../layout/labels.ts'
import type { LayoutSettings } from '../layout/options.ts'
import type { Cue } from '../../model.ts'
import { displayName } from '../speakers.ts'
import type { WordRunOptions } from '../word-runs.ts'
import { Composer } from './composer.ts'
import { captionFormat, segmentFormat } from './format.ts'

/*
 * The composer of each format. Sinks load this file once there may be words: much is behind it that nobody needs before.
 */

/** How captions are laid out and cut. */
export interface CaptionSettings {
  layout: LayoutSettings
  /** Whether the captions say who speaks. */
  names: boolean
  segment: WordRunOptions | undefined
}

/** Names as they are shown; none where names are not wanted. */
const namesOf = ({ names, layout }: CaptionSettings) => {
  return ({ words }: Cue, speaker: string | undefined): string | undefined =>
    names ? displayName(speaker, layout.speakers, words) : undefined
}

/** SubRip. */
export function srtComposer({ layout, segment }: CaptionSettings): Composer {
  const format = captionFormat({
    header: '',
    isNumbered: true,
    layout,
    cue: (cue, previous) => formatSrtCue(cue, cueLabel(cue, previous, layout)),
  })
  return new Composer(format, segment)
}

/** WebVTT. */
export function vttComposer(settings: CaptionSettings & { colours?: boolean; highlightWords?: boolean }): Composer {
  const { layout, segment, colours = false, highlightWords = false } = settings
  const nameOf = namesOf(settings)
  const styles = new AssStyles()
  const styleOf = (speaker: string | undefined): string | undefined => {
    const style = colours ? styles.styleOf(speaker) : ASS_DEFAULT_STYLE
    return style === ASS_DEFAULT_STYLE ? undefined : style.toLowerCase()
  }
  const format = captionFormat({
    header: colours ? vttHeaderOf(ASS_SPEAKER_COLOURS) : vttHeader,
    isNumbered: true,
    layout,
    cue: (cue, previous) =>
      formatVttCue(cue, {
        voice: nameOf(cue, cue.speaker),
        voices: cue.lineSpeakers?.map((speaker) => nameOf(cue, speaker)),
        style: styleOf(cue.speaker),
        styles: colours ? cue.lineSpeakers?.map((speaker) => styleOf(speaker)) : undefined,
        highlightWords,
        label: cueLabel(cue, previous, layout),
      }),
    ...(colours && { shared: styles }),
  })
  return new Composer(format, segment)
}

/** ASS. */
export function assComposer(settings: CaptionSettings & AssLook): Composer {
  const { layout, segment, highlightWords } = settings
  const nameOf = namesOf(settings)
  const styles = new AssStyles()
  const format = captionFormat({
    header: assHeaderOf(settings),
    isNumbered: false,
    layout,
    cue: (cue, previous) =>
      formatAssCue(cue, {
        name: nameOf(cue, cue.speaker),
        style: styles.styleOf(cue.speaker),
        lineStyles: cue.lineSpeakers?.map((speaker) => styles.styleOf(speaker)),
        label: cueLabel(cue, previous, layout),
        previousEnd: previous?.end,
        highlightWords,
      }),
    shared: styles,
  })
  return new Composer(format, segment)
}

/** TTML. */
export function ttmlComposer(settings: CaptionSettings): Composer {
  const { layout, segment } = settings
  const nameOf = namesOf(settings)
  const styles = new AssStyles()
  const styleOf = (speaker: string | undefined): string => styles.styleOf(speaker).toLowerCase()
  const format = captionFormat({
    header: ttmlHeader,
    isNumbered: false,
    layout,
    cue: (cue, previous) =>
      formatTtmlCue(cue, {
        name: nameOf(cue, cue.speaker),
        style: styleOf(cue.speaker),
        lineStyles: cue.lineSpeakers?.map((speaker) => styleOf(speaker)),
        label: cueLabel(cue, previous, layout),
      }),
    ending: () => ttmlFooter,
    shared: styles,
  })
  return new Composer(format, segment)
}

/** SBV. */
export function sbvComposer({ layout, segment }: CaptionSettings): Composer {
  const format = captionFormat({
    header: '',
    isNumbered: false,
    layout,
    cue: (cue, previous) => formatSbvCue(cue, cueLabel(cue, previous, layout)),
  })
  return new Composer(format, segment)
}

/** LRC. */
export function lrcComposer({ layout, segment }: CaptionSettings): Composer {
  const format = captionFormat({
    header: '',
    isNumbered: false,
    layout,
    cue: (cue, previous) => formatLrcCue(cue, cueLabel(cue, previous, layout), previous?.end),
    ending: (last) => formatLrcEnd(last?.end),
  })
  return new Composer(format, segment)
}

/** CSV. */
export function csvComposer(options: TableOptions, segment: WordRunOptions | undefined): Composer {
  return new Composer(
    segmentFormat(() => ({ add: (item) => formatCsvSegment(item, options) }), csvHeader),
    segment,
  )
}

/** JSON as Whisper's programs write it. */
export function whisperComposer(options: TableOptions, segment: WordRunOptions | undefined): Composer {
  const texts: WhisperTexts = { list: [], length: 0 }
  return new Composer(
    segmentFormat((state?: WhisperState) => new WhisperJson(options, texts, state), WhisperJson.header, {
      resumeFrom: (_value, lines) => takeTexts(texts, lines),
    }),
    segment,
  )
}

/** A transcript to read. */
export function transcriptComposer(options: TranscriptOptions, segment: WordRunOptions | undefined): Composer {
  return new Composer(
    segmentFormat((state?: Paragraph) => new Transcript(options, state)),
    segment,
  )
}

/** A transcript of which a document is made: the parts of its paragraphs are kept apart. */
export function documentComposer(options: TranscriptOptions, segment: WordRunOptions | undefined): Composer {
  return new Composer(
    segmentFormat((state?: Paragraph) => new Transcript(options, state, tabbedOpening)),
    segment,
  )
}

/** RTTM. */
export function rttmComposer(options: RttmOptions, segment: WordRunOptions | undefined): Composer {
  return new Composer(
    segmentFormat((state?: RttmState) => new RttmRuns(options, state)),
    segment,
  )
}

/** CTM. */
export function ctmComposer(options: ScoringOptions, segment: WordRunOptions | undefined): Composer {
  return new Composer(
    segmentFormat(() => ({ add: (item) => formatCtmSegment(item, options) })),
    segment,
  )
}

/** STM. */
export function stmComposer(options: ScoringOptions, segment: WordRunOptions | undefined): Composer {
  return new Composer(
    segmentFormat(() => ({ add: (item) => formatStmSegment(item, options) })),
    segment,
  )
}
