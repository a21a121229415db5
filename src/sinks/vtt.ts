import type { Writable } from 'node:stream'
import { cueLabel } from '../captions/labels.ts'
import { displayName } from '../captions/names.ts'
import { formatVttCue, vttHeader } from '../captions/vtt.ts'
import { captionSink, checkCaptionSinkOptions, sinkLayout, type CaptionSinkOptions } from './caption-sink.ts'
import type { SinkTarget } from './target.ts'

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
