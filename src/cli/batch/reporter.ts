import type { EventEmitter } from 'node:events'
import { Transform } from 'node:stream'
import type { CaptionResult } from '../../batch/caption-one.ts'
import type { CaptionJob } from '../../batch/plan.ts'
import type { Turn } from '../../model.ts'
import type { Progress } from '../../pipeline/progress.ts'
import type { TranscribeProgress } from '../../transforms/transcribe/transcribe.ts'
import type { Command } from '../arguments.ts'
import { isReaderGone } from '../exit-codes.ts'
import { Screen } from '../view/live-view.ts'
import { followEvents, type Streams, ConsoleReporter } from '../view/reporter.ts'
import { count, type Paint, painter, phaseLine, printable, wantsColours } from '../view/text.ts'
import { overviewLine, resultLine, tableLines, type Tally, tallyOf, type UnderWay, underWayLine } from './text.ts'

/** Inputs under way that are shown, also on a terminal that does not say how many lines it has. */
const MOST_SHOWN = 16
/** Lines of a terminal that are left to other text. */
const LEAST_ROWS = 4
/** Notes that are remembered, so as not to be said again for each input. */
const MOST_NOTES = 1000

/** Tells of many inputs: by lines that change in place, by JSON lines on standard output, or by plain lines. */
export class BatchReporter extends ConsoleReporter {
  readonly #stderr: Streams['stderr']
  readonly #screen: Screen | undefined
  readonly #paint: Paint
  readonly #began = performance.now()
  readonly #underWay = new Map<number, UnderWay>()
  readonly #results: CaptionResult[] = []
  readonly #notes = new Set<string>()
  readonly #told = new WeakSet<object>()
  #inputs = 0
  #skipped = 0
  #workBytes = 0
  #doneBytes = 0
  /** Why standard output could not be written any more, but that its reader has gone. */
  failure: Error | undefined

  constructor(command: Pick<Command, 'names' | 'json' | 'quiet'>, streams: Streams) {
    super(command, streams)
    const { stderr, env } = streams
    this.#stderr = stderr
    const isLive = stderr.isTTY === true && !command.json && !command.quiet && env['TERM'] !== 'dumb'
    this.#screen = isLive ? new Screen(stderr, (width) => this.#lines(width)) : undefined
    this.json?.once('error', (error) => (this.failure = isReaderGone(error) ? undefined : error))
    this.#paint = painter(wantsColours(isLive, env))
  }

  plan(jobs: readonly CaptionJob[]): void {
    this.#inputs = jobs.length
    for (const job of jobs) if (!job.isDone) this.#workBytes += job.bytes ?? 0
    const skipped = jobs.filter(({ isDone }) => isDone).length
    this.json?.event('plan', { inputs: jobs.length, skipped })
    const there = skipped === 0 ? '' : `, of which ${skipped} are done already`
    if (this.#screen === undefined) this.say(`${count(jobs.length, 'input')}${there}`)
  }

  /** Begins to tell of an input. */
  begin(job: CaptionJob, stages: readonly EventEmitter[]): void {
    const { input } = job
    const began = performance.now()
    const underWay: UnderWay = { job }
    this.#underWay.set(job.index, underWay)
    this.json?.event('begin', { input, files: job.outputs.map((output) => output.path) })
    for (const stage of stages) {
      followEvents(stage, this.#told, (event, record, note) => {
        this.json?.event(event, { input, ...record })
        if (note !== undefined) this.#note(input, note)
      })
      stage.on('progress', (progress: Partial<TranscribeProgress>) => {
        if (progress.phase === undefined) return
        const { totalMs } = underWay.progress ?? {}
        underWay.status = phaseLine(progress as TranscribeProgress, totalMs, performance.now() - began)
        this.#screen?.later()
      })
    }
    this.#screen?.later()
  }

  /** A stage that writes the turns of an input as JSON lines, at the pace at which they are taken; none where nobody wants them. */
  turns({ input }: CaptionJob, from: EventEmitter): Transform[] {
    const { json } = this
    if (json === undefined) return []
    from.on('partial', (turn: Turn) => json.turn(turn, { input }))
    const tap = new Transform({
      objectMode: true,
      highWaterMark: 16,
      // A reader that has gone is no reason to lose the files.
      transform: (turn: Turn, _encoding, done) => json.turn(turn, { input }, () => done(null, turn)),
    })
    return [tap]
  }

  progress({ index, input }: CaptionJob, progress: Progress): void {
    const underWay = this.#underWay.get(index)
    if (underWay !== undefined) underWay.progress = progress
    this.json?.event('progress', { input, ...progress })
    this.#screen?.later()
  }

  result(result: CaptionResult): void {
    const { job, status, files } = result
    this.#underWay.delete(job.index)
    if (status === 'skipped') {
      this.#skipped += 1
      this.json?.event('result', { input: job.input, status })
      return
    }
    this.#results.push(result)
    this.#doneBytes += job.bytes ?? 0
    const { status: _status, job: _job, files: _files, ...rest } = result
    this.json?.event('result', { input: job.input, status, files, ...rest })
    const line = resultLine(result) ?? ''
    if (status === 'failed') this.print([this.isQuiet ? `diarize-stream: ${line}` : line])
    else this.say(line)
  }

  get tally(): Tally {
    return tallyOf(this.#results, this.#inputs, this.#skipped, performance.now() - this.#began)
  }

  /** Says what has become of all, as a table. */
  end(interrupted: boolean): Tally {
    this.close()
    const { tally } = this
    this.json?.event('summary', { ...tally, elapsedMs: Math.ceil(tally.elapsedMs), interrupted })
    if (!this.isQuiet) this.print(tableLines(this.#results, tally))
    return tally
  }

  override close(): void {
    this.#screen?.close()
  }

  /** What is the same for all inputs is said of the first. */
  #note(input: string, line: string): void {
    if (this.#notes.has(line)) return
    if (this.#notes.size >= MOST_NOTES) this.#notes.clear()
    this.#notes.add(line)
    this.say(`${printable(input)}: ${line}`)
  }

  protected override print(lines: readonly string[]): void {
    if (this.#screen === undefined) super.print(lines)
    else this.#screen.print(lines)
  }

  #lines(width: number): string[] {
    const underWay = [...this.#underWay.values()].toSorted((a, b) => a.job.index - b.job.index)
    const overview = { tally: this.tally, doneBytes: this.#doneBytes, workBytes: this.#workBytes, underWay }
    const { rows = 0 } = this.#stderr
    const most = rows > LEAST_ROWS ? Math.min(MOST_SHOWN, rows - LEAST_ROWS) : MOST_SHOWN
    const hidden = underWay.length > most ? [`… and ${underWay.length - most} more`] : []
    const lines = [...underWay.slice(0, most).map((one) => underWayLine(one, width)), ...hidden]
    return [...lines, overviewLine(overview, width)].map((line) => this.#paint('dim', line))
  }
}
