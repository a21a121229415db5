import type { Writable } from 'node:stream'
import type { Composer } from '../captions/composer/composer.ts'
import type { CaptionSettings } from '../captions/composer/composers.ts'
import {
  rttmChecks,
  type RttmOptions,
  scoringChecks,
  type ScoringOptions,
  stackedLayout,
  tableChecks,
  type TableOptions,
  transcriptChecks,
  type TranscriptOptions,
} from '../captions/formats/options.ts'
import {
  checkLayoutOptions,
  type CueLayoutOptions,
  layoutChecks,
  layoutSettings,
  type PresetName,
} from '../captions/layout/options.ts'
import { checkSpeakerNames, type SpeakerNames } from '../captions/speakers.ts'
import { wordRunChecks, type WordRunOptions } from '../captions/segments.ts'
import { isDestination } from '../destinations/destination.ts'
import { type Check, checkBoolean, checkOptions, refusedOption } from '../options.ts'
import { openTarget, type SinkTarget } from './destination.ts'
import { sinkChecks, TextSink, type Sink, type SinkOptions } from './text-sink.ts'

/** Options of the sinks that write segments. */
export interface SegmentSinkOptions extends SinkOptions {
  /** How turns are cut into segments. @defaultValue `{}` */
  segment?: WordRunOptions
}

/** Options of the sinks that make caption files. */
export interface CaptionSinkOptions extends SegmentSinkOptions {
  /**
   * Display names by speaker label, e.g. `{ A: 'Alice' }`; a label that has none is shown as `Speaker A`.
   * @defaultValue `{}`
   */
  speakers?: SpeakerNames
  /** Whether the captions say who speaks. @defaultValue `true` */
  names?: boolean
  /** How segments are laid out: a preset, or options of `layout()`. @defaultValue `'netflix'` */
  layout?: PresetName | Omit<CueLayoutOptions, 'speakers'>
}

/** Refuses wrong options of a sink of segments; `own` refuses wrong values of those that not all of them have. */
export function checkSegmentSinkOptions(
  stage: string,
  options: SegmentSinkOptions,
  own: Readonly<Record<string, Check>>,
): void {
  checkOptions(stage, options, { ...own, segment: checkSegment, ...sinkChecks })
}

function checkSegment(name: string, value: unknown = {}): void {
  checkOptions(name, value as WordRunOptions, wordRunChecks, `${name}.`)
}

/** The names come with the sink. */
const { speakers: _, ...captionLayoutChecks } = layoutChecks

function checkLayout(name: string, value: unknown): void {
  checkLayoutOptions(name, layoutOptions(value as CaptionSinkOptions['layout']), `${name}.`, captionLayoutChecks)
}

function layoutOptions(layout: CaptionSinkOptions['layout'] = {}): CueLayoutOptions {
  return typeof layout === 'string' ? { preset: layout } : layout
}

/** What makes the text of a sink; loaded when there may be words. */
type Composers = typeof import('../captions/composer/composers.ts')

/** What makes the composer of captions. */
type ComposerOf = (composers: Composers, settings: CaptionSettings) => Composer

/** A sink of cues in a format; `own` is its layout where the options do not say, and `more` refuses wrong values of further options. */
function captionSink(
  stage: string,
  target: SinkTarget | undefined,
  options: CaptionSinkOptions,
  own: Pick<CueLayoutOptions, 'labels' | 'overlap'>,
  composerOf: ComposerOf,
  more: Readonly<Record<string, Check>> = {},
): Sink {
  const checks = { speakers: checkSpeakerNames, names: checkBoolean, layout: checkLayout, ...more }
  checkSegmentSinkOptions(stage, options, checks)
  const { speakers = {}, names = true, segment } = options
  const given = { ...layoutOptions(options.layout), speakers, ...(!names && { labels: 'none' as const }) }
  const layout = layoutSettings(given, own)
  return composedSink(stage, target, options, (composers) => composerOf(composers, { layout, names, segment }))
}

/** A sink of what a composer makes, written to its target, or to `destination` in place of that. */
export function composedSink(
  stage: string,
  target: SinkTarget | undefined,
  options: SegmentSinkOptions,
  composerOf: (composers: Composers) => Composer,
  destination = openTarget(target, options.end ?? true),
): Sink {
  if (isDestination(target)) {
    // What is written there stays as it is, and captions change when turns are revised.
    const message = `target of ${stage} must be a path, a file: URL or a Writable; to ${target.address} only jsonlSink() writes, of which captions are made`
    throw refusedOption('target', message)
  }
  const composer = async (): Promise<Composer> => composerOf(await import('../captions/composer/composers.ts'))
  return new TextSink(stage, destination, options, { composer }) as Writable as Sink
}

