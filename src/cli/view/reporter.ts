import { keepsNothing } from '../../checkpoint/stages.ts'
import { defined } from '../../options.ts'
import type { SourceGap } from '../../sources/live/timeline.ts'
import type { Gap } from '../../stream/options.ts'
import { formatJsonlItem } from '../../captions/formats/jsonl.ts'
import { displayName, type SpeakerNames } from '../../captions/speakers.ts'
import { errorCode, type Warning } from '../../errors.ts'
import type { Turn } from '../../model.ts'
import type { Progress, RunSummary } from '../../pipeline/progress.ts'
import type { TranscribeProgress } from '../../transforms/transcribe/transcribe.ts'
import { type Command, filesOf, STDOUT } from '../arguments.ts'
import { isReaderGone } from '../exit-codes.ts'
import { explanation, inWordsOfCommand } from '../wording.ts'
import { clock, count, phaseLine, printable, printableLines, wantsColours } from './text.ts'
import { unwritable } from '../../sinks/destination.ts'
import type { Corrections, LiveView } from './live-view.ts'
import type { EventEmitter } from 'node:events'
import { Writable } from 'node:stream'
import type { WriteStream } from 'node:tty'

/** Events that programs are told of, beside turns and what the reporter itself says. */
const EVENTS = ['session', 'gap', 'unrecognized', 'warning', 'reconnecting', 'termination'] as const

/** Time in which corrections that come together are gathered, in milliseconds. */
const GATHER_MS = 50

export interface Streams {
  stdout: Writable & Partial<WriteStream>
  stderr: Writable & Partial<WriteStream>
  env: Readonly<Record<string, string | undefined>>
}

type ReporterCommand = Pick<Command, 'names' | 'json' | 'quiet' | 'outputs' | 'mux' | 'burn'>

/** Tells what happens: people on standard error, programs by JSON lines on standard output. */
export abstract class ConsoleReporter {
  /** Where programs are told; `undefined` where none listen. */
  protected readonly json: JsonEvents | undefined
  readonly #stderr: Writable
  /** Whether people are told of errors alone. */
  protected readonly isQuiet: boolean

  constructor({ names, json, quiet }: Pick<Command, 'names' | 'json' | 'quiet'>, { stdout, stderr }: Streams) {
    this.json = json ? new JsonEvents(stdout, names) : undefined
    this.#stderr = stderr
    this.isQuiet = quiet || json
  }

  /** Prints lines for people; nothing where only programs listen, or it is to be quiet. */
  say(text: string): void {
    if (!this.isQuiet) this.print(printableLines(text))
  }

  /** Tells of trouble, with one of several inputs where that is named. */
  warn(warning: Warning, input?: string): void {
    this.json?.event('warning', { ...defined({ input }), ...warning })
    this.say(`${input === undefined ? '' : `${printable(input)}: `}note: ${inWordsOfCommand(warning.message)}`)
  }

  error(error: Error): void {
    this.close()
    const message = explanation(error)
    this.json?.event('error', { code: errorCode(error), message })
    this.print(printableLines(`diarize-stream: ${message}`))
  }

  /** Clears what changes in place. */
  abstract close(): void

  protected print(lines: readonly string[]): void {
    for (const line of lines) this.#stderr.write(`${line}\n`)
  }
}

/** Tells of one input, also by a live view. */
export class Reporter extends ConsoleReporter {
  readonly sinks: readonly Writable[]
  readonly #isTerminal: boolean
  readonly #view: LiveView | undefined
  /** These have the corrections, and there is nothing to be put right for a reader. */
  readonly #hasFiles: boolean
  /** Tells of turns that were corrected, where no live view shows them and no file has them. */
  readonly #corrections: Corrections | undefined
  #corrected = 0
  #timer: NodeJS.Timeout | undefined
  readonly #told = new WeakSet<object>()
  #video: string | undefined
  #phase: TranscribeProgress['phase'] | undefined
  #phaseBegan = 0

