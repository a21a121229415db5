import type { Passage } from '../captions/passages.ts'
import type { Cue, Segment } from '../model.ts'
import { pack, unpack, type Packed } from '../packed.ts'

/** A passage of which a text is made, and may be made again. A stream keeps thousands, so they can be packed. */
export class WrittenPassage implements Passage {
  turn?: NonNullable<Passage['turn']>
  readonly cue?: Cue
  /** Blocks that begin in it. */
  blocks = 0
  /** Whether there was nothing in it to write. */
  empty = false
  /** Whether it shares nothing with the passages before it. */
  begins = true
  /** Whether its end was written without waiting any longer for what follows. */
  cut = false
  #segments: Segment[] | Packed<Segment[]>

  /** A passage of which nothing is written yet. */
  constructor({ turn, cue, segments }: Passage) {
    if (turn !== undefined) this.turn = turn
    if (cue !== undefined) this.cue = cue
    this.#segments = segments
  }

  get segments(): Segment[] {
    return typeof this.#segments === 'string' ? unpack(this.#segments) : this.#segments
  }

  set segments(segments: Segment[]) {
    this.#segments = segments
  }

  /** Whether it is packed. */
  get packed(): boolean {
    return typeof this.#segments === 'string'
  }

  /** Makes it small, at the price of slower segments. */
  pack(): void {
    if (typeof this.#segments !== 'string') this.#segments = pack(this.#segments)
  }
}