/** Options of {@link srtSink}. */
export type SrtSinkOptions = CaptionSinkOptions

/**
 * Writes SubRip captions. Where the speaker changes, the first line begins with `Name: `.
 *
 * Cues are appended as they become final, and revised in a file: see {@link Sink}.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function srtSink(target?: SinkTarget, options: SrtSinkOptions = {}): Sink {
  return captionSink('srtSink()', target, options, {}, ({ srtComposer }, settings) => srtComposer(settings))
}

/** Options of {@link vttSink}. */
export interface VttSinkOptions extends CaptionSinkOptions {
  /**
   * Whether each speaker has a colour, by a class and a `STYLE` block, as browsers know them. FFmpeg and several other
   * readers find no cue behind such a block.
   * @defaultValue `false`
   */
  colours?: boolean
  /**
   * Whether each word carries the time at which it is said, for players and style sheets that highlight it (`:past` and
   * `:future`); cues whose words have no times are written without.
   * @defaultValue `false`
   */
  highlightWords?: boolean
}

/**
 * Writes WebVTT captions. Each cue carries its speaker as its voice, `<v Name>`, which players do not display but
 * style sheets and scripts can see.
 *
 * Cues are appended as they become final, and revised in a file: see {@link Sink}.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function vttSink(target?: SinkTarget, options: VttSinkOptions = {}): Sink {
  const composerOf: ComposerOf = ({ vttComposer }, settings) => vttComposer(settings, options)
  return captionSink('vttSink()', target, options, stackedLayout, composerOf, {
    colours: checkBoolean,
    highlightWords: checkBoolean,
  })
}

/** Options of {@link assSink}. */
export interface AssSinkOptions extends CaptionSinkOptions {
  /**
   * Whether words are grey until they are said; cues whose words have no times, and those of two speakers, are written without.
   * @defaultValue `false`
   */
  highlightWords?: boolean
  /** Whether text stands on a black box, and not only in an outline. @defaultValue `false` */
  box?: boolean
}

/**
 * Writes ASS captions: a colour of its own for each of ten speakers, whose names stand in the field `Name`, which
 * players do not display. For visible names, say which: `layout: { labels: 'name' }`.
 *
 * Cues are appended as they become final, and revised in a file: see {@link Sink}.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function assSink(target?: SinkTarget, options: AssSinkOptions = {}): Sink {
  const composerOf: ComposerOf = ({ assComposer }, settings) => assComposer(settings, options)
  return captionSink('assSink()', target, options, stackedLayout, composerOf, {
    highlightWords: checkBoolean,
    box: checkBoolean,
  })
}

/** Options of {@link ttmlSink}. */
export type TtmlSinkOptions = CaptionSinkOptions

/**
 * Writes TTML captions in the text profile of IMSC 1.1: a colour of its own for each of ten speakers, whose names are the
 * descriptions (`ttm:desc`) of their cues, which players do not display. For visible names, say which: `layout: { labels:
 * 'name' }`.
 *
 * Cues are appended as they become final, and revised in a file: see {@link Sink}. The file is XML once the sink has
 * finished, or has failed.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function ttmlSink(target?: SinkTarget, options: TtmlSinkOptions = {}): Sink {
  return captionSink('ttmlSink()', target, options, stackedLayout, ({ ttmlComposer }, settings) =>
    ttmlComposer(settings),
  )
}

/** Options of {@link sbvSink}. */
export type SbvSinkOptions = CaptionSinkOptions

/**
 * Writes SBV, captions as YouTube exports and takes them. Where the speaker changes, the first line begins with `Name: `.
 *
 * Cues are appended as they become final, and revised in a file: see {@link Sink}.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function sbvSink(target?: SinkTarget, options: SbvSinkOptions = {}): Sink {
  return captionSink('sbvSink()', target, options, {}, ({ sbvComposer }, settings) => sbvComposer(settings))
}

/** Options of {@link lrcSink}. */
export type LrcSinkOptions = CaptionSinkOptions

