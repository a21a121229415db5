import { keepsNothing } from '../../checkpoint/stages.ts'
import { vttTimestamp } from '../../captions/formats/timestamps.ts'
import { attributed, displayName, type SpeakerNames } from '../../captions/speakers.ts'
import { splitByWidth, textWidth } from '../../captions/width.ts'
import { wordRuns } from '../../captions/segments.ts'
import type { Turn } from '../../model.ts'
import type { Progress } from '../../pipeline/progress.ts'
import { clock, count, type Paint, painter, printable } from './text.ts'
import { Writable } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'

const PALETTE = ['cyan', 'yellow', 'green', 'magenta', 'blue', 'red'] as const

export interface TurnStyle {
  names: SpeakerNames
  paint: Paint
  paintSpeaker: (speaker: string | undefined, text: string) => string
}

/** Time between two drawings, in milliseconds; fast engines give hundreds of partials a second. */
const DRAW_EVERY_MS = 50
/** Time between two drawings while nothing happens, in milliseconds. */
const HEARTBEAT_MS = 1000
/** Open turns that are shown, of so many channels. */
const MOST_PARTIALS = 4

export interface LiveViewOptions {
  names: SpeakerNames
  colours: boolean
}

export function turnStyle({ names, colours }: LiveViewOptions): TurnStyle {
  const paint = painter(colours)
  return { names, paint, paintSpeaker: speakerPainter(paint) }
}

/**
 * A sink of turns for people: finals scroll, open turns and progress change in place, revisions are printed once more.
 */
export class LiveView extends Writable {
  readonly [keepsNothing] = true
  /** Length of the input in ms, once it is known. */
  duration: number | undefined
  readonly #screen: Screen
  readonly #style: TurnStyle
  readonly #corrections: Corrections
  readonly #partials = new Map<string, Turn>()
  #progress: Progress = { audioMs: 0, doneMs: 0, turns: 0, speakers: [], speed: 0, elapsedMs: 0 }
  #status: string | undefined
  /** When the audio that is done last became more, on the clock of `performance`. */
  #advanced = performance.now()
  #heartbeat: NodeJS.Timeout | undefined

