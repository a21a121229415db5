import { assHeader, AssStyles, formatAssCue } from '../captions/formats/ass.ts'
import { formatSrtCue } from '../captions/formats/srt.ts'
import { formatVttCue, vttHeader } from '../captions/formats/vtt.ts'
import { cueLabel } from '../captions/layout/labels.ts'
import {
  checkLayoutOptions,
  type CueLayoutOptions,
  LAYOUT_OPTIONS,
  layoutSettings,
  type LayoutSettings,
  type PresetName,
} from '../captions/layout/options.ts'
import { checkSpeakerNames, displayName, type SpeakerNames } from '../captions/speakers.ts'
import { checkWordRunOptions, WORD_RUN_OPTIONS, type WordRunOptions } from '../captions/word-runs.ts'
import { checkBoolean, checkKnown, checkSignal } from '../options.ts'
import { type CaptionFormat, captionPassages } from './caption-text.ts'
import type { SinkTarget } from './destination.ts'
import { PassageMaker } from './passage-maker.ts'
import type { PassageFormat } from './passage-text.ts'
import { type SinkOptions, TextSink } from './text-sink.ts'
import type { Writable } from 'node:stream'

/** Options of the sinks that make caption files. */
export interface CaptionSinkOptions extends SinkOptions {
  /**
   * Display names by speaker label, e.g. `{ A: 'Alice' }`; a label that has none is shown as `Speaker A`.
   * @defaultValue `{}`
   */
  speakers?: SpeakerNames
  /**
   * Whether the captions say who speaks.
   * @defaultValue `true`
   */
  names?: boolean
  /**
   * How turns are cut into segments.
   * @defaultValue `{}`
   */
  segment?: WordRunOptions
  /**
   * How segments are laid out: a preset, or options of `layout()`.
   * @defaultValue `'netflix'`
   */
  layout?: PresetName | Omit<CueLayoutOptions, 'speakers'>
}

/** Refuses wrong options of a caption sink called `stage`. */
export function checkCaptionSinkOptions(stage: string, options: CaptionSinkOptions): void {
  checkKnown(stage, options, ['speakers', 'names', 'segment', 'layout', 'end', 'signal'])
  checkSpeakerNames('speakers', options.speakers)
  checkBoolean('names', options.names)
  checkBoolean('end', options.end)
  checkSignal('signal', options.signal)
  checkKnown('segment', options.segment ?? {}, WORD_RUN_OPTIONS)
  checkWordRunOptions(options.segment ?? {}, 'segment.')
  if (typeof options.layout === 'string') {
    checkLayoutOptions({ preset: options.layout }, 'layout.')
    return
  }
  const layout = options.layout ?? {}
  checkKnown(
    'layout',
    layout,
    LAYOUT_OPTIONS.filter((name) => name !== 'speakers'),
  )
  checkLayoutOptions(layout, 'layout.')
}

/**
 * The layout that the options of a sink ask for.
 *
 * @param own - what the sink wants where the options do not say.
 */
export function sinkLayout(
  options: CaptionSinkOptions,
  own: Pick<CueLayoutOptions, 'labels' | 'overlap'> = {},
): LayoutSettings {
  const { speakers = {}, names = true } = options
  const layout = typeof options.layout === 'string' ? { preset: options.layout } : (options.layout ?? {})
  const shown = Object.fromEntries(Object.entries(layout).filter(([, value]) => value !== undefined))
  return layoutSettings({ ...own, ...shown, speakers, ...(!names && { labels: 'none' }) })
}

/** A Writable that captions what it is given in `format`: segment, layout, format, write. */
export function captionSink(
  stage: string,
  target: SinkTarget | undefined,
  options: CaptionSinkOptions,
  format: CaptionFormat,
): Writable {
  return passageSink(stage, target, options, captionPassages(format))
}

/** A Writable of what a {@link PassageFormat} makes of turns, segments and cues. */
export function passageSink<State>(
  stage: string,
  target: SinkTarget | undefined,
  options: SinkOptions & { segment?: WordRunOptions },
  format: PassageFormat<State>,
): Writable {
  const maker = new PassageMaker(format, options.segment ?? {}, (warning) => sink.emit('warning', warning))
  const sink: TextSink = new TextSink(stage, target, options, maker)
  return sink
}

