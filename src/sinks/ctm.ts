import type { Writable } from 'node:stream'
import { formatCtmSegment, type CtmOptions } from '../captions/ctm.ts'
import { checkScoringOptions } from '../captions/scoring-fields.ts'
import { segmentLines } from '../captions/segment-text.ts'
import { checkSegmentSinkOptions, segmentSink, type SegmentSinkOptions } from './segment-sink.ts'
import type { SinkTarget } from './target.ts'

/** Options of {@link ctmSink}. */
export interface CtmSinkOptions extends SegmentSinkOptions, CtmOptions {}

/**
 * Writes timed words as CTM, one line for each. The format names no speakers. Scoring tools want a file of several
 * channels sorted: `sort -k1,2 -k3,3n`.
 *
 * Lines are appended as segments become final. A turn that comes again with a higher `revision` replaces the earlier
 * one in a file, within about a minute and at the end; elsewhere a `warning` with the code `REVISION_NOT_APPLIED` says
 * at the end how many lines could not be corrected.
 *
 * @param target - a path, a `file:` URL, or any Writable; none means standard output.
 * @returns a Writable of {@link Turn}, {@link Segment} or {@link Cue}, in object mode. It fails with
 * {@link OutputError} `OUTPUT_UNWRITABLE` where the target cannot be written.
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 * @event warning Warning - `REVISION_NOT_APPLIED`: what was out could not be corrected
 */
export function ctmSink(target?: SinkTarget, options: CtmSinkOptions = {}): Writable {
  checkSegmentSinkOptions('ctmSink()', options, ['file'])
  checkScoringOptions(options)
  return segmentSink('ctmSink()', target, options, () => segmentLines((segment) => formatCtmSegment(segment, options)))
}
