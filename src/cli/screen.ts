import { stripVTControlCharacters } from 'node:util'
import { textWidth } from '../captions/width.ts'

/** What a {@link Screen} draws on; a `tty.WriteStream` is one. */
export interface Terminal {
  readonly columns?: number
  write(text: string): unknown
}

/** A few lines at the bottom of a terminal that change in place, and text above them that scrolls. */
export class Screen {
  readonly #terminal: Terminal
  #drawn: string[] = []

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  /**
   * Columns that a line may take: less than there are, since a full line moves the cursor to the next, and so would the
   * `^C` that a terminal shows where that is typed.
   */
  get width(): number {
    return Math.max(20, (this.#terminal.columns ?? 80) - 3)
  }

  /** Shows `lines` in place of those before, which must fit into the width, and `above` over them for good. */
  draw(lines: readonly string[], above: readonly string[] = []): void {
    const unchanged = lines.length === this.#drawn.length && lines.every((line, i) => line === this.#drawn[i])
    if (unchanged && above.length === 0) return
    // In one write, so that nothing flickers.
    this.#terminal.write(this.#erasing() + above.map((line) => `${line}\n`).join('') + lines.join('\n'))
    this.#drawn = [...lines]
  }

  /** Moves the cursor to the first of the lines, and clears from there. A terminal made narrower has broken them. */
  #erasing(): string {
    if (this.#drawn.length === 0) return ''
    const columns = Math.max(1, this.#terminal.columns ?? 80)
    const rows = this.#drawn.map((line) => Math.max(1, Math.ceil(textWidth(stripVTControlCharacters(line)) / columns)))
    const up = rows.reduce((sum, n) => sum + n, 0) - 1
    return `\r${up > 0 ? `\u001B[${up}A` : ''}\u001B[J`
  }
}
