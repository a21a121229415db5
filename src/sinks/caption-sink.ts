import type { Writable } from 'node:stream'
import { checkBoolean, checkKnown, checkSignal } from '../options.ts'
import {
  checkLayoutOptions,
  LAYOUT_OPTIONS,
  layoutSettings,
  type CueLayoutOptions,
  type LayoutSettings,
} from '../captions/layout-options.ts'
import type { PresetName } from '../captions/presets.ts'
import { checkSpeakerNames, type SpeakerNames } from '../captions/names.ts'
import { checkWordRunOptions, WORD_RUN_OPTIONS, type WordRunOptions } from '../captions/word-runs.ts'
import { captionPassages, type CaptionFormat } from './caption-text.ts'
import { PassageMaker } from './passage-maker.ts'
import type { PassageFormat } from './passage-text.ts'
import type { SinkTarget } from './target.ts'
import { TextSink, type SinkOptions } from './text-sink.ts'

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
