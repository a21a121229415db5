import { readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { environmentKey } from '../protocol/endpoint.ts'
import { errorCode, isAbortError } from '../errors.ts'
import { connectAhead, type HearingStage } from '../stage.ts'
import { type Command, parseCommand, USAGE } from './arguments.ts'
import type { BatchCommand } from './batch/options.ts'
import { EXIT, exitCodeOf, interrupts, type Interrupts, isReaderGone } from './exit-codes.ts'
import { hearingStages, withKey } from './hearing.ts'
import { isCaptions, isTranscript, openInput, transcriptOf } from './input.ts'
import type { Reporter } from './view/reporter.ts'
import { explanation } from './wording.ts'

// A reader that goes away is no reason for a stack trace; what it means for the work is found out where it matters.
process.stderr.on('error', () => {})
process.stdout.on('error', (error) => {
  if (!isReaderGone(error)) process.once('exit', (code) => code === EXIT.complete && tellUnwritten(error))
})

const args = process.argv.slice(2)
/** How long a command that has closed all it opened waits for what else there may be, in ms. */
const LAST_MOMENT_MS = 1000
process.exitCode = await runCommand(args).catch(fail)
// BullMQ goes on to wait for a store that does not answer, and an engine of the user's own may hold a pool of connections.
if (args[0] === 'fleet' || args[0] === 'serve') endSoon()

/** Does what the arguments ask for, and gives the exit code. */
async function runCommand([name = '', ...rest]: readonly string[]): Promise<number> {
  switch (name) {
    case 'models': {
      const { runModels } = await import('./commands/models.ts')
      return runModels(rest, process, untilSignal()).catch(stopped('pull it again to go on where it was'))
    }
    case 'voices': {
      const { runVoices } = await import('./commands/voices.ts')
      return runVoices(rest, process, untilSignal()).catch(stopped('the book is as it was'))
    }
    case 'fleet':
      return (await import('./commands/fleet.ts')).runFleet(rest, process)
    case 'serve':
      delete process.env['ASSEMBLYAI_API_KEY']
      return (await import('./commands/serve.ts')).runServe(rest, process)
    case 'doctor':
      return (await import('./commands/machine.ts')).runDoctor(rest, process.stdout)
    case 'completion':
      return (await import('./commands/completion.ts')).runCompletion(rest, process.stdout)
  }
  const command = parseCommand(args)
  if (typeof command === 'object') return execute(command)
  if (command === 'help') process.stdout.write(USAGE)
  else if (command === 'version') process.stdout.write(`${version()}\n`)
  else {
    const { microphoneLines } = await import('./commands/machine.ts')
    for (const line of await microphoneLines()) process.stdout.write(`${line}\n`)
  }
  return EXIT.complete
}

/** Where a disk is full, say, what was to be printed is missing, though all else has gone well. */
function tellUnwritten({ message }: Error): void {
  process.exitCode = EXIT.output
  process.stderr.write(`diarize-stream: cannot write to standard output: ${message}\n`)
}

/** Fires at the first signal. */
function untilSignal(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => controller.abort())
  return controller.signal
}

/** Says of what a signal has stopped how things stand. */
function stopped(how: string): (error: Error) => never {
  return (error) => {
    throw isAbortError(error) ? Object.assign(new Error(`stopped; ${how}`), { name: 'AbortError' }) : error
  }
}

/** Ends the process when what was printed is out, though something else may want to keep it. */
function endSoon(): void {
  process.stdout.write('', () => setTimeout(() => process.exit(), LAST_MOMENT_MS).unref())
}

/** Tells what is wrong with what is asked for, and what ends `serve` and `fleet`; programs are told, too. */
async function fail(error: Error): Promise<number> {
  const { printableLines } = await import('./view/text.ts')
  const message = explanation(error)
  for (const line of printableLines(`diarize-stream: ${message}`)) process.stderr.write(`${line}\n`)
  if (args.includes('--json')) {
    const { eventLine } = await import('./view/reporter.ts')
    process.stdout.write(eventLine('error', { code: errorCode(error), message }))
  }
  return exitCodeOf(error)
}

