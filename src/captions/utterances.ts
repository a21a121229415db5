import { ConfigurationError } from '../errors.ts'
import type { Captionable, Cue, Segment, Turn } from '../model.ts'
import { isCue, isSegment, isTurn } from '../model.ts'
import { defined } from '../options.ts'
import { cutInRuns, type WordRunOptions } from './word-runs.ts'

/** What is laid out together: the segments of one final turn, or one cue that is laid out already. */
export interface Utterance {
  /** The turn, where it is one: a later one of the same order and a higher revision replaces it. */
  turn?: { order: number; revision: number; session?: string; channel?: string }
  segments: Segment[]
  cue?: Cue
}

/** Segments that wait for the end of their turn at most: segments made by hand may all claim to be of one turn. */
const MAX_PENDING = 1000

const lastOfTurn = new WeakSet<Segment>()

/** The segments of a final turn, the last known as such to {@link UtteranceCollector}, which then need not wait. */
export function turnSegments(turn: Turn, options: WordRunOptions): Segment[] {
  const segments = cutInRuns(turn, options)
  const last = segments.at(-1)
  if (last !== undefined) lastOfTurn.add(last)
  return segments
}

/** Refuses what is no turn, segment or cue. @throws {@link ConfigurationError} `INVALID_PIPELINE` */
export function assertCaptionable(stage: string, item: unknown): asserts item is Captionable {
  const isBytes = typeof item === 'string' || item instanceof Uint8Array
  if (!isBytes && typeof item === 'object' && item !== null) {
    const object = item as Captionable
    if (
      isTurn(object) || isSegment(object) ? Array.isArray(object.words) : isCue(object) && Array.isArray(object.lines)
    )
      return
  }
  const given = isBytes ? 'bytes; put diarize() before it' : 'something else; put diarize() before it'
  throw new ConfigurationError('INVALID_PIPELINE', `${stage} takes turns, segments or cues, and was given ${given}`)
}

/** Gathers turns, segments and cues, as they come, into {@link Utterance}s. */
export class UtteranceCollector {
  readonly #options: WordRunOptions
  #pending: Segment[] = []

  constructor(options: WordRunOptions = {}) {
    this.#options = options
  }

  /** Takes one item and returns the utterances that are complete with it. Partial turns give none. */
  add(item: Captionable): Utterance[] {
    if (isTurn(item)) {
      if (!item.endOfTurn) return []
      const { order, revision, sessionId: session, channel } = item
      const turn = { order, revision, session, ...defined({ channel }) }
      return [...this.end(), { turn, segments: cutInRuns(item, this.#options) }]
    }
    if (isCue(item)) return [...this.end(), { segments: [], cue: item }]
    const { order, revision } = item.turn
    const open = this.#pending[0]?.turn
    const complete = open !== undefined && (open.order !== order || open.revision !== revision) ? this.end() : []
    this.#pending.push(item)
    if (lastOfTurn.has(item)) return [...complete, ...this.end()]
    if (this.#pending.length < MAX_PENDING) return complete
    // No turn is as long: these can be no revision of one, and need not be remembered for one.
    return [...complete, { segments: this.#pending.splice(0) }]
  }

  end(): Utterance[] {
    const segments = this.#pending
    const first = segments[0]
    if (first === undefined) return []
    this.#pending = []
    const channel = first.channel
    return [{ turn: { ...first.turn, ...defined({ channel }) }, segments }]
  }
}
