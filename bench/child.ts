import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { compiled } from './compiled.ts'

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
