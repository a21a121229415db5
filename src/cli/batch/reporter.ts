import type { EventEmitter } from 'node:events'
import { Transform } from 'node:stream'
import picocolors from 'picocolors'
import type { CaptionResult } from '../../batch/caption-one.ts'
import type { CaptionJob } from '../../batch/plan.ts'
import { errorCode, type Warning } from '../../errors.ts'
import type { Turn } from '../../model.ts'
import type { Progress } from '../../pipeline/progress.ts'
import type { TranscribeProgress } from '../../transforms/transcribe/transcribe.ts'
import type { Command } from '../arguments.ts'
import { unwritable } from '../../sinks/destination.ts'
import { isReaderGone } from '../exit-codes.ts'
import { Screen } from '../view/live-view.ts'
import { eventLine, followEvents, type Streams, turnLine } from '../view/reporter.ts'
import { count, phaseLine, printable, printableLines, wantsColours } from '../view/text.ts'
import { explanation, inWordsOfCommand } from '../wording.ts'
import { overviewLine, resultLine, tableLines, type Tally, tallyOf, type UnderWay, underWayLine } from './text.ts'

/** Time between two drawings, in milliseconds. */
const DRAW_EVERY_MS = 100
/** Inputs under way that are shown, also on a terminal that does not say how many lines it has. */
const MOST_SHOWN = 16
/** Lines of a terminal that are left to other text. */
const LEAST_ROWS = 4
/** Notes that are remembered, so as not to be said again for each input. */
const MOST_NOTES = 1000

/** Tells of many inputs: by lines that change in place, by JSON lines on standard output, or by plain lines. */
export class BatchReporter {
  readonly #command: Pick<Command, 'names' | 'json' | 'quiet'>
  readonly #streams: Streams
  readonly #screen: Screen | undefined
  readonly #dim: (text: string) => string
  readonly #began = performance.now()
  readonly #underWay = new Map<number, UnderWay>()
  readonly #results: CaptionResult[] = []
  readonly #notes = new Set<string>()
  readonly #told = new WeakSet<object>()
  #inputs = 0
  #skipped = 0
  #workBytes = 0
  #doneBytes = 0
  #timer: NodeJS.Timeout | undefined
  #isOver = false
  #failure: Error | undefined