/**
 * Writes LRC, the lines of music players: each begins with the time at which it is shown, in hundredths of a second. A line
 * without text stands where nothing is shown. Where the speaker changes, a line begins with `Name: `.
 *
 * Lines are appended as they become final, and revised in a file: see {@link Sink}.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function lrcSink(target?: SinkTarget, options: LrcSinkOptions = {}): Sink {
  return captionSink('lrcSink()', target, options, {}, ({ lrcComposer }, settings) => lrcComposer(settings))
}

/** Options of {@link csvSink}. */
export interface CsvSinkOptions extends SegmentSinkOptions, TableOptions {}

/**
 * Writes CSV for spreadsheets: a row for each run of words of a speaker, with the columns `start_ms`, `end_ms`, `speaker` and
 * `text`. The file begins with a byte-order mark, so that spreadsheets know it as UTF-8; what they would take for a formula
 * gets a space before it.
 *
 * Rows are appended as they become final, and revised in a file: see {@link Sink}.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function csvSink(target?: SinkTarget, options: CsvSinkOptions = {}): Sink {
  checkSegmentSinkOptions('csvSink()', options, tableChecks)
  return composedSink('csvSink()', target, options, ({ csvComposer }) => csvComposer(options))
}

/** Options of {@link whisperJsonSink}. */
export interface WhisperJsonSinkOptions extends SegmentSinkOptions, TableOptions {}

/**
 * Writes JSON as Whisper's programs do, for tools that read theirs: `segments` with `id`, `start`, `end`, `text` and
 * `words`, then `text` and `language`; times are seconds. What they have not is the field `speaker` of each segment.
 *
 * Segments are appended as they become final, and revised in a file: see {@link Sink}. The file is JSON once the sink has
 * finished, or has failed.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function whisperJsonSink(target?: SinkTarget, options: WhisperJsonSinkOptions = {}): Sink {
  checkSegmentSinkOptions('whisperJsonSink()', options, tableChecks)
  return composedSink('whisperJsonSink()', target, options, ({ whisperComposer }) => whisperComposer(options))
}

/** Options of {@link textSink}. */
export interface TextSinkOptions extends SegmentSinkOptions, TranscriptOptions {}

/**
 * Writes a transcript to read: a paragraph for each turn of a speaker, `[00:01:02] Alice: text`, with an empty line
 * between paragraphs.
 *
 * Lines are appended as they become final, and revised in a file: see {@link Sink}.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function textSink(target?: SinkTarget, options: TextSinkOptions = {}): Sink {
  checkSegmentSinkOptions('textSink()', options, transcriptChecks)
  return composedSink('textSink()', target, options, ({ transcriptComposer }) => transcriptComposer(options))
}

/** Options of {@link rttmSink}. */
export interface RttmSinkOptions extends SegmentSinkOptions, RttmOptions {}

/**
 * Writes speaker runs as RTTM, the format in which scoring tools read who spoke when: one line for each run, in order
 * of their starts.
 *
 * Lines are appended as they become final, and revised in a file: see {@link Sink}.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function rttmSink(target?: SinkTarget, options: RttmSinkOptions = {}): Sink {
  checkSegmentSinkOptions('rttmSink()', options, rttmChecks)
  return composedSink('rttmSink()', target, options, ({ rttmComposer }) => rttmComposer(options))
}

/** Options of {@link ctmSink}. */
export interface CtmSinkOptions extends SegmentSinkOptions, Pick<ScoringOptions, 'file'> {}

/**
 * Writes timed words as CTM, one line for each. The format names no speakers. Scoring tools want a file of several
 * channels sorted: `sort -k1,2 -k3,3n`.
 *
 * Lines are appended as they become final, and revised in a file: see {@link Sink}.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function ctmSink(target?: SinkTarget, options: CtmSinkOptions = {}): Sink {
  checkSegmentSinkOptions('ctmSink()', options, { file: scoringChecks.file })
  return composedSink('ctmSink()', target, options, ({ ctmComposer }) => ctmComposer(options))
}

/** Options of {@link stmSink}. */
export interface StmSinkOptions extends SegmentSinkOptions, ScoringOptions {}

/**
 * Writes segments as STM, the format in which scoring tools read who said what: one line for each.
 *
 * Lines are appended as they become final, and revised in a file: see {@link Sink}.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function stmSink(target?: SinkTarget, options: StmSinkOptions = {}): Sink {
  checkSegmentSinkOptions('stmSink()', options, scoringChecks)
  return composedSink('stmSink()', target, options, ({ stmComposer }) => stmComposer(options))
}
