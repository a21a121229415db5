import type { Segment } from '../model.ts'
import { checkInteger, checkOneOf } from '../options.ts'
import {
  asSeconds,
  checkScoringOptions,
  recordingFields,
  SCORING_OPTIONS,
  speakerField,
  UNKNOWN_SPEAKER,
  wholeTimes,
  type ScoringOptions,
} from './scoring-fields.ts'
import type { SegmentText } from './segment-text.ts'

/** Options of RTTM, the format in which scoring tools read who spoke when. */
export interface RttmOptions extends ScoringOptions {
  /**
   * Runs of one speaker that are nearer than this become one, in milliseconds, also where another speaker spoke in
   * between; 0 keeps every run.
   * @defaultValue `250`
   */
  mergeBelow?: number
  /**
   * Whether runs of nobody in particular are left out (`'skip'`) or written as the speaker `unknown` (`'name'`).
   * @defaultValue `'skip'`
   */
  unattributed?: 'skip' | 'name'
}

/** The names of {@link RttmOptions}, for stages that pass them on. */
export const RTTM_OPTIONS = [...SCORING_OPTIONS, 'mergeBelow', 'unattributed'] as const

/** Refuses wrong values of {@link RttmOptions}; `where` is put before the names, e.g. `rttm.`. */
export function checkRttmOptions(options: RttmOptions, where = ''): void {
  checkScoringOptions(options, where)
  checkInteger(`${where}mergeBelow`, options.mergeBelow, 0, 3_600_000, 'milliseconds')
  checkOneOf(`${where}unattributed`, options.unattributed, ['skip', 'name'])
}

/** A stretch of one speaker on one channel, in milliseconds. */
interface Run {
  recording: string
  name: string
  start: number
  end: number
}

/** Runs that wait at most; a run behind which more would wait is written though it may go on. */
const MAX_HELD = 1000

/**
 * Speaker runs as RTTM: one line for each run, `SPEAKER <file> <channel> <start> <duration> <NA> <NA> <name> <NA>
 * <NA>`, times in seconds. Lines come in the order of their starts as far as the segments do. A line is written once
 * its run can no longer grow, and all earlier ones are written: as a rule, with the first segment that begins
 * `mergeBelow` or more after its end. Runs of no length are left out.
 */
export class RttmRuns implements SegmentText {
  readonly #options: RttmOptions
  readonly #mergeBelow: number
  /** By start. */
  #held: Run[] = []
  /** The newest held run of each speaker. */
  readonly #newest = new Map<string, Run>()
  #latestStart = 0

  constructor(options: RttmOptions = {}) {
    this.#options = options
    this.#mergeBelow = options.mergeBelow ?? 250
  }

  add(segment: Segment): string {
    const { start, end } = wholeTimes(segment)
    this.#latestStart = Math.max(this.#latestStart, start)
    const isNamed = this.#options.unattributed === 'name'
    const name = speakerField(segment, this.#options) ?? (isNamed ? UNKNOWN_SPEAKER : undefined)
    if (name !== undefined) this.#take({ recording: recordingFields(segment, this.#options), name, start, end })
    const growing = this.#held.findIndex((run) => !this.#isOver(run))
    return this.#release(Math.max(growing === -1 ? this.#held.length : growing, this.#held.length - MAX_HELD))
  }

  get waiting(): boolean {
    return this.#held.length > 0
  }

  release(): string {
    return this.end()
  }

  end(): string {
    return this.#release(this.#held.length)
  }

  copy(): RttmRuns {
    const copy = new RttmRuns(this.#options)
    copy.#latestStart = this.#latestStart
    copy.#held = this.#held.map((run) => ({ ...run }))
    for (const run of copy.#held) copy.#newest.set(keyOf(run), run)
    return copy
  }

  get state(): unknown {
    return [this.#latestStart, this.#held]
  }

  #take(run: Run): void {
    const key = keyOf(run)
    const known = this.#newest.get(key)
    if (known !== undefined && gapBetween(known, run) < this.#mergeBelow && this.#mergeBelow > 0) {
      known.start = Math.min(known.start, run.start)
      known.end = Math.max(known.end, run.end)
    } else {
      this.#held.push(run)
      this.#newest.set(key, run)
    }
    const before = this.#held.at(-2)
    if (before !== undefined && run.start < before.start) this.#held.sort((one, other) => one.start - other.start)
  }

  /** Whether nothing that begins from now on can be merged into `run`. */
  #isOver(run: Run): boolean {
    return this.#mergeBelow === 0 || this.#latestStart - run.end >= this.#mergeBelow
  }

  #release(count: number): string {
    let lines = ''
    for (const run of this.#held.splice(0, count)) {
      const key = keyOf(run)
      if (this.#newest.get(key) === run) this.#newest.delete(key)
      if (run.end > run.start) lines += toLine(run)
    }
    return lines
  }
}

function keyOf(run: Run): string {
  return `${run.recording} ${run.name}`
}

/** Milliseconds between two runs; negative where they overlap. */
function gapBetween(one: Run, other: Run): number {
  return Math.max(one.start, other.start) - Math.min(one.end, other.end)
}

function toLine({ recording, name, start, end }: Run): string {
  return `SPEAKER ${recording} ${asSeconds(start)} ${asSeconds(end - start)} <NA> <NA> ${name} <NA> <NA>\n`
}
