import type { Writable } from 'node:stream'
import {
  checkTranscriptOptions,
  Transcript,
  TRANSCRIPT_OPTIONS,
  type TranscriptOptions,
} from '../captions/transcript.ts'
import { checkSegmentSinkOptions, segmentSink, type SegmentSinkOptions } from './segment-sink.ts'
import type { SinkTarget } from './target.ts'

/** Options of {@link textSink}. */
export interface TextSinkOptions extends SegmentSinkOptions, TranscriptOptions {}

/**
 * Writes a transcript to read: a paragraph for each turn of a speaker, `[00:01:02] Alice: text`, with an empty line
 * between paragraphs.
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
export function textSink(target?: SinkTarget, options: TextSinkOptions = {}): Writable {
  checkSegmentSinkOptions('textSink()', options, TRANSCRIPT_OPTIONS)
  checkTranscriptOptions(options)
  return segmentSink('textSink()', target, options, () => new Transcript(options))
}
