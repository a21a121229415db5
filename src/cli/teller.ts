import type { EventEmitter } from 'node:events'
import type { Writable } from 'node:stream'
import type { WriteStream } from 'node:tty'
import picocolors from 'picocolors'
import type { Gap } from '../assemblyai/supervisor-options.ts'
import type { Warning } from '../errors.ts'
import type { Turn } from '../model.ts'
import type { Progress } from '../progress.ts'
import type { Command } from './arguments.ts'
import { Corrections } from './corrections.ts'
import { JsonEvents } from './json-events.ts'
import { LiveView } from './live-view.ts'
import { clock, count } from './progress-line.ts'
import { SpeakerColours, wantsColours } from './speaker-colours.ts'
import { gapLine } from './summary.ts'
import { printableLines } from './terminal-text.ts'

/** Events that programs are told of, beside turns and what the teller itself says. */
const EVENTS = ['session', 'gap', 'warning', 'reconnecting', 'termination'] as const

/** Time in which corrections that come together are gathered, in milliseconds. */
const GATHER_MS = 50

/** Where the command may write. */
export interface Streams {
  stdout: Writable & Partial<WriteStream>
  stderr: Writable & Partial<WriteStream>
  env: Readonly<Record<string, string | undefined>>
}

type TellerCommand = Pick<Command, 'names' | 'json' | 'quiet' | 'outputs' | 'mux' | 'burn'>

/**
 * Tells what happens: on a terminal by a live view, to programs by JSON lines on standard output, else by plain lines on
 * standard error.
 */
export class Teller {
  /** What else is to be given the turns. */
  readonly sinks: readonly Writable[]
  readonly #command: TellerCommand
  readonly #streams: Streams
  readonly #view: LiveView | undefined
  readonly #json: JsonEvents | undefined
  readonly #hasFiles: boolean
  /** Turns that were corrected, where no live view shows them. */
  readonly #corrections: Corrections
  #timer: NodeJS.Timeout | undefined
  /** Events are passed on from stage to stage, and told once. */
  readonly #told = new WeakSet<object>()
  #video: string | undefined

  constructor(command: TellerCommand, streams: Streams) {
    this.#command = command
    this.#streams = streams
    const { json, quiet, names } = command
    this.#hasFiles = command.outputs.length > 0 || command.mux !== undefined || command.burn !== undefined
    const colours = picocolors.createColors(false)
    this.#corrections = new Corrections({ names, colours, speakers: new SpeakerColours(colours) })
    const isPlain = json || quiet || streams.env['TERM'] === 'dumb'
    const terminal = [streams.stdout, streams.stderr].find((stream) => stream.isTTY === true)
    if (!isPlain && terminal !== undefined && (this.#hasFiles || streams.stdout.isTTY === true)) {
      this.#view = new LiveView(terminal, { names, colours: wantsColours(true, streams.env) })
    }
    this.#json = json ? new JsonEvents(streams.stdout, names) : undefined
    this.sinks = [this.#view, this.#json].filter((sink) => sink !== undefined)
  }

  /** Whether somebody watches, to whom the length of the input is of use. */
  get isLive(): boolean {
    return this.#view !== undefined
  }

  /** Tells how long the input is, in seconds. */
  length(seconds: number | undefined): void {
    if (this.#view !== undefined) this.#view.duration = seconds
  }

  /** Listens to what a stage reports. */
  follow(stage: EventEmitter): void {
    stage.on('partial', (turn: Turn) => {
      this.#view?.partial(turn)
      this.#json?.partial(turn)
    })
    if (this.#view === undefined) {
      stage.on('revision', (turn: Turn) => {
        this.#corrections.add(turn)
        this.#timer ??= setTimeout(() => this.#sayCorrections(), GATHER_MS).unref()
      })
    }
    for (const event of EVENTS) {
      stage.on(event, (record: object) => {
        if (this.#told.has(record)) return
        this.#told.add(record)
        this.#json?.event(event, record)
        const line = noteOf(event, record)
        if (line !== undefined) this.say(line)
      })
    }
  }

  /** Tells of trouble that is not of a stage. */
  warn(warning: Warning): void {
    this.#json?.event('warning', warning)
    this.say(`note: ${warning.message}`)
  }

  /** Tells how far the work has come. */
  readonly progress = (progress: Progress): void => {
    this.#view?.progress(progress)
    this.#json?.event('progress', progress)
  }

  /** Tells that a captioned video is being made, and how many seconds of it are done. */
  video(target: string, seconds: number): void {
    if (this.#video !== target) this.#json?.event('video', { file: target })
    this.#video = target
    const [name = ''] = printableLines(target)
    this.#view?.status(`writing ${name}  ${clock(seconds)} done`)
  }

  /** Prints lines for people on standard error; nothing where only programs listen, or it is to be quiet. */
  say(text: string): void {
    if (this.#command.quiet || this.#command.json) return
    this.#print(printableLines(text))
  }

  /** Prints the summary. */
  end(lines: readonly string[], summary: object): void {
    this.close()
    this.#json?.event('summary', summary)
    for (const line of lines) this.say(line)
    const corrections = this.#view?.corrections ?? this.#corrections.count
    const where = this.#hasFiles ? '; the files have them' : ''
    if (corrections > 0) this.say(`${count(corrections, 'correction')} after a turn was final${where}`)
  }

  /** Prints how well the captions keep to their preset. */
  report(text: string, report: object): void {
    if (this.#json === undefined) this.#print(text.split('\n'))
    else this.#json.event('report', report)
  }

  /** Tells why the command failed. */
  error(error: Error): void {
    this.close()
    this.#json?.event('error', { code: (error as { code?: unknown }).code, message: error.message })
    this.#print(printableLines(`diarize-stream: ${error.message}`))
  }

  /** Ends the live view. */
  close(): void {
    this.#view?.close()
    this.#sayCorrections()
  }

  /** Where the text goes into files, these have the corrections, and there is nothing to be put right for a reader. */
  #sayCorrections(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const lines = this.#corrections.take()
    if (!this.#hasFiles) for (const line of lines) this.say(line)
  }

  #print(lines: readonly string[]): void {
    const { stderr } = this.#streams
    if (this.#view !== undefined && stderr.isTTY === true) this.#view.print(lines)
    else for (const line of lines) stderr.write(`${line}\n`)
  }
}

function noteOf(event: string, record: object): string | undefined {
  if (event === 'warning') return `note: ${(record as Warning).message}`
  if (event === 'gap') return gapLine(record as Gap)
  if (event !== 'reconnecting') return undefined
  const { attempt, delay, error } = record as { attempt: number; delay: number; error: Error }
  return `connection lost (${error.message}); attempt ${attempt} in ${(delay / 1000).toFixed(1)} s`
}
