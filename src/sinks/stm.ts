import type { Writable } from 'node:stream'
import { checkScoringOptions, SCORING_OPTIONS } from '../captions/scoring-fields.ts'
import { segmentLines } from '../captions/segment-text.ts'
import { formatStmSegment, type StmOptions } from '../captions/stm.ts'
import { checkSegmentSinkOptions, segmentSink, type SegmentSinkOptions } from './segment-sink.ts'
import type { SinkTarget } from './target.ts'

/** Options of {@link stmSink}. */
export interface StmSinkOptions extends SegmentSinkOptions, StmOptions {}

/**
 * Writes segments as STM, the format in which scoring tools read who said what: one line for each.
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
export function stmSink(target?: SinkTarget, options: StmSinkOptions = {}): Writable {
  checkSegmentSinkOptions('stmSink()', options, SCORING_OPTIONS)
  checkScoringOptions(options)
  return segmentSink('stmSink()', target, options, () => segmentLines((segment) => formatStmSegment(segment, options)))
}