  private constructor(
    command: ReporterCommand,
    streams: Streams,
    shown: { view?: LiveView; corrections?: Corrections },
  ) {
    super(command, streams)
    this.#isTerminal = streams.stderr.isTTY === true
    this.#hasFiles = filesOf(command).length > 0
    this.#view = shown.view
    this.#corrections = shown.corrections
    this.sinks = [this.#view, this.json].filter((sink) => sink !== undefined)
  }

  static async open(command: ReporterCommand, streams: Streams): Promise<Reporter> {
    const { json, quiet, names } = command
    const isTaken = command.outputs.includes(STDOUT)
    const hasFiles = filesOf(command).length > 0
    // Captions that go to the terminal must not be drawn over.
    const screens = isTaken ? (streams.stdout.isTTY === true ? [] : [streams.stderr]) : [streams.stdout, streams.stderr]
    const terminal = screens.find((stream) => stream.isTTY === true)
    if (json || quiet || (terminal === undefined && hasFiles)) return new Reporter(command, streams, {})
    // Of no use to who only reads files.
    const { Corrections: Lines, LiveView: View, turnStyle } = await import('./live-view.ts')
    const isWatched = terminal !== undefined && (isTaken || hasFiles || streams.stdout.isTTY === true)
    if (!isWatched || streams.env['TERM'] === 'dumb') {
      const corrections = hasFiles ? {} : { corrections: new Lines(turnStyle({ names, colours: false })) }
      return new Reporter(command, streams, corrections)
    }
    const view = new View(terminal, { names, colours: wantsColours(true, streams.env) })
    return new Reporter(command, streams, { view })
  }

  /** Whether somebody watches, to whom the length of the input is of use. */
  get isLive(): boolean {
    return this.#view !== undefined
  }

  length(duration: number | undefined): void {
    if (this.#view !== undefined) this.#view.duration = duration
  }

  follow(stage: EventEmitter): void {
    stage.on('partial', (turn: Turn) => {
      this.#view?.partial(turn)
      this.json?.turn(turn)
    })
    if (this.#view === undefined) {
      stage.on('revision', (turn: Turn) => {
        this.#corrected += 1
        if (this.#corrections === undefined) return
        this.#corrections.add(turn)
        this.#timer ??= setTimeout(() => this.#sayCorrections(), GATHER_MS).unref()
      })
    }
    stage.on('progress', (progress: Partial<TranscribeProgress>) => {
      if (progress.phase !== undefined) this.#phaseOf(progress as TranscribeProgress)
    })
    followEvents(stage, this.#told, (event, record, note) => {
      this.json?.event(event, record)
      if (note !== undefined) this.say(note)
    })
  }

  readonly progress = (progress: Progress): void => {
    this.#view?.progress(progress)
    this.json?.event('progress', progress)
  }

  /** Tells how far a finished file has come, of which nothing is heard for minutes. */
  #phaseOf(progress: TranscribeProgress): void {
    if (progress.phase !== this.#phase) {
      this.#phase = progress.phase
      this.#phaseBegan = performance.now()
      this.json?.event('phase', { phase: progress.phase })
    }
    if (this.#view === undefined) return
    this.#view.status(phaseLine(progress, this.#view.duration, performance.now() - this.#phaseBegan))
  }

  /** Tells that a captioned video is being made, and how many ms of it are done. */
  video(target: string, doneMs: number): void {
    if (this.#video !== target) this.json?.event('video', { file: target })
    this.#video = target
    const [name = ''] = printableLines(target)
    this.#view?.status(`writing ${name}  ${clock(doneMs)} done`)
  }

  end(lines: readonly string[], summary: object): void {
    this.close()
    this.json?.event('summary', summary)
    for (const line of lines) this.say(line)
    const corrections = this.#view?.corrections ?? this.#corrected
    const where = this.#hasFiles ? '; the files have them' : ''
    if (corrections > 0) this.say(`${count(corrections, 'correction')} after a turn was final${where}`)
  }

  report(text: string, report: object): void {
    if (this.json === undefined) this.print(text.split('\n'))
    else this.json.event('report', report)
  }

  override close(): void {
    this.#view?.close()
    this.#sayCorrections()
  }

  #sayCorrections(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const line of this.#corrections?.take() ?? []) this.say(line)
  }

  protected override print(lines: readonly string[]): void {
    if (this.#view !== undefined && this.#isTerminal) this.#view.print(lines)
    else super.print(lines)
  }
}

/** Tells of the events of a stage, with the line for people, if any; each once, as stages pass them on: `told` has those before. */
export function followEvents(
  stage: EventEmitter,
  told: WeakSet<object>,
  tell: (event: string, record: object, note: string | undefined) => void,
): void {
  for (const event of EVENTS) {
    stage.on(event, (record: object) => {
      if (told.has(record)) return
      told.add(record)
      tell(event, record, noteOf(event, record))
    })
  }
}

/** The line for people on an event; `undefined` where there is nothing to say. */
function noteOf(event: string, record: object): string | undefined {
  if (event === 'warning') return `note: ${inWordsOfCommand((record as Warning).message)}`
  if (event === 'gap') return gapLine(record as Gap)
  if (event !== 'reconnecting') return undefined
  const { attempt, delay, error } = record as { attempt: number; delay: number; error: Error }
  return `connection lost (${explanation(error)}); attempt ${attempt} in ${(delay / 1000).toFixed(1)} s`
}

export interface SummaryFacts {
  names: SpeakerNames
  files: readonly string[]
  /** Those of them that were there before. */
  replaced: readonly string[]
  /** Whether the input was ended by Ctrl-C. */
  interrupted: boolean
}

export function summaryLines(summary: RunSummary, { names, files, replaced, interrupted }: SummaryFacts): string[] {
  const { audioMs, turns, speakers, speakerNames, languages, gaps, reconnects, elapsedMs } = summary
  const length = `${(audioMs / 1000).toFixed(1)} s`
  const shown = { ...speakerNames, ...names }
  const known = speakers.map((speaker) => printable(displayName(speaker, shown) ?? speaker))
  const written = (file: string): string => `${printable(file)}${replaced.includes(file) ? ' (replaced)' : ''}`
  const who = known.length === 0 ? '' : ` (${known.join(', ')})`
  return [
    `${length} of audio in ${(elapsedMs / 1000).toFixed(1)} s: ${count(turns, 'turn')}, ` +
      `${count(speakers.length, 'speaker')}${who}`,
    ...(languages.length > 0 ? [`heard: ${languages.map(languageName).join(', ')}`] : []),
    ...(interrupted ? [`ended by a signal; complete for the first ${length}`] : []),
    ...(reconnects > 0 ? [`reconnected ${count(reconnects, 'time')}`] : []),
    ...gaps.map(gapLine),
    ...(files.length > 0 ? [`wrote ${files.map(written).join(', ')}`] : []),
  ]
}

/** The warning on names for speakers that were not heard, which may be misspelt; `undefined` where there are none. */
export function unusedNames(names: SpeakerNames, speakers: readonly string[]): Warning | undefined {
  const labels = Object.keys(names).filter((label) => !speakers.includes(label))
  if (labels.length === 0) return undefined
  const heard = speakers.length === 0 ? 'nobody was heard' : `heard were ${speakers.map(printable).join(', ')}`
  const message = `--names has a name for ${labels.map(printable).join(', ')}, who never spoke; ${heard}`
  return { code: 'NAME_UNUSED', message, labels }
}

function languageName(code: string): string {
  return `${new Intl.DisplayNames(['en'], { type: 'language' }).of(code) ?? code} (${code})`
}

/** A line for people on audio that nobody heard. */
function gapLine({ start, end, channel, missing = 0 }: Gap & Partial<SourceGap>): string {
  const where = channel === undefined ? '' : ` on ${printable(channel)}`
  const length = missing > end - start ? `, ${(missing / 1000).toFixed(3)} s in all` : ''
  return `missing: ${(start / 1000).toFixed(3)} s to ${(end / 1000).toFixed(3)} s${length}${where}`
}

/** Legal in JSON, but line ends to some readers, or commands to a terminal that the lines are shown on. */
const SPECIAL = /[\u007F-\u009F\u2028\u2029]/g

/** More decimals of a speed or a percentage say nothing. */
const DECIMALS = 2

/** One line of JSON for an event. Errors become their code and message. */
export function eventLine(type: string, record: object = {}): string {
  return safe(
    JSON.stringify({ type, ...record }, (_key, value: unknown) =>
      value instanceof Error ? facts(value) : typeof value === 'number' ? Number(value.toFixed(DECIMALS)) : value,
    ),
  )
}

/** One line of JSON for a turn: what a JSONL file has of it, with confidences rounded, and the fields in `more` before it. */
function turnLine(turn: Turn, names: SpeakerNames, more: object): string {
  const { type, ...record } = JSON.parse(formatJsonlItem(turn, names)) as { type: string }
  return eventLine(type, { ...more, ...record })
}

function safe(json: string): string {
  return `${json.replaceAll(SPECIAL, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`
}

function facts(error: Error): object {
  const { code, retryable } = error as { code?: unknown; retryable?: unknown }
  return { code, message: error.message, ...defined({ retryable }) }
}

/** A sink that writes turns, and events beside them, as JSON lines, in the order in which they come. */
export class JsonEvents extends Writable {
  readonly [keepsNothing] = true
  readonly #target: Writable
  readonly #names: SpeakerNames

  constructor(target: Writable, names: SpeakerNames) {
    super({ objectMode: true, highWaterMark: 16 })
    this.#target = target
    this.#names = names
    target.once('error', (error: NodeJS.ErrnoException) => {
      const isOurs = error.code === undefined || isReaderGone(error)
      this.destroy(isOurs ? error : unwritable('standard output', error))
    })
  }

  event(type: string, record?: object): void {
    if (this.#target.writable) this.#target.write(eventLine(type, record))
  }

  /** Writes a turn, also one that is still open, with the fields in `more` before it; `done` is called once it is taken. */
  turn(turn: Turn, more: object = {}, done: () => void = () => {}): void {
    if (!this.#target.writable) return done()
    // Whatever goes wrong is told by the event.
    this.#target.write(turnLine(turn, this.#names, more), () => done())
  }

  override _write(turn: Turn, _encoding: BufferEncoding, done: () => void): void {
    this.turn(turn, {}, done)
  }
}