  constructor(terminal: Terminal, options: LiveViewOptions) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#style = turnStyle(options)
    this.#corrections = new Corrections(this.#style)
    const above = (): string[] => this.#corrections.take()
    this.#screen = new Screen(terminal, (width) => this.#lines(width), above)
  }

  override _write(turn: Turn, _encoding: BufferEncoding, done: () => void): void {
    if (turn.endOfTurn && turn.revision === 0) {
      this.#partials.delete(turn.channel ?? '')
      this.print(finalLines(turn, this.#style))
    } else if (turn.endOfTurn) {
      this.#corrections.add(turn)
      this.#screen.later()
    }
    done()
  }

  override _final(done: () => void): void {
    this.#partials.clear()
    this.#screen.later()
    done()
  }

  get corrections(): number {
    return this.#corrections.count
  }

  partial(turn: Turn): void {
    if (turn.words.length === 0 && turn.transcript === '') this.#partials.delete(turn.channel ?? '')
    else this.#partials.set(turn.channel ?? '', turn)
    this.#screen.later()
  }

  progress(progress: Progress): void {
    if (progress.doneMs > this.#progress.doneMs) this.#advanced = performance.now()
    // What is shown must not stand still while nothing is told.
    this.#heartbeat ??= setInterval(() => this.#screen.later(), HEARTBEAT_MS).unref()
    this.#progress = progress
    this.#screen.later()
  }

  status(line: string): void {
    this.#status = line
    this.#screen.later()
  }

  /** Prints lines above what changes in place. */
  print(lines: readonly string[]): void {
    this.#screen.print(lines)
  }

  /** Clears what changes in place, for good. */
  close(): void {
    clearInterval(this.#heartbeat)
    this.#screen.close()
  }

  #lines(width: number): string[] {
    const open = [...this.#partials.values()].slice(-MOST_PARTIALS)
    const lines = open.map((turn) => partialLine(turn, width, this.#style))
    return [...lines, this.#style.paint('dim', this.#status ?? this.#progressLine(width))]
  }

  #progressLine(width: number): string {
    const standstillMs = performance.now() - this.#advanced
    return progressLine(this.#progress, this.duration, width, standstillMs)
  }
}

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
  readonly #lines: (width: number) => readonly string[]
  readonly #above: () => readonly string[]
  #drawn: readonly string[] = []
  /** Columns that the terminal had then. */
  #columns = USUAL_COLUMNS
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /**
   * @param lines - gives those that change as they are to be now, of `width` columns at most.
   * @param above - gives those that are to scroll above them before others do.
   */
  constructor(
    terminal: Terminal,
    lines: (width: number) => readonly string[],
    above: () => readonly string[] = () => [],
  ) {
    this.#terminal = terminal
    this.#lines = lines
    this.#above = above
  }

  /** Says that something has changed. */
  later(): void {
    this.#timer ??= setTimeout(() => this.print([]), DRAW_EVERY_MS).unref()
  }

  /** Prints lines above those that change. */
  print(lines: readonly string[]): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const isHidden = this.#isClosed || this.#reported < LEAST_COLUMNS
    // A full line would move the cursor to the next, as would the `^C` of a terminal.
    const width = Math.min(Math.max(LEAST_COLUMNS, this.#reported), MOST_COLUMNS) - 3
    this.#draw(isHidden ? [] : this.#lines(width), [...this.#above(), ...lines])
  }

  /** Clears what changes in place, for good. */
  close(): void {
    this.#isClosed = true
    this.print([])
  }

  #draw(lines: readonly string[], above: readonly string[]): void {
    const unchanged = lines.length === this.#drawn.length && lines.every((line, i) => line === this.#drawn[i])
    if (unchanged && above.length === 0) return
    // In one write, so that nothing flickers.
    this.#terminal.write(this.#erasing() + above.map((line) => `${line}\n`).join('') + lines.join('\n'))
    this.#drawn = lines
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

/** A length of time in ms for people: `3 s`, `2 min 05 s`, `1 h 02 min`. */
export function span(ms: number): string {
  const whole = Math.max(0, Math.ceil(ms / 1000))
  const two = (n: number) => String(n).padStart(2, '0')
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
  return `${Math.floor(whole / 3600)} h ${two(Math.floor(whole / 60) % 60)} min`
}

/** A bar of `width` columns of which `part`, from 0 to 1, is filled. */
export function bar(part: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, part)) * width)
  return '█'.repeat(filled) + '░'.repeat(width - filled)
}

/** Columns of a bar, where there is room. */
const BAR_WIDTH = 24

/** `text` behind a bar of which `part`, from 0 to 1, is filled; without one where the line has no room for it. */
export function barLine(part: number, text: string, width: number): string {
  const room = width - text.length - 2
  return room < 4 ? headToWidth(text, width) : `${bar(part, Math.min(BAR_WIDTH, room))}  ${text}`
}

/** Longer times left are those of a speed that nothing can be said of yet. */
const LONGEST_GUESS_MS = 100 * 3_600_000

/** No estimate outlives a standstill of this many milliseconds. */
const STANDSTILL_MS = 3000

/**
 * One line on how far the work has come, with a bar and the time left where the length of the input is known.
 *
 * @param standstillMs - for how long no audio has been done.
 */
export function progressLine(
  progress: Progress,
  duration: number | undefined,
  width: number,
  standstillMs = 0,
): string {
  const { doneMs, speed, elapsedMs, speakers } = progress
  const heard = speakers.length === 0 ? '' : `  ${count(speakers.length, 'speaker')}`
  if (duration === undefined || duration <= 0) {
    return headToWidth(`${clock(doneMs)} heard  ${clock(elapsedMs)} elapsed${heard}`, width)
  }
  const part = Math.min(1, doneMs / duration)
  const toGo = (duration - doneMs) / speed
  const guess = part < 1 && toGo < LONGEST_GUESS_MS ? `  ${span(toGo)} left` : ''
  const left = standstillMs >= STANDSTILL_MS ? `  still at work, for ${span(standstillMs)}` : guess
  const text = `${Math.floor(part * 100)} %  ${clock(Math.min(doneMs, duration))} of ${clock(duration)}${left}${heard}`
  return barLine(part, text, width)
}

/** Turns of one burst that are shown; the end of a session may bring hundreds. */
const MOST_SHOWN = 5

/** Lines that say how turns that were shown have changed since: what has scrolled away cannot be changed itself. */
export class Corrections {
  count = 0
  readonly #style: TurnStyle
  #waiting: Turn[] = []
  #more = 0

  constructor(style: TurnStyle) {
    this.#style = style
  }

  add(turn: Turn): void {
    this.count += 1
    // Only the newest of a turn is of interest.
    this.#waiting = this.#waiting.filter(({ order }) => order !== turn.order)
    if (this.#waiting.length < MOST_SHOWN) this.#waiting.push(turn)
    else this.#more += 1
  }

  /** The lines of those that have come since it was last asked: `corrected: 00:01:02 Alice: text`. */
  take(): string[] {
    const mark = this.#style.paint('dim', 'corrected:')
    const lines = this.#waiting.flatMap((turn) => finalLines(turn, this.#style).map((line) => `${mark} ${line}`))
    if (this.#more > 0) lines.push(`${mark} ${this.#more} more`)
    this.#waiting = []
    this.#more = 0
    return lines
  }
}

/** The lines of a final turn, one for each speaker's run of words: `00:01:02 Alice: text`. Nothing in them moves the cursor. */
export function finalLines(turn: Turn, { names, paint, paintSpeaker }: TurnStyle): string[] {
  return wordRuns(turn).flatMap((segment) => {
    const text = printable(segment.text)
    if (text === '') return []
    const speaker = attributed(segment.speaker) ?? segment.channel
    const name = printable(displayName(speaker, names, segment.words) ?? '')
    const [time = ''] = vttTimestamp(segment.start).split('.')
    return [`${paint('dim', time)} ${name === '' ? '' : `${paintSpeaker(speaker, `${name}:`)} `}${text}`]
  })
}

/** One line, of `width` columns at most, with the end of a turn that is still open. */
export function partialLine(turn: Turn, width: number, { names, paint, paintSpeaker }: TurnStyle): string {
  const last = turn.words.findLast((word) => attributed(word.speaker) !== undefined)
  const speaker = attributed(last?.speaker) ?? attributed(turn.speaker) ?? turn.channel
  const name = headToWidth(printable(displayName(speaker, names, turn.words) ?? ''), Math.floor(width / 3))
  const label = name === '' ? '' : `${name}: `
  const spoken = turn.transcript === '' ? turn.words.map((word) => word.text).join(' ') : turn.transcript
  const text = tailToWidth(printable(spoken), width - textWidth(label))
  return `${label === '' ? '' : paintSpeaker(speaker, label)}${paint('dim', text)}`
}

/** The beginning of `text` that fits into `width` columns. */
export function headToWidth(text: string, width: number): string {
  if (width <= 0) return ''
  if (textWidth(text) <= width) return text
  const [head = ''] = splitByWidth(text, width - 1)
  // A single wide character may be too much already.
  return textWidth(head) < width ? `${head}…` : '…'
}

/** The end of `text` that fits into `width` columns, in whole words where it can be. */
export function tailToWidth(text: string, width: number): string {
  if (width <= 0) return ''
  if (textWidth(text) <= width) return text
  const words = text.split(' ')
  const kept: string[] = []
  let left = width - 2
  for (let i = words.length - 1; i >= 0; i--) {
    const word = words[i] as string
    left -= textWidth(word) + 1
    if (left < -1) break
    kept.unshift(word)
  }
  return kept.length > 0 ? `… ${kept.join(' ')}` : headToWidth(words.at(-1) ?? '', width)
}

/** Gives each speaker a colour of the terminal, in order of appearance; the seventh has that of the first, bold. */
function speakerPainter(paint: Paint): TurnStyle['paintSpeaker'] {
  const seen = new Map<string, number>()
  return (speaker, text) => {
    if (speaker === undefined) return text
    const place = seen.get(speaker) ?? seen.size
    seen.set(speaker, place)
    const painted = paint(PALETTE[place % PALETTE.length] ?? 'cyan', text)
    return Math.floor(place / PALETTE.length) % 2 === 1 ? paint('bold', painted) : painted
  }
}
