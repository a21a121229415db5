import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** How a script is run in a process of its own. */
export interface ChildOptions {
  /** Processor that the process may use; absent: any. */
  core?: number
  env?: Readonly<Record<string, string>>
  /** Options of Node. */
  nodeOptions?: readonly string[]
}

/** A script that runs, and the first thing it has said. */
export interface Child<T> {
  process: ChildProcess
  said: T
}

/**
 * Starts a compiled script of this folder and waits for its first message. It ends when `stopChild` disconnects it.
 *
 * @throws Error where it ends without a message.
 */
export async function startChild<T>(
  name: string,
  args: readonly (string | number)[],
  options: ChildOptions = {},
): Promise<Child<T>> {
  const { core, env = {}, nodeOptions = [] } = options
  const child = fork(compiled(name), args.map(String), { execArgv: [...nodeOptions], env: { ...process.env, ...env } })
  if (core !== undefined && child.pid !== undefined) pin(child.pid, core)
  return { process: child, said: await nextMessage<T>(child) }
}

/** The next message of a child. */
export async function nextMessage<T>(child: ChildProcess): Promise<T> {
  const ended = new AbortController()
  const listener = (code: number | null): void => ended.abort(new Error(`${child.spawnfile} ended with code ${code}`))
  child.once('exit', listener)
  try {
    const [message] = (await once(child, 'message', { signal: ended.signal })) as [T]
    return message
  } catch (error) {
    throw ended.signal.aborted ? (ended.signal.reason as Error) : error
  } finally {
    child.off('exit', listener)
  }
}

/** Tells a child to end, and waits until it has. */
export async function stopChild({ process: child }: Child<unknown>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  if (child.connected) child.disconnect()
  await exit
}

/** Runs a script to its end, and returns the one thing it says. */
export async function runChild<T>(
  name: string,
  args: readonly (string | number)[],
  options: ChildOptions = {},
): Promise<T> {
  const child = await startChild<T>(name, args, options)
  await stopChild(child)
  return child.said
}

/** Keeps a process, and all of its threads, on one processor; where that cannot be done it runs anywhere. */
function pin(pid: number, core: number): void {
  try {
    execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' })
  } catch {
    // Not Linux: the results say so, since they name the machine.
  }
}

const root = fileURLToPath(new URL('..', import.meta.url))
let done = false

/**
 * Path of a script of this folder as plain JavaScript, beside the library as it is published. What is measured in a
 * process of its own runs like that: the loader for TypeScript has a cost at run time.
 *
 * @param name - of the script within bench, such as `sockets/client.ts`.
 */
export function compiled(name: string): string {
  if (!done) {
    const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
    execFileSync(process.execPath, [compiler, '-p', join(root, 'bench/tsconfig.json')], { stdio: 'inherit' })
    done = true
  }
  return join(root, 'dist-bench/bench', name.replace(/\.ts$/, '.js'))
}

/** Ticks of the clock of Linux in a second, in which it counts processor time. */
const TICKS = 100

/**
 * Runs a command to its end, and measures the processor time of it and all of its descendants that it waited for. No
 * other child of this process may end meanwhile.
 *
 * @param output - where its standard output goes.
 * @returns seconds, user and system together.
 * @throws Error where the command fails.
 */
export async function cpuSecondsOf(
  command: string,
  args: readonly string[],
  output: 'ignore' | 'pipe',
): Promise<number> {
  const before = childrenSeconds()
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', output, 'inherit'] })
  child.stdout?.resume()
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${command} ended with code ${code}`)
  return childrenSeconds() - before
}

/** Processor time of all descendants of this process that have ended and been waited for. */
function childrenSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  // The name of the program, in brackets, may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[13]) + Number(fields[14])) / TICKS
}

/** Milliseconds of the clock that all processes of a machine share. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
