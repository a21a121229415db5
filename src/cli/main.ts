import { readFileSync } from 'node:fs'
import { environmentKey } from '../transforms/diarize-options.ts'
import { isAbortError } from '../errors.ts'
import { type Command, parseCommand } from './arguments.ts'
import { caption } from './caption.ts'
import { EXIT, exitCodeOf, isReaderGone } from './exit-codes.ts'
import { interrupts } from './interrupts.ts'
import { Teller } from './teller.ts'
import { printableLines } from './terminal-text.ts'
import { USAGE } from './usage.ts'

// A reader that goes away is no reason for a stack trace; what it means for the work is found out where it matters.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

const args = process.argv.slice(2)
const command = args[0] === 'models' ? undefined : readCommand()
if (args[0] === 'models') process.exitCode = await manageModels()
else if (command === 'help') process.stdout.write(USAGE)
else if (command === 'version') process.stdout.write(`${version()}\n`)
else if (command !== undefined) process.exitCode = await obey(command)

function readCommand(): Command | 'help' | 'version' | undefined {
  try {
    return parseCommand(args)
  } catch (error) {
    process.exitCode = complain(error)
    return undefined
  }
}

async function manageModels(): Promise<number> {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => controller.abort())
  try {
    const { obeyModels } = await import('./models.ts')
    return await obeyModels(args.slice(1), { stdout: process.stdout, stderr: process.stderr }, controller.signal)
  } catch (error) {
    return complain(isAbortError(error) ? new Error('stopped; pull it again to go on where it was') : error, error)
  }
}

function complain(error: unknown, reason = error): number {
  for (const line of printableLines(`diarize-stream: ${(error as Error).message}`)) process.stderr.write(`${line}\n`)
  return exitCodeOf(reason)
}

async function obey(command: Command): Promise<number> {
  const key = environmentKey()
  // Programs that are started from here have no use for it.
  delete process.env['ASSEMBLYAI_API_KEY']
  const teller = new Teller(command, { stdout: process.stdout, stderr: process.stderr, env: process.env })
  const signals = interrupts((line) => teller.say(line))
  try {
    return await caption(command, teller, signals, key)
  } catch (error) {
    return explain(error, teller, signals.stop.aborted)
  } finally {
    teller.close()
  }
}

function explain(error: unknown, teller: Teller, interrupted: boolean): number {
  if (isReaderGone(error)) return EXIT.output
  if (interrupted && (error as { code?: unknown }).code === 'NO_AUDIO') {
    teller.say('ended before there was any audio')
    return EXIT.interrupted
  }
  const code = exitCodeOf(error)
  teller.error((error as Error).name === 'AbortError' ? new Error('stopped; the output is cut off') : (error as Error))
  return code
}

function version(): string {
  const about = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  return about.version
}
