import type { Writable } from 'node:stream'
import { checkRttmOptions, RTTM_OPTIONS, RttmRuns, type RttmOptions } from '../captions/rttm.ts'
import { checkSegmentSinkOptions, segmentSink, type SegmentSinkOptions } from './segment-sink.ts'
import type { SinkTarget } from './target.ts'

/** Options of {@link rttmSink}. */
export interface RttmSinkOptions extends SegmentSinkOptions, RttmOptions {}

/**
 * Writes speaker runs as RTTM, the format in which scoring tools read who spoke when: one line for each run, in order
 * of their starts.
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
export function rttmSink(target?: SinkTarget, options: RttmSinkOptions = {}): Writable {
  checkSegmentSinkOptions('rttmSink()', options, RTTM_OPTIONS)
  checkRttmOptions(options)
  return segmentSink('rttmSink()', target, options, () => new RttmRuns(options))
}
