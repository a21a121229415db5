import { stripVTControlCharacters } from 'node:util'
import { textWidth } from '../captions/width.ts'

/** What a {@link Screen} draws on; a `tty.WriteStream` is one. */
export interface Terminal {
  readonly columns?: number
  write(text: string): unknown
}

/** What a terminal is taken to have that does not say, or says what cannot be. */
const USUAL_COLUMNS = 80
/** On a narrower terminal, or one that says so without being it, nothing changes in place: that could erase other text. */
const LEAST_COLUMNS = 20
/** Nobody makes a terminal as narrow. */
const IMPOSSIBLE_COLUMNS = 3
/** Lines are never longer, whatever a terminal says. */
const MOST_COLUMNS = 400

/** A few lines at the bottom of a terminal that change in place, and text above them that scrolls. */
export class Screen {
  readonly #terminal: Terminal
  #drawn: string[] = []
  /** Columns that the terminal had then. */
  #columns = USUAL_COLUMNS

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  /**
   * Columns that a line may take: less than there are, since a full line moves the cursor to the next, and so would the
   * `^C` that a terminal shows where that is typed.
   */
  get width(): number {
    return Math.min(Math.max(LEAST_COLUMNS, this.#reported), MOST_COLUMNS) - 3
  }

  /** Shows `wanted` in place of the lines before, which must fit into the width, and `above` over them for good. */
  draw(wanted: readonly string[], above: readonly string[] = []): void {
    const lines = this.#reported < LEAST_COLUMNS ? [] : wanted
    const unchanged = lines.length === this.#drawn.length && lines.every((line, i) => line === this.#drawn[i])
    if (unchanged && above.length === 0) return
    // In one write, so that nothing flickers.
    this.#terminal.write(this.#erasing() + above.map((line) => `${line}\n`).join('') + lines.join('\n'))
    this.#drawn = [...lines]
    this.#columns = this.#reported
  }

  get #reported(): number {
    const { columns } = this.#terminal
    return columns !== undefined && columns > 0 ? columns : USUAL_COLUMNS
  }

  /** Moves the cursor to the first of the lines, and clears from there. A terminal made narrower has broken them. */
  #erasing(): string {
    if (this.#drawn.length === 0) return ''
    const columns = this.#reported > IMPOSSIBLE_COLUMNS ? this.#reported : this.#columns
    const rows = this.#drawn.map((line) => Math.max(1, Math.ceil(textWidth(stripVTControlCharacters(line)) / columns)))
    const up = rows.reduce((sum, n) => sum + n, 0) - 1
    return `\r${up > 0 ? `\u001B[${up}A` : ''}\u001B[J`
  }
}
