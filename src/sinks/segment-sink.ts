import type { Writable } from 'node:stream'
import { isDeepStrictEqual } from 'node:util'
import type { Cue, Segment } from '../model.ts'
import type { Passage } from '../captions/passages.ts'
import type { SegmentText } from '../captions/segment-text.ts'
import { checkWordRunOptions, WORD_RUN_OPTIONS, type WordRunOptions } from '../captions/word-runs.ts'
import { checkBoolean, checkKnown, checkSignal } from '../options.ts'
import { passageSink } from './caption-sink.ts'
import type { Block, PassageText } from './passage-text.ts'
import type { SinkTarget } from './target.ts'
import type { SinkOptions } from './text-sink.ts'

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