/** Options of {@link srtSink}. */
export type SrtSinkOptions = CaptionSinkOptions

/**
 * Writes SubRip captions. Where the speaker changes, the first line begins with `Name: `.
 *
 * Cues are appended as they become final, and the file is valid at every instant. It is created with the first cue,
 * or empty at the end; where the pipeline fails before that, none is made. A turn that comes again with a higher
 * `revision` replaces the earlier one in a file, within about a minute and at the end; elsewhere a `warning` with the
 * code `REVISION_NOT_APPLIED` says at the end how many cues could not be corrected.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode. It fails with
 * {@link OutputError} `OUTPUT_UNWRITABLE` where the target cannot be written.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function srtSink(target?: SinkTarget, options: SrtSinkOptions = {}): Writable {
  checkCaptionSinkOptions('srtSink()', options)
  const layout = sinkLayout(options)
  return captionSink('srtSink()', target, options, {
    header: '',
    cue: (cue, previous) => formatSrtCue(cue, cueLabel(cue, previous, layout)),
    isNumbered: true,
    layout,
  })
}

/** Options of {@link vttSink}. */
export type VttSinkOptions = CaptionSinkOptions

/**
 * Writes WebVTT captions. Each cue carries its speaker as its voice, `<v Name>`, which players do not display but
 * style sheets and scripts can see.
 *
 * Cues are appended as they become final, and the file is valid at every instant. It is created with the first cue,
 * or with nothing but the header at the end; where the pipeline fails before that, none is made. A turn that comes again with a higher
 * `revision` replaces the earlier one in a file, within about a minute and at the end; elsewhere a `warning` with the
 * code `REVISION_NOT_APPLIED` says at the end how many cues could not be corrected.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode. It fails with
 * {@link OutputError} `OUTPUT_UNWRITABLE` where the target cannot be written.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function vttSink(target?: SinkTarget, options: VttSinkOptions = {}): Writable {
  checkCaptionSinkOptions('vttSink()', options)
  const { speakers = {}, names = true } = options
  const layout = sinkLayout(options, { labels: 'none', overlap: 'stack' })
  const nameOf = (speaker?: string) => (names ? displayName(speaker, speakers) : undefined)
  return captionSink('vttSink()', target, options, {
    header: vttHeader,
    cue: (cue, previous) => {
      const voice = nameOf(cue.speaker)
      const voices = cue.lineSpeakers?.map(nameOf)
      const label = cueLabel(cue, previous, layout)
      return formatVttCue(cue, { label, ...(voice !== undefined && { voice }), ...(voices && { voices }) })
    },
    isNumbered: true,
    layout,
  })
}

/** Options of {@link assSink}. */
export type AssSinkOptions = CaptionSinkOptions

/**
 * Writes ASS captions: a colour of its own for each of ten speakers, whose names stand in the field `Name`, which
 * players do not display. For visible names, say which: `layout: { labels: 'name' }`.
 *
 * Cues are appended as they become final, and the file is valid at every instant. A turn that comes again with a
 * higher `revision` replaces the earlier one in a file, within about a minute and at the end; elsewhere a `warning`
 * with the code `REVISION_NOT_APPLIED` says at the end how many cues could not be corrected.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode. It fails with
 * {@link OutputError} `OUTPUT_UNWRITABLE` where the target cannot be written.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function assSink(target?: SinkTarget, options: AssSinkOptions = {}): Writable {
  checkCaptionSinkOptions('assSink()', options)
  const { speakers = {}, names = true } = options
  const layout = sinkLayout(options, { labels: 'none', overlap: 'stack' })
  const styles = new AssStyles()
  return captionSink('assSink()', target, options, {
    header: assHeader,
    cue: (cue, previous) => {
      const name = names ? displayName(cue.speaker, speakers) : undefined
      return formatAssCue(cue, {
        ...(name !== undefined && { name }),
        style: styles.styleOf(cue.speaker),
        ...(cue.lineSpeakers && { lineStyles: cue.lineSpeakers.map((speaker) => styles.styleOf(speaker)) }),
        label: cueLabel(cue, previous, layout),
        ...(previous && { previousEnd: previous.end }),
      })
    },
    isNumbered: false,
    layout,
  })
}
