import type { JoinedSource } from '../live/parts.ts'
import type { SourceGap } from '../live/timeline.ts'

/** What is missing, told as a `gap` of the source: of a live playlist where it ends is known when there is audio again. */
export class OpenGap {
  readonly #source: JoinedSource
  readonly #isFilled: boolean
  #open: { from: number; end: number; missing: number } | undefined

  /** @param isFilled - whether silence stands for it. */
  constructor(source: JoinedSource, isFilled: boolean) {
    this.#source = source
    this.#isFilled = isFilled
  }

  /** Begins one of so many ms at `from`, and tells the one before. */
  begin(from: number, missing: number): void {
    this.tell()
    this.#open = { from, end: this.#isFilled ? from + missing : from, missing }
  }

  /** Tells it; where it is filled, as one up to `end`. */
  tell(end = this.#open?.end ?? 0): void {
    const gap = this.#open
    this.#open = undefined
    if (gap === undefined || this.#source.destroyed) return
    const [start, missing] = [Math.round(gap.from), Math.round(this.#isFilled ? end - gap.from : gap.missing)]
    if (missing < 1) return
    this.#source.emit('gap', { start, end: this.#isFilled ? start + missing : start, missing } satisfies SourceGap)
  }

  /** Tells of it what has gone out: nothing more will come. */
  close(): void {
    this.tell(Math.min(this.#open?.end ?? 0, this.#source.position))
  }
}
