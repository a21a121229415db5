import type { Writable } from 'node:stream'
import { assHeader, AssStyles, formatAssCue } from '../captions/ass.ts'
import { cueLabel } from '../captions/labels.ts'
import { displayName } from '../captions/names.ts'
import { captionSink, checkCaptionSinkOptions, sinkLayout, type CaptionSinkOptions } from './caption-sink.ts'
import type { SinkTarget } from './target.ts'

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
