import type { Writable } from 'node:stream'
import { cueLabel } from '../captions/labels.ts'
import { formatSrtCue } from '../captions/srt.ts'
import { captionSink, checkCaptionSinkOptions, sinkLayout, type CaptionSinkOptions } from './caption-sink.ts'
import type { SinkTarget } from './target.ts'

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