  constructor(command: Pick<Command, 'names' | 'json' | 'quiet'>, streams: Streams) {
    this.#command = command
    this.#streams = streams
    const { stderr, env } = streams
    const isLive = stderr.isTTY === true && !command.json && !command.quiet && env['TERM'] !== 'dumb'
    this.#screen = isLive ? new Screen(stderr) : undefined
    if (command.json) streams.stdout.once('error', (error: Error) => (this.#failure = error))
    this.#dim = picocolors.createColors(wantsColours(isLive, env)).dim
  }

  plan(jobs: readonly CaptionJob[]): void {
    this.#inputs = jobs.length
    for (const job of jobs) if (!job.isDone) this.#workBytes += job.bytes ?? 0
    const skipped = jobs.filter(({ isDone }) => isDone).length
    this.#json('plan', { inputs: jobs.length, skipped })
    const there = skipped === 0 ? '' : `, of which ${skipped} are done already`
    if (this.#screen === undefined) this.say(`${count(jobs.length, 'input')}${there}`)
  }

  /** Begins to tell of an input. */
  begin(job: CaptionJob, stages: readonly EventEmitter[]): void {
    const { input } = job
    const began = performance.now()
    const underWay: UnderWay = { job }
    this.#underWay.set(job.index, underWay)
    this.#json('begin', { input, files: job.outputs.map((output) => output.path) })
    for (const stage of stages) {
      followEvents(stage, this.#told, (event, record, note) => {
        this.#json(event, { input, ...record })
        if (note !== undefined) this.#note(input, note)
      })
      stage.on('progress', (progress: Partial<TranscribeProgress>) => {
        if (progress.phase === undefined) return
        const { totalMs } = underWay.progress ?? {}
        underWay.status = phaseLine(progress as TranscribeProgress, totalMs, performance.now() - began)
        this.#later()
      })
    }
    this.#later()
  }

  /** A stage that writes the turns of an input as JSON lines, at the pace at which they are taken; none where nobody wants them. */
  turns({ input }: CaptionJob, from: EventEmitter): Transform[] {
    if (!this.#command.json) return []
    const { stdout } = this.#streams
    const lineOf = (turn: Turn): string => turnLine(turn, this.#command.names, { input })
    from.on('partial', (turn: Turn) => {
      if (stdout.writable) stdout.write(lineOf(turn))
    })
    const tap = new Transform({
      objectMode: true,
      highWaterMark: 16,
      // A reader that has gone is no reason to lose the files.
      transform: (turn: Turn, _encoding, done) => {
        if (!stdout.writable) return done(null, turn)
        stdout.write(lineOf(turn), () => done(null, turn))
      },
    })
    return [tap]
  }

  /** Why standard output could not be written any more, but that its reader has gone. */
  get failure(): Error | undefined {
    return this.#failure === undefined || isReaderGone(this.#failure)
      ? undefined
      : unwritable('standard output', this.#failure)
  }

  progress({ index, input }: CaptionJob, progress: Progress): void {
    const underWay = this.#underWay.get(index)
    if (underWay !== undefined) underWay.progress = progress
    this.#json('progress', { input, ...progress })
    this.#later()
  }

  result(result: CaptionResult): void {
    const { job, status, files } = result
    this.#underWay.delete(job.index)
    if (status === 'skipped') {
      this.#skipped += 1
      this.#json('result', { input: job.input, status })
      return
    }
    this.#results.push(result)
    this.#doneBytes += job.bytes ?? 0
    const { status: _status, job: _job, files: _files, ...rest } = result
    this.#json('result', { input: job.input, status, files, ...rest })
    const line = resultLine(result) ?? ''
    if (status === 'failed') this.#print([this.#command.json || this.#command.quiet ? `diarize-stream: ${line}` : line])
    else this.say(line)
  }

  get tally(): Tally {
    return tallyOf(this.#results, this.#inputs, this.#skipped, performance.now() - this.#began)
  }

  /** Says what has become of all, as a table. */
  end(interrupted: boolean): Tally {
    this.close()
    const { tally } = this
    this.#json('summary', { ...tally, elapsedMs: Math.ceil(tally.elapsedMs), interrupted })
    for (const line of tableLines(this.#results, tally)) this.#sayLine(line)
    return tally
  }

  /** Tells of trouble with an input, or with what was asked for. */
  warn(warning: Warning, input?: string): void {
    this.#json('warning', input === undefined ? warning : { input, ...warning })
    const about = input === undefined ? '' : `${printable(input)}: `
    this.say(`${about}note: ${inWordsOfCommand(warning.message)}`)
  }

  say(text: string): void {
    for (const line of printableLines(text)) this.#sayLine(line)
  }

  error(error: Error): void {
    this.close()
    const message = explanation(error)
    this.#json('error', { code: errorCode(error), message })
    this.#print(printableLines(`diarize-stream: ${message}`))
  }

  close(): void {
    this.#isOver = true
    this.#draw([])
  }

  /** What is the same for all inputs is said of the first. */
  #note(input: string, line: string): void {
    if (this.#notes.has(line)) return
    if (this.#notes.size >= MOST_NOTES) this.#notes.clear()
    this.#notes.add(line)
    this.say(`${printable(input)}: ${line}`)
  }

  #sayLine(line: string): void {
    if (!this.#command.quiet && !this.#command.json) this.#print([line])
  }

  #print(lines: readonly string[]): void {
    if (this.#screen !== undefined) this.#draw(lines)
    else for (const line of lines) this.#streams.stderr.write(`${line}\n`)
  }

  #json(type: string, record: object): void {
    const { stdout } = this.#streams
    if (this.#command.json && stdout.writable) stdout.write(eventLine(type, record))
  }

  #later(): void {
    if (this.#screen !== undefined) this.#timer ??= setTimeout(() => this.#draw([]), DRAW_EVERY_MS).unref()
  }

  #draw(above: readonly string[]): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#screen === undefined) return
    if (this.#isOver) return this.#screen.draw([], above)
    const { width } = this.#screen
    const underWay = [...this.#underWay.values()].toSorted((a, b) => a.job.index - b.job.index)
    const overview = { tally: this.tally, doneBytes: this.#doneBytes, workBytes: this.#workBytes, underWay }
    const { rows = 0 } = this.#streams.stderr
    const most = rows > LEAST_ROWS ? Math.min(MOST_SHOWN, rows - LEAST_ROWS) : MOST_SHOWN
    const hidden = underWay.length > most ? [`… and ${underWay.length - most} more`] : []
    const lines = [...underWay.slice(0, most).map((one) => underWayLine(one, width)), ...hidden]
    this.#screen.draw([...lines, overviewLine(overview, width)].map(this.#dim), above)
  }
}
