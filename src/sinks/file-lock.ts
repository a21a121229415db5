import { createHash, randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const RENEW_MS = 10_000
/** After this a lock that nobody renews counts for nothing: its number may be that of another process by now. */
const STALE_MS = 60_000
/** How long a lock may be without its text, which is written just after it is made. */
const EMPTY_MS = 1000
const LOOK_AGAIN_MS = 50
/** Where a lock can be neither taken nor removed, it is done without. */
const ATTEMPTS = (2 * EMPTY_MS) / LOOK_AGAIN_MS
/** Two threads find the same start of their process, but for rounding. */
const SAME_START_MS = 2000
/** Longest name of a file that still has room for an ending. */
const MAX_NAME_BYTES = 200

interface Holder {
  pid: number
  host: string
  /** When the process began, in milliseconds of the epoch. */
  started: number
  /** Tells apart the locks of one process. */
  token: string
}

const held = new Set<string>()

/** A file of ours beside `file`, with a name that is always the same. */
export function beside(file: string, ending: 'lock' | 'tmp'): string {
  const { dir, base } = path.parse(file)
  const isLong = Buffer.byteLength(base) > MAX_NAME_BYTES
  const name = isLong ? createHash('sha256').update(base).digest('hex').slice(0, 32) : base
  return path.join(dir, `.${name}.diarize-stream.${ending}`)
}

/** Keeps other processes of this library away from a file, by a small file beside it that never outlives its owner. */
export class FileLock {
  readonly #lock: string
  readonly #holder: Holder
  readonly #renewal: NodeJS.Timeout

  private constructor(lock: string, holder: Holder) {
    this.#lock = lock
    this.#holder = holder
    held.add(lock)
    if (held.size === 1) process.on('exit', removeAll)
    this.#renewal = setInterval(() => {
      const now = new Date()
      utimes(lock, now, now).catch(() => {})
    }, RENEW_MS).unref()
  }

  /**
   * Locks `file` and removes what a killed run left; `undefined` where no file can be made beside it. Rejects with the
   * code `FILE_SHARED` and a `pid` where another has it.
   */
  static async take(file: string): Promise<FileLock | undefined> {
    const lock = beside(file, 'lock')
    const started = Date.now() - process.uptime() * 1000
    const holder: Holder = { pid: process.pid, host: hostname(), started, token: randomUUID() }
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        await writeFile(lock, JSON.stringify(holder), { flag: 'wx' })
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'EEXIST') break
        const other = await heldBy(lock)
        if (other === undefined) continue
        const message = `process ${other.pid} is writing to it`
        throw Object.assign(new Error(message), { code: 'FILE_SHARED', pid: other.pid })
      }
      await rm(beside(file, 'tmp'), { force: true }).catch(() => {})
      return new FileLock(lock, holder)
    }
    return undefined
  }

  /** Removes the lock on `file` that a killed run left, where there is one; that of a living process stays. */
  static async removeLeft(file: string): Promise<void> {
    await heldBy(beside(file, 'lock'))
  }

  async release(): Promise<void> {
    clearInterval(this.#renewal)
    held.delete(this.#lock)
    if (held.size === 0) process.off('exit', removeAll)
    const holder = await readHolder(this.#lock)
    if (holder?.token === this.#holder.token) await rm(this.#lock, { force: true }).catch(() => {})
  }
}

function removeAll(): void {
  for (const lock of held) rmSync(lock, { force: true })
}

/** The living process that holds a lock; a lock of any other is removed. */
async function heldBy(lock: string): Promise<Holder | undefined> {
  const stats = await stat(lock).catch(() => undefined)
  if (stats === undefined) return undefined
  const age = Date.now() - stats.mtimeMs
  const holder = await readHolder(lock)
  if (holder === undefined && age < EMPTY_MS) {
    await sleep(LOOK_AGAIN_MS)
    return undefined
  }
  if (holder !== undefined && age < STALE_MS && isAlive(holder)) return holder
  const again = await readHolder(lock)
  if (again?.token === holder?.token) await rm(lock, { force: true }).catch(() => {})
  return undefined
}

function isAlive({ pid, host, started }: Holder): boolean {
  if (host !== hostname()) return false
  // The number may be that of a process before this one, as in a container, where they are all the same.
  if (pid === process.pid) return Math.abs(Date.now() - process.uptime() * 1000 - started) < SAME_START_MS
  return isRunning(pid)
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as { code?: unknown }).code === 'EPERM'
  }
}

async function readHolder(lock: string): Promise<Holder | undefined> {
  try {
    const holder = JSON.parse(await readFile(lock, 'utf8')) as Partial<Holder> | null
    return Number.isSafeInteger(holder?.pid) && (holder?.pid ?? 0) > 0 ? (holder as Holder) : undefined
  } catch {
    return undefined
  }
}
