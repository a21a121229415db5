import {
  checkRttmOptions,
  checkScoringOptions,
  type CtmOptions,
  formatCtmSegment,
  formatStmSegment,
  RTTM_OPTIONS,
  type RttmOptions,
  RttmRuns,
  SCORING_OPTIONS,
  type StmOptions,
} from '../captions/formats/scoring.ts'
import { segmentLines, type SegmentText } from '../captions/formats/segment-text.ts'
import {
  checkTranscriptOptions,
  Transcript,
  TRANSCRIPT_OPTIONS,
  type TranscriptOptions,
} from '../captions/formats/transcript.ts'
import type { Passage } from '../captions/passages.ts'
import { checkWordRunOptions, WORD_RUN_OPTIONS, type WordRunOptions } from '../captions/word-runs.ts'
import type { Cue, Segment } from '../model.ts'
import { checkBoolean, checkKnown, checkSignal } from '../options.ts'
import { passageSink } from './caption-sinks.ts'
import type { SinkTarget } from './destination.ts'
import type { Block, PassageText } from './passage-text.ts'
import type { SinkOptions } from './text-sink.ts'
import type { Writable } from 'node:stream'
import { isDeepStrictEqual } from 'node:util'

/** Options of the sinks that write segments rather than cues. */
export interface SegmentSinkOptions extends SinkOptions {
  /**
   * How turns are cut into segments.
   * @defaultValue `{}`
   */
  segment?: WordRunOptions
}

/** Refuses wrong options of a segment sink called `stage`, but for those in `own`, which are only known. */
export function checkSegmentSinkOptions(stage: string, options: SegmentSinkOptions, own: readonly string[]): void {
  checkKnown(stage, options, [...own, 'segment', 'end', 'signal'])
  checkBoolean('end', options.end)
  checkSignal('signal', options.signal)
  checkKnown('segment', options.segment ?? {}, WORD_RUN_OPTIONS)
  checkWordRunOptions(options.segment ?? {}, 'segment.')
}

/** Ms for which lines that may still grow are held back. */
const MAX_DELAY_MS = 750

/** Passages that lie together at most, while text is held back: what is held is kept with the first of them. */
const MAX_TOGETHER = 16

/** A Writable of what a {@link SegmentText} makes of turns, segments and cues. */
export function segmentSink(
  stage: string,
  target: SinkTarget | undefined,
  options: SegmentSinkOptions,
  begin: () => SegmentText,
): Writable {
  return passageSink<SegmentText>(stage, target, options, {
    header: '',
    maxDelay: MAX_DELAY_MS,
    isNumbered: false,
    text: (state) => new SegmentPassages(state?.copy() ?? begin()),
    isSame: (one, other) => isDeepStrictEqual(one.state, other.state),
  })
}

/** Writes the segments of passages; what follows a passage never changes where its text ends. */
class SegmentPassages implements PassageText<SegmentText> {
  readonly #text: SegmentText
  #together = 0

  constructor(text: SegmentText) {
    this.#text = text
  }

  get open(): boolean {
    return this.#text.waiting
  }

  get state(): SegmentText {
    return this.#text.copy()
  }

  begins(): boolean {
    return this.#together >= MAX_TOGETHER
  }

  add(passage: Passage): Block[] {
    this.#together = this.#together >= MAX_TOGETHER ? 1 : this.#together + 1
    const segments = passage.cue === undefined ? passage.segments : [asSegment(passage.cue)]
    return segments.flatMap((segment) => this.#block(this.#text.add(segment), segment.start))
  }

  close(next?: number): Block[] {
    const isFollowed = next !== undefined && next !== Infinity
    return isFollowed ? [] : this.#block(next === Infinity ? this.#text.end() : this.#text.release(), Infinity)
  }

  #block(text: string, start: number): Block[] {
    return text === '' ? [] : [{ text, start }]
  }
}

function asSegment(cue: Cue): Segment {
  const { speaker, start, end, lines, words } = cue
  const turn = { order: cue.index, revision: 0 }
  return { ...(speaker !== undefined && { speaker }), start, end, text: lines.join(' '), words, turn }
}

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
