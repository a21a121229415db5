import type { Turn } from '../model.ts'
import { finalLines, type TurnStyle } from './turn-lines.ts'

/** Turns of one burst that are shown; the end of a session may bring hundreds. */
const MOST_SHOWN = 5

/** Lines that say how turns that were shown have changed since: what has scrolled away cannot be changed itself. */
export class Corrections {
  /** How many have come so far. */
  count = 0
  readonly #style: TurnStyle
  #waiting: Turn[] = []
  #more = 0

  constructor(style: TurnStyle) {
    this.#style = style
  }

  /** Takes a turn that came again with a higher revision. */
  add(turn: Turn): void {
    this.count += 1
    // Only the newest of a turn is of interest.
    this.#waiting = this.#waiting.filter(({ order }) => order !== turn.order)
    if (this.#waiting.length < MOST_SHOWN) this.#waiting.push(turn)
    else this.#more += 1
  }

  /** The lines of those that have come since it was last asked: `corrected: 00:01:02 Alice: text`. */
  take(): string[] {
    const mark = this.#style.colours.dim('corrected:')
    const lines = this.#waiting.flatMap((turn) => finalLines(turn, this.#style).map((line) => `${mark} ${line}`))
    if (this.#more > 0) lines.push(`${mark} ${this.#more} more`)
    this.#waiting = []
    this.#more = 0
    return lines
  }
}
