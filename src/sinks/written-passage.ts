import type { Passage } from '../captions/passages.ts'
import { type Cue, serialize, type Serialized, type Segment, deserialize } from '../model.ts'

/** A place in a text from which it can be made again. */
export interface Checkpoint<State> {
  state: State
  /** Blocks before it. */
  blocks: number
  /** Bytes before it. */
  bytes: number
}

/** A passage of which a text is made, and may be made again. A stream keeps thousands, so they can be packed. */
export class WrittenPassage<State = unknown> implements Passage {
  turn?: NonNullable<Passage['turn']>
  readonly cue?: Cue
  /** First millisecond of it; `undefined` where there is nothing in it to write. */
  start: number | undefined
  /** Blocks that begin in it. */
  blocks = 0
  /** Whether there was nothing in it to write. */
  empty = false
  /** Whether it shares nothing with the passages before it. */
  begins = true
  /** Where it begins in the text, if it shares nothing with the passages before it. */
  checkpoint: Checkpoint<State> | undefined
  /** Whether its end was written without waiting any longer for what follows. */
  cut = false
  #segments: Segment[] | undefined
  #packed: Serialized<Segment[]> | undefined

  /** A passage of which nothing is written yet. */
  constructor({ turn, cue, segments }: Passage) {
    if (turn !== undefined) this.turn = turn
    if (cue !== undefined) this.cue = cue
    this.#segments = segments
    this.start = cue?.start ?? segments[0]?.start
  }

  get segments(): Segment[] {
    return this.#segments ?? (this.#packed === undefined ? [] : deserialize(this.#packed))
  }

  set segments(segments: Segment[]) {
    this.#segments = segments
    this.#packed = undefined
    this.start = this.cue?.start ?? segments[0]?.start
  }

  /** Whether it is packed. */
  get packed(): boolean {
    return this.#segments === undefined
  }

  /** Makes it small, at the price of slower segments. */
  pack(): void {
    if (this.#segments === undefined) return
    this.#packed ??= serialize(this.#segments)
    this.#segments = undefined
  }

  /** Makes its segments fast until it is packed again. */
  unpack(): void {
    this.#segments = this.segments
  }
}
