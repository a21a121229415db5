import type { Cue } from '../model.ts'
import { cleanText } from './clean-text.ts'
import { CueLayout, joins, type PreviousCue, type UnnumberedCue } from './layout.ts'
import type { LayoutSettings } from './layout-options.ts'
import type { Passage } from './passages.ts'

/** Turns laid out together at most; a revision of one of them lays out all of them again. */
const MAX_TOGETHER = 50

/**
 * Lays out passages as they come. Turns that follow each other closely may share a cue, so the last words of a passage
 * wait for the next one, or for {@link close}. A passage that {@link begins} shares nothing with those before it:
 * whoever adds it closes what is open first.
 */
export class PassageLayout {
  readonly #settings: LayoutSettings
  #previous: (PreviousCue & { start?: number }) | undefined
  #open: { layout: CueLayout; last: Passage; passages: number } | undefined

  /** @param previous - the last cue before the first passage. */
  constructor(settings: LayoutSettings, previous?: PreviousCue) {
    this.#settings = settings
    this.#previous = previous
  }

  /** Whether words may wait for more. */
  get open(): boolean {
    return this.#open !== undefined
  }

  /** First millisecond of the oldest word that waits. */
  get oldest(): number | undefined {
    return this.#open?.layout.oldest
  }

  /** Whether `passage` cannot share a cue with what is open. */
  begins(passage: Passage): boolean {
    const open = this.#open
    if (open === undefined || open.passages >= MAX_TOGETHER) return true
    const before = open.last.segments.at(-1)
    const after = passage.segments[0]
    return before === undefined || after === undefined || !joins(before, after, this.#settings)
  }

  /** The cues that are decided with `passage`. */
  add(passage: Passage): UnnumberedCue[] {
    if (passage.cue !== undefined) return this.#out([repairTimes(passage.cue, this.#previous)])
    if (passage.segments.length === 0) return []
    this.#open ??= { layout: new CueLayout(this.#settings, this.#previous), last: passage, passages: 0 }
    this.#open.last = passage
    this.#open.passages += 1
    return this.#out(this.#open.layout.add(passage.segments))
  }

  /**
   * The cues of all words that wait.
   *
   * @param next - ms at which what follows begins; `Infinity` where nothing does, absent where that is unknown.
   */
  close(next?: number): UnnumberedCue[] {
    const cues = this.#open?.layout.close(next) ?? []
    this.#open = undefined
    return this.#out(cues)
  }

  #out(cues: UnnumberedCue[]): UnnumberedCue[] {
    this.#previous = cues.findLast(({ lines }) => lines.some((line) => cleanText(line) !== '')) ?? this.#previous
    return cues
  }
}

/** A ready cue with times that a caption file may hold: integers, starts that never fall, an end after the start. */
function repairTimes(cue: Cue, previous: { start?: number } | undefined): Cue {
  const whole = (ms: number) => (Math.abs(ms) <= 1e15 ? Math.round(ms) : 0)
  const start = Math.max(0, whole(cue.start), previous?.start ?? 0)
  return { ...cue, start, end: Math.max(start + 1, whole(cue.end)) }
}
