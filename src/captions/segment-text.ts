import type { Segment } from '../model.ts'

/** A text that grows with each segment; what is written never changes. */
export interface SegmentText {
  /** Takes the next segment, and returns the text that can be written with it; `''` for none. */
  add(segment: Segment): string
  /** The rest, when nothing more comes. */
  end(): string
  /** The same at the same point, to continue from here once more, e.g. after a revision. */
  copy(): SegmentText
}
