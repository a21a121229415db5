import type { Segment } from '../../model.ts'

/** A text that grows with each segment; what is written never changes. */
export interface SegmentText {
  /** Takes the next segment, and returns the text that can be written with it; `''` for none. */
  add(segment: Segment): string
  /** Whether text is held back that may still grow. */
  readonly waiting: boolean
  /** The text that is held back. */
  release(): string
  /** The rest, when nothing more comes. */
  end(): string
  /** The same at the same point, to continue from here once more, e.g. after a revision. */
  copy(): SegmentText
  /** Plain values on which all depends that comes next. */
  readonly state: unknown
}

/** A text of segments that have nothing to do with each other: `format` writes each of them. */
export function segmentLines(format: (segment: Segment) => string): SegmentText {
  const lines: SegmentText = {
    waiting: false,
    add: format,
    release: () => '',
    end: () => '',
    copy: () => lines,
    state: undefined,
  }
  return lines
}
