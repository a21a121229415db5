import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Stream } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

/** A child process of this process. */
export interface Child {
  pid: number
  command: string
}

/** The child processes of this process, directly below it, whose command line contains `marker`. */
export function childProcesses(marker = 'ffmpeg'): Child[] {
  const all = process.platform === 'linux' ? fromProc() : fromPs()
  return all.filter((child) => child.parent === process.pid && child.command.includes(marker))
}

/** Waits until no child process is left whose command line contains `marker`; throws with a list after ten seconds. */
export async function noChildLeft(marker = 'ffmpeg'): Promise<void> {
  const deadline = Date.now() + 10_000
  for (;;) {
    const left = childProcesses(marker)
    if (left.length === 0) return
    if (Date.now() > deadline) {
      throw new Error(`left over: ${left.map(({ pid, command }) => `${pid} ${command}`).join('; ')}`)
    }
    await delay(20)
  }
}

/** Waits until a child process exists whose command line contains `marker`, and returns it. */
export async function childStarted(marker = 'ffmpeg'): Promise<Child> {
  const deadline = Date.now() + 20_000
  for (;;) {
    const [child] = childProcesses(marker)
    if (child !== undefined) return child
    if (Date.now() > deadline) throw new Error(`no child process ${marker} was started within 20 s`)
    await delay(10)
  }
}

/** The processes below the process `pid`, at any depth. */
export function descendants(pid: number): Child[] {
  const all = process.platform === 'linux' ? fromProc() : fromPs()
  const below = (parent: number): Child[] =>
    all.filter((child) => child.parent === parent).flatMap((child) => [child, ...below(child.pid)])
  return below(pid)
}

/** Waits until the process `pid` has below it one for each of `markers`, and returns all below it. */
export async function descendantsStarted(pid: number, markers: readonly string[]): Promise<Child[]> {
  const deadline = Date.now() + 30_000
  for (;;) {
    const found = descendants(pid)
    if (markers.every((marker) => found.some(({ command }) => command.includes(marker)))) return found
    if (Date.now() > deadline) throw new Error(`not all of ${markers.join(', ')} were started within 30 s`)
    await delay(10)
  }
}

/** Waits until none of `children` runs any more, whoever is their parent by now; throws with a list after ten seconds. */
export async function allGone(children: readonly Child[]): Promise<void> {
  const deadline = Date.now() + 10_000
  for (;;) {
    // A zombie has no command line any more; another process with the same id has another one.
    const running = process.platform === 'linux' ? fromProc() : fromPs()
    const left = children.filter(({ pid, command }) =>
      running.some((one) => one.pid === pid && one.command === command),
    )
    if (left.length === 0) return
    if (Date.now() > deadline) {
      for (const { pid } of left) process.kill(pid, 'SIGKILL')
      throw new Error(`left over: ${left.map(({ pid, command }) => `${pid} ${command}`).join('; ')}`)
    }
    await delay(20)
  }
}

/** Waits until a stream has closed, whether or not it failed. */
export async function closed(stream: Stream & { closed: boolean }): Promise<void> {
  if (stream.closed) return
  await new Promise<void>((resolve) => {
    stream.once('close', () => resolve())
  })
}

type ChildAndParent = Child & { parent: number }

function fromProc(): ChildAndParent[] {
  const found: ChildAndParent[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const status = readFileSync(`/proc/${entry}/stat`, 'utf8')
      // pid (name) state parent …; the name may hold spaces and parentheses. That of a zombie is all that is left of it.
      const [, name = '', parent = ''] = /^\d+ \((.*)\) \S (\d+)/s.exec(status) ?? []
      const command = `${name} ${readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ')}`
      found.push({ pid: Number(entry), parent: Number(parent), command })
    } catch {
      // It ended while we looked.
    }
  }
  return found
}

function fromPs(): ChildAndParent[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,command='], { encoding: 'utf8' })
  return table.split('\n').flatMap((line) => {
    const [, pid, parent, command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []
    return pid === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }]
  })
}
