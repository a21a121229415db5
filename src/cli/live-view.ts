import { Writable } from 'node:stream'
import picocolors from 'picocolors'
import type { SpeakerNames } from '../captions/names.ts'
import type { Turn } from '../model.ts'
import type { Progress } from '../progress.ts'
import { Corrections } from './corrections.ts'
import { progressLine } from './progress-line.ts'
import { Screen, type Terminal } from './screen.ts'
import { SpeakerColours } from './speaker-colours.ts'
import { finalLines, partialLine, type TurnStyle } from './turn-lines.ts'

/** Time between two drawings, in milliseconds; fast engines give hundreds of partials a second. */
const DRAW_EVERY_MS = 50
/** Open turns that are shown, of so many channels. */
const MOST_PARTIALS = 4

/** How a {@link LiveView} looks. */
export interface LiveViewOptions {
  names: SpeakerNames
  colours: boolean
}

/**
 * A sink of turns for people in front of a terminal: finals scroll, open turns change in place below them, and the last
 * line says how far the work has come. A final that is revised is printed once more, as a correction.
 */
export class LiveView extends Writable {
  /** Length of the input in seconds, once it is known. */
  duration: number | undefined
  readonly #screen: Screen
  readonly #style: TurnStyle
  readonly #corrections: Corrections
  /** The open turn of each channel. */
  readonly #partials = new Map<string, Turn>()
  #progress: Progress = { seconds: 0, turns: 0, speakers: [], speed: 0, elapsedSeconds: 0 }
  #status: string | undefined
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(terminal: Terminal, options: LiveViewOptions) {
    super({ objectMode: true, highWaterMark: 16 })
    const colours = picocolors.createColors(options.colours)
    this.#style = { names: options.names, colours, speakers: new SpeakerColours(colours) }
    this.#corrections = new Corrections(this.#style)
    this.#screen = new Screen(terminal)
  }

  override _write(turn: Turn, _encoding: BufferEncoding, done: () => void): void {
    if (turn.endOfTurn && turn.revision === 0) {
      this.#partials.delete(turn.channel ?? '')
      this.#draw(finalLines(turn, this.#style))
    } else if (turn.endOfTurn) {
      this.#corrections.add(turn)
      this.#later()
    }
    done()
  }

  override _final(done: () => void): void {
    this.#partials.clear()
    this.#later()
    done()
  }

  /** How often a turn was corrected after it had been shown. */
  get corrections(): number {
    return this.#corrections.count
  }

  /** Shows a turn that is still open. */
  partial(turn: Turn): void {
    this.#partials.set(turn.channel ?? '', turn)
    this.#later()
  }

  /** Shows how far the work has come. */
  progress(progress: Progress): void {
    this.#progress = progress
    this.#later()
  }

  /** Shows a line of its own in place of the progress. */
  status(line: string): void {
    this.#status = line
    this.#later()
  }

  /** Prints lines above what changes in place. */
  print(lines: readonly string[]): void {
    this.#draw(lines)
  }

  /** Clears what changes in place, for good. */
  close(): void {
    this.#isOver = true
    this.#draw([])
  }

  #later(): void {
    this.#timer ??= setTimeout(() => this.#draw([]), DRAW_EVERY_MS).unref()
  }

  #draw(lines: readonly string[]): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const above = [...this.#corrections.take(), ...lines]
    if (this.#isOver) return this.#screen.draw([], above)
    const { width } = this.#screen
    const open = [...this.#partials.values()].slice(-MOST_PARTIALS)
    const changing = open.map((turn) => partialLine(turn, width, this.#style))
    changing.push(this.#style.colours.dim(this.#status ?? progressLine(this.#progress, this.duration, width)))
    this.#screen.draw(changing, above)
  }
}
