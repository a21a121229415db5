import { ConfigurationError } from '../errors.ts'
import { type Captionable, type Cue, isCue, isSegment, isTurn, type Segment, type Turn, type Word } from '../model.ts'
import { checkBoolean, checkOptions, defined, integer } from '../options.ts'
import { joinedTexts } from '../scripts.ts'
import { attributed, knownName } from './speakers.ts'
import { cleanText } from './text.ts'

/** How a turn is cut into runs of one speaker. */
export interface WordRunOptions {
  /** Whether a run without a speaker between two runs of one speaker joins them. @defaultValue `false` */
  absorbUnknown?: boolean
  /**
   * Runs of fewer words than this join the run before them (the first run of a turn: the one after it). 0 keeps every
   * run.
   * @defaultValue `0`
   */
  minRun?: number
}

/** What refuses wrong values of {@link WordRunOptions}. */
export const wordRunChecks = { absorbUnknown: checkBoolean, minRun: integer(0, 1000, 'words') }

interface Run {
  speaker: string | undefined
  words: Word[]
}

/**
 * Cuts a turn where its speaker changes. A final word belongs to its own speaker, else to the turn's, else to nobody;
 * a new run begins at each change. Words without visible text are left out; all others come out once, in order.
 *
 * A turn with a transcript but no words gives one segment with the turn's text and times and no words; a turn with
 * neither gives none.
 *
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 */
export function wordRuns(turn: Turn, options: WordRunOptions = {}): Segment[] {
  checkOptions('wordRuns()', options, wordRunChecks)
  return cutInRuns(turn, options)
}

/** The same for options that have been checked, among others. */
function cutInRuns(turn: Turn, options: WordRunOptions = {}): Segment[] {
  const words = turn.words.filter((word) => cleanText(word.text) !== '')
  const speaker = attributed(turn.speaker)
  if (words.length === 0) {
    const text = turn.transcript.trim()
    return cleanText(text) === '' ? [] : [toSegment(turn, speaker, [], { start: turn.start, end: turn.end, text })]
  }
  let runs = join(
    words.map((word) => ({
      speaker: (word.final ? attributed(word.speaker) : undefined) ?? speaker,
      words: [word],
    })),
  )
  if (options.absorbUnknown === true) runs = join(absorbUnknown(runs))
  if (options.minRun !== undefined) runs = join(runs, options.minRun)
  return runs.map((run) =>
    toSegment(turn, run.speaker, run.words, {
      start: run.words[0]?.start ?? turn.start,
      end: run.words.at(-1)?.end ?? turn.end,
      text: joinedTexts(run.words.map((word) => word.text.trim())),
    }),
  )
}

function toSegment(
  turn: Turn,
  speaker: string | undefined,
  words: Word[],
  shown: Pick<Segment, 'start' | 'end' | 'text'>,
): Segment {
  const name = words.length === 0 ? turn.speakerName : knownName(speaker, words)
  return {
    // Not by defined(), which would make each of them three times as large.
    ...(speaker !== undefined && { speaker }),
    ...(name !== undefined && { speakerName: name }),
    ...(turn.channel !== undefined && { channel: turn.channel }),
    ...(turn.language !== undefined && { language: turn.language }),
    ...shown,
    words,
    turn: { order: turn.order, revision: turn.revision },
  }
}

function absorbUnknown(runs: readonly Run[]): Run[] {
  return runs.map((run, i) => {
    const before = runs[i - 1]?.speaker
    const between = run.speaker === undefined && before !== undefined && before === runs[i + 1]?.speaker
    return between ? { speaker: before, words: run.words } : run
  })
}

/** Joins runs of one speaker, and those of fewer words than `minRun` to what is beside them. */
function join(runs: readonly Run[], minRun = 0): Run[] {
  const joined: Run[] = []
  for (const run of runs) {
    const last = joined.at(-1)
    if (last !== undefined && (run.words.length < minRun || last.speaker === run.speaker)) last.words.push(...run.words)
    else joined.push({ speaker: run.speaker, words: [...run.words] })
  }
  const [first, second] = joined
  if (first === undefined || second === undefined || first.words.length >= minRun) return joined
  return [{ speaker: second.speaker, words: [...first.words, ...second.words] }, ...joined.slice(2)]
}

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
