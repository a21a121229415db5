import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'

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
