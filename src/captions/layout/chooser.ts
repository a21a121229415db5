import type { Word } from '../../model.ts'
import { cueCost, lineText, lineWidth, secondLine, TOO_WIDE } from './costs.ts'
import type { LayoutSettings } from './options.ts'
import type { SpokenSpan } from './times.ts'
import type { PlacedToken } from './tokens.ts'

/** Costs of the cues that may begin with one token, by their length; found once, and used until the token is out. */
interface Row {
  indent: number
  /** `costs[k]` is that of the cue of `k + 1` tokens. */
  costs: number[]
  isComplete: boolean
}

export interface ChosenCue {
  tokens: PlacedToken[]
  lines: string[]
  cost: number
  width: number
}

/**
 * Chooses the cues of one run of words by dynamic programming over those that are known: a receding horizon with an
 * open tail. Only the first cue of the best sequence is taken, and its choice is made again for the words after it when
 * more are known. The last words, as many as fit in one cue, cost nothing, so that no cue ends where merely the
 * knowledge does.
 */
export class CueChooser {
  readonly #settings: LayoutSettings
  readonly #silentIndent: (before: PlacedToken, token: PlacedToken) => number
  #tokens: PlacedToken[] = []
  #rows: Row[] = []
  #unitsOut = 0
  /** Least cost from each token to the end, and the length of the first cue on the way. */
  #costs = new Float64Array(64)
  #lengths = new Int32Array(64)

  /** @param silentIndent - columns of the label of a cue that would begin with `token`, after `before`. */
  constructor(settings: LayoutSettings, silentIndent: (before: PlacedToken, token: PlacedToken) => number) {
    this.#settings = settings
    this.#silentIndent = silentIndent
  }

  get first(): PlacedToken | undefined {
    return this.#tokens[0]
  }

  get last(): PlacedToken | undefined {
    return this.#tokens.at(-1)
  }

  /** Whether as many words are known as the choice of a cue needs, and the one after them. */
  get isFull(): boolean {
    const before = this.#tokens.at(-2)
    return before !== undefined && before.units - this.#unitsOut >= this.#settings.lookAhead
  }

  push(token: PlacedToken): void {
    this.#tokens.push(token)
    this.#rows.push({ indent: 0, costs: [], isComplete: false })
  }

  replaceLast(token: PlacedToken): void {
    this.#tokens[this.#tokens.length - 1] = token
  }

  /**
   * Takes the best first cue. At least one token is left of a run that goes on.
   *
   * @param indent - columns of its label.
   * @param next - where the run has ended: first millisecond of what follows, `Infinity` where nothing does or nobody
   * knows; absent where the run goes on.
   */
  take(indent: number, next?: number): ChosenCue | undefined {
    const count = this.#tokens.length
    if (count === 0 || (next === undefined && count === 1)) return undefined
    this.#solve(indent, next)
    const length = this.#lengths[0]!
    const row = this.#rows[0]!
    const second = this.#secondLine(0, length, row.indent)!
    const cost = row.costs[length - 1] ?? this.#price(0, length, row, next)
    const width = lineWidth(this.#tokens, 0, length)
    const lines =
      second > 0
        ? [lineText(this.#tokens, 0, second), lineText(this.#tokens, second, length)]
        : [lineText(this.#tokens, 0, length)]
    const tokens = this.#tokens.splice(0, length)
    this.#rows.splice(0, length)
    this.#unitsOut = tokens.at(-1)!.units
    return { tokens, lines, cost, width }
  }

  /** Fills `#costs` and `#lengths` from the last token back to the first. */
  #solve(indent: number, next: number | undefined): void {
    const count = this.#tokens.length
    if (this.#costs.length <= count) {
      this.#costs = new Float64Array(2 * count)
      this.#lengths = new Int32Array(2 * count)
    }
    const costs = this.#costs
    const lengths = this.#lengths
    costs[count] = 0
    let isTail = next === undefined
    for (let from = count - 1; from >= 0; from--) {
      const row = this.#row(from, from === 0 ? indent : undefined)
      isTail = isTail && from > 0 && this.#secondLine(from, count, row.indent) !== undefined
      let best = isTail ? 0 : Infinity
      let length = 0
      for (let k = 0; k < row.costs.length; k++) {
        const cost = row.costs[k]! + costs[from + k + 1]!
        if (cost <= best) {
          best = cost
          length = k + 1
        }
      }
      if (next !== undefined && (!row.isComplete || row.costs.length === 0)) {
        const cost = this.#price(from, count, row, next)
        if (cost <= best) {
          best = cost
          length = count - from
        }
      }
      costs[from] = best
      lengths[from] = length
    }
  }

  /** The costs of the cues that begin with the token `from` and end before the last one. */
  #row(from: number, indent: number | undefined): Row {
    const row = this.#rows[from]!
    const token = this.#tokens[from]!
    const before = this.#tokens[from - 1]
    const label = indent ?? (before === undefined ? 0 : this.#silentIndent(before, token))
    // A label leaves no less room than the first word takes, which cannot be broken.
    const wished = Math.max(0, Math.min(label, this.#settings.maxLineWidth - token.width))
    if (row.indent !== wished) {
      row.indent = wished
      row.costs.length = 0
      row.isComplete = false
    }
    while (!row.isComplete && from + row.costs.length + 1 < this.#tokens.length) {
      const cost = this.#price(from, from + row.costs.length + 1, row, undefined)
      if (cost === Infinity) row.isComplete = true
      else row.costs.push(cost)
    }
    return row
  }

  /** The cost of a cue; `Infinity` where it does not fit. */
  #price(from: number, to: number, { indent }: Row, next: number | undefined): number {
    const second = this.#secondLine(from, to, indent)
    if (second === undefined) return Infinity
    const after = this.#tokens[to]
    const start = after === undefined ? (next ?? Infinity) : after.start
    return cueCost(this.#tokens, from, to, second, indent, start, after?.cutBefore ?? 0, this.#settings)
  }

  /** Where the second line of a cue best begins, as {@link secondLine} says it; `undefined` where the cue does not fit. One token always does. */
  #secondLine(from: number, to: number, indent: number): number | undefined {
    const isAlone = to - from === 1
    const duration = this.#tokens[to - 1]!.end - this.#tokens[from]!.start
    if (!isAlone && duration > this.#settings.maxDuration) return undefined
    const second = secondLine(this.#tokens, from, to, indent, this.#settings)
    return second === TOO_WIDE && !isAlone ? undefined : second
  }
}

/** A cue that has been chosen and waits for its times. */
export interface Draft extends SpokenSpan {
  speaker: string | undefined
  lines: string[]
  tokens: readonly PlacedToken[]
  cost: number
  isWhole: boolean
  lineSpeakers?: string[]
}

export function draftOf(chosen: ChosenCue, speaker: string | undefined, isWhole: boolean): Draft {
  const { tokens, cost, width } = chosen
  const lines = chosen.lines.filter((line) => line !== '')
  const { start } = tokens[0]!
  const { end } = tokens.at(-1)!
  // A word in several tokens counts once, and one that began in the cue before not at all.
  const words = tokens.reduce((sum, token) => sum + (token.words.length > 0 || token.space > 0 ? 1 : 0), 0)
  return { speaker, lines, tokens, cost, width, start, end, words, isWhole }
}

export function draftWords(draft: Draft): Word[] {
  return draft.tokens.flatMap(({ words }) => words)
}