async function execute(given: Command): Promise<number> {
  const command = withKey(isTranscript(given.input) ? await withOwnNames(given) : given, environmentKey())
  // Programs that are started from here have no use for it.
  delete process.env['ASSEMBLYAI_API_KEY']
  const { batch } = command
  if (batch !== undefined) return executeMany(command, batch)
  let reporter: Reporter | undefined
  // Before FFmpeg is started, which a signal that nobody takes would leave behind.
  const signals = interrupts((line) => reporter?.say(line))
  const { stop } = signals
  const stopped = new Promise((resolve) => stop.addEventListener('abort', resolve))
  const input = openInput(command)
  // What is wrong with it is told below. The rest would only keep FFmpeg from being started.
  await Promise.race([input.catch(() => {}), stopped])
  const hearer = isTranscript(command.input) || stop.aborted ? undefined : openHearer(command)
  await Promise.race([hearer?.catch(() => {}), stopped])
  const [view, { caption }] = await Promise.all([import('./view/reporter.ts'), import('./caption.ts')])
  reporter = await view.Reporter.open(command, process)
  try {
    if (!stop.aborted) return await caption(command, await input, hearer, reporter, signals)
    return endedEarly(reporter)
  } catch (error) {
    return explain(error, reporter, signals)
  } finally {
    // One that cannot be made yet is not waited for.
    for (const stage of [input, hearer]) void stage?.then((made) => made.destroy()).catch(() => {})
    reporter.close()
  }
}

/** What hears the input: it connects to its server while the rest of the command is loaded. */
async function openHearer(command: Command): Promise<Duplex> {
  const stage: HearingStage = (await hearingStages(command))()
  // What it fails with before it is run, the run tells.
  stage.on('error', () => {})
  await stage[connectAhead]?.()
  return stage
}

/** Names that a transcript has are kept where no others are given; in captions they are the labels. */
async function withOwnNames(command: Command): Promise<Command> {
  if (isCaptions(command.input)) return command
  const { namesIn } = await import('../sources/jsonl-records.ts')
  // What is wrong with the file is told by its source.
  const own = await transcriptOf(command.input)
    .then(namesIn)
    .catch(() => ({}))
  return { ...command, names: { ...own, ...command.names } }
}

async function executeMany(command: Command, batch: BatchCommand): Promise<number> {
  const { BatchReporter } = await import('./batch/reporter.ts')
  const { captionMany } = await import('./batch/caption-many.ts')
  const reporter = new BatchReporter(command, process)
  const signals = interrupts((line) => reporter.say(line))
  try {
    const code = await captionMany(command, batch, reporter, signals)
    if (reporter.failure === undefined) return code
    reporter.error(reporter.failure)
    return code === EXIT.complete ? EXIT.output : code
  } catch (error) {
    return explain(error, reporter)
  } finally {
    reporter.close()
  }
}

function endedEarly(reporter: Pick<Reporter, 'say'>): number {
  reporter.say('ended before there was any audio')
  return EXIT.interrupted
}

/** @param signals - of a command for one input. */
function explain(error: unknown, reporter: Pick<Reporter, 'say' | 'error'>, signals?: Interrupts): number {
  if (isReaderGone(error)) return EXIT.output
  const interrupted = signals?.stop.aborted === true
  if (interrupted && errorCode(error) === 'NO_AUDIO') return endedEarly(reporter)
  const code = exitCodeOf(error)
  // Only what is made when all is heard ends at the first signal.
  const isHeard = interrupted && !signals.abort.aborted
  const what = isHeard ? 'the captions themselves are done, the video was not made' : 'the output is cut off'
  reporter.error((error as Error).name === 'AbortError' ? new Error(`stopped; ${what}`) : (error as Error))
  return code
}

function version(): string {
  const about = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  return about.version
}
