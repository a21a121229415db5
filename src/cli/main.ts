import { readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { environmentKey } from '../protocol/endpoint.ts'
import { isAbortError } from '../errors.ts'
import { connectAhead, type HearingStage } from '../stage.ts'
import { type Command, parseCommand, USAGE } from './arguments.ts'
import type { BatchCommand } from './batch/options.ts'
import { EXIT, exitCodeOf, interrupts, isReaderGone } from './exit-codes.ts'
import { hearingStages } from './hearing.ts'
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
const command = ['models', 'serve', 'voices', 'fleet', 'doctor', 'completion'].includes(args[0] ?? '')
  ? undefined
  : await readCommand()
if (args[0] === 'models') process.exitCode = await manageModels()
else if (args[0] === 'voices') process.exitCode = await manageVoices()
else if (args[0] === 'fleet') process.exitCode = await runFleetCommand()
else if (args[0] === 'doctor') process.exitCode = await examineMachine()
else if (args[0] === 'completion') process.exitCode = await printCompletion()
else if (args[0] === 'serve') process.exitCode = await serveClients()
else if (command === 'help') process.stdout.write(USAGE)
else if (command === 'version') process.stdout.write(`${version()}\n`)
else if (command === 'microphones') process.exitCode = await listMicrophones()
else if (command !== undefined) process.exitCode = await execute(command)

async function readCommand(): Promise<ReturnType<typeof parseCommand> | undefined> {
  try {
    return parseCommand(args)
  } catch (error) {
    process.exitCode = await fail(error)
    return undefined
  }
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

async function manageVoices(): Promise<number> {
  try {
    const { runVoices } = await import('./commands/voices.ts')
    return await runVoices(args.slice(1), { stdout: process.stdout, stderr: process.stderr }, untilSignal())
  } catch (error) {
    return await fail(isAbortError(error) ? new Error('stopped; the book is as it was') : error, error)
  }
}

async function manageModels(): Promise<number> {
  try {
    const { runModels } = await import('./commands/models.ts')
    return await runModels(args.slice(1), { stdout: process.stdout, stderr: process.stderr }, untilSignal())
  } catch (error) {
    return await fail(isAbortError(error) ? new Error('stopped; pull it again to go on where it was') : error, error)
  }
}

async function runFleetCommand(): Promise<number> {
  try {
    const { runFleet } = await import('./commands/fleet.ts')
    return await runFleet(args.slice(1), { stdout: process.stdout, stderr: process.stderr })
  } catch (error) {
    return await fail(error)
  } finally {
    // BullMQ goes on to wait for a store that does not answer.
    endSoon()
  }
}

async function serveClients(): Promise<number> {
  delete process.env['ASSEMBLYAI_API_KEY']
  try {
    const { runServe } = await import('./commands/serve.ts')
    return await runServe(args.slice(1), { stdout: process.stdout, stderr: process.stderr })
  } catch (error) {
    return await fail(error)
  } finally {
    // An engine of the user's own may hold what keeps a process: a pool of connections, a timer.
    endSoon()
  }
}

/** Ends the process when what was printed is out, though something else may want to keep it. */
function endSoon(): void {
  process.stdout.write('', () => setTimeout(() => process.exit(), LAST_MOMENT_MS).unref())
}

async function examineMachine(): Promise<number> {
  try {
    const { runDoctor } = await import('./commands/machine.ts')
    return await runDoctor(args.slice(1), process.stdout)
  } catch (error) {
    return await fail(error)
  }
}

async function printCompletion(): Promise<number> {
  try {
    const { runCompletion } = await import('./commands/completion.ts')
    return runCompletion(args.slice(1), process.stdout)
  } catch (error) {
    return await fail(error)
  }
}

async function listMicrophones(): Promise<number> {
  try {
    const { microphoneLines } = await import('./commands/machine.ts')
    for (const line of await microphoneLines()) process.stdout.write(`${line}\n`)
    return EXIT.complete
  } catch (error) {
    return await fail(error)
  }
}

async function fail(error: unknown, reason = error): Promise<number> {
  const { printableLines } = await import('./view/text.ts')
  for (const line of printableLines(`diarize-stream: ${explanation(error as Error)}`)) process.stderr.write(`${line}\n`)
  return exitCodeOf(reason)
}

async function execute(given: Command): Promise<number> {
  const command = isTranscript(given.input) ? await withOwnNames(given) : given
  const key = environmentKey()
  // Programs that are started from here have no use for it.
  delete process.env['ASSEMBLYAI_API_KEY']
  const { batch } = command
  if (batch !== undefined) return executeMany(command, batch, key)
  let reporter: Reporter | undefined
  // Before FFmpeg is started, which a signal that nobody takes would leave behind.
  const signals = interrupts((line) => reporter?.say(line))
  const { stop } = signals
  const stopped = new Promise((resolve) => stop.addEventListener('abort', resolve))
  const input = openInput(command)
  // What is wrong with it is told below. The rest would only keep FFmpeg from being started.
  await Promise.race([input.catch(() => {}), stopped])
  const hearer = isTranscript(command.input) || stop.aborted ? undefined : openHearer(command, key)
  await Promise.race([hearer?.catch(() => {}), stopped])
  const [view, { caption }] = await Promise.all([import('./view/reporter.ts'), import('./caption.ts')])
  reporter = await view.Reporter.open(command, { stdout: process.stdout, stderr: process.stderr, env: process.env })
  try {
    if (!stop.aborted) return await caption(command, await input, hearer, reporter, signals, key)
    return endedEarly(reporter)
  } catch (error) {
    return explain(error, reporter, stop.aborted)
  } finally {
    // One that cannot be made yet is not waited for.
    for (const stage of [input, hearer]) void stage?.then((made) => made.destroy()).catch(() => {})
    reporter.close()
  }
}

/** What hears the input: it connects to its server while the rest of the command is loaded. */
async function openHearer(command: Command, key: string | undefined): Promise<Duplex> {
  const stage: HearingStage = (await hearingStages(command, key))()
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

async function executeMany(command: Command, batch: BatchCommand, key: string | undefined): Promise<number> {
  const { BatchReporter } = await import('./batch/reporter.ts')
  const { captionMany } = await import('./batch/caption-many.ts')
  const reporter = new BatchReporter(command, { stdout: process.stdout, stderr: process.stderr, env: process.env })
  const signals = interrupts((line) => reporter.say(line))
  try {
    const code = await captionMany(command, batch, reporter, signals, key)
    if (reporter.failure === undefined) return code
    reporter.error(reporter.failure)
    return code === EXIT.complete ? EXIT.output : code
  } catch (error) {
    return explain(error, reporter, false)
  } finally {
    reporter.close()
  }
}

function endedEarly(reporter: Pick<Reporter, 'say'>): number {
  reporter.say('ended before there was any audio')
  return EXIT.interrupted
}

function explain(error: unknown, reporter: Pick<Reporter, 'say' | 'error'>, interrupted: boolean): number {
  if (isReaderGone(error)) return EXIT.output
  if (interrupted && (error as { code?: unknown }).code === 'NO_AUDIO') return endedEarly(reporter)
  const code = exitCodeOf(error)
  reporter.error(
    (error as Error).name === 'AbortError' ? new Error('stopped; the output is cut off') : (error as Error),
  )
  return code
}

function version(): string {
  const about = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  return about.version
}
