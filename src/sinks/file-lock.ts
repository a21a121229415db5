import { createHash, randomUUID } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { link, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode } from '../errors.ts'

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
/** Longest name of a file that systems take. */
const LONGEST_NAME_BYTES = 255

interface Holder {
  pid: number
  host: string
  /** When the process began, in milliseconds of the epoch. */
  started: number
  /** The same by the system, exactly, where it says so (Linux): in ticks since it was started. */
  ticks?: string
  /** Tells apart the locks of one process. */
  token: string
}

const held = new Set<string>()

/** Says that another process has a file. */
function shared(pid: number): Error {
  return Object.assign(new Error(`process ${pid} is writing to it`), { code: 'FILE_SHARED', pid })
}

/** A file of ours beside `file`, with a name that is always the same. */
export function beside(file: string, ending: 'lock' | 'tmp' | 'parts'): string {
  const { dir, base } = path.parse(file)
  const name = Buffer.byteLength(base) > MAX_NAME_BYTES ? shortName(base) : base
  return path.join(dir, `.${name}.diarize-stream.${ending}`)
}

/** `file` with one more ending, such as `.part`; where no file may have so long a name, with one that is always the same. */
export function withEnding(file: string, ending: string): string {
  const { dir, base } = path.parse(file)
  if (Buffer.byteLength(base + ending) <= LONGEST_NAME_BYTES) return file + ending
  return path.join(dir, shortName(base) + ending)
}

function shortName(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32)
}

/** Keeps other processes of this library away from a file, by a small file beside it that never outlives its owner. */
export class FileLock {
  readonly #lock: string
  readonly #holder: Holder
  readonly #renewal: NodeJS.Timeout
  /** When it was renewed last, ms of the epoch. */
  #renewed = Date.now()

  private constructor(lock: string, holder: Holder) {
    this.#lock = lock
    this.#holder = holder
    held.add(lock)
    if (held.size === 1) process.on('exit', removeAll)
    this.#renewal = setInterval(() => {
      const now = new Date()
      const renew = async (): Promise<void> => {
        if ((await this.#takenBy()) !== undefined) return
        await utimes(lock, now, now)
        this.#renewed = now.getTime()
      }
      renew().catch(() => {})
    }, RENEW_MS).unref()
  }

  /**
   * Locks `file` and removes what a killed run left; `undefined` where no file can be made beside it. Rejects with the
   * code `FILE_SHARED` and a `pid` where another has it.
   */
  static async take(file: string): Promise<FileLock | undefined> {
    const lock = beside(file, 'lock')
    const started = Date.now() - process.uptime() * 1000
    const ticks = startOf(process.pid)
    const self = { pid: process.pid, host: hostname(), started, token: randomUUID() }
    const holder: Holder = ticks === undefined ? self : { ...self, ticks }
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        await create(lock, JSON.stringify(holder))
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') break
        const other = await heldBy(lock)
        if (other === undefined) continue
        throw shared(other.pid)
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

  /**
   * Makes sure that no other process has taken it over meanwhile, as one may where this one was stopped for a minute. Rejects
   * with the code `FILE_SHARED` and the `pid` of that one.
   */
  async check(): Promise<void> {
    // Others leave it alone for longer.
    if (Date.now() - this.#renewed < 2 * RENEW_MS) return
    const other = await this.#takenBy()
    if (other !== undefined) throw shared(other)
  }

  /** Number of the process that has it by now; `undefined` where no other has. */
  async #takenBy(): Promise<number | undefined> {
    const holder = await readHolder(this.#lock)
    return holder === undefined || holder.token === this.#holder.token ? undefined : holder.pid
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
  if (holder !== undefined && isAlive(holder, age)) return holder
  await removeIf(lock, holder?.token)
  return undefined
}

/** Removes the lock of `token`, and not that of one who has taken it over just now: of all who try, one gets it. */
async function removeIf(lock: string, token: string | undefined): Promise<void> {
  if ((await readHolder(lock))?.token !== token) return
  const aside = `${lock}.${randomUUID()}`
  try {
    await rename(lock, aside)
  } catch {
    return
  }
  if ((await readHolder(aside))?.token !== token) await link(aside, lock).catch(() => {})
  await rm(aside, { force: true }).catch(() => {})
}

/** @param age - how long it was not renewed, in ms. */
function isAlive({ pid, host, started, ticks }: Holder, age: number): boolean {
  if (host !== hostname()) return false
  // Of a thread of this process that is gone: a living one has had time to renew it.
  if (pid === process.pid && age >= STALE_MS) return false
  const present = ticks === undefined ? undefined : startOf(pid)
  // It is that very process, though it may have been stopped for hours, or another one with its number.
  if (present !== undefined) return present === ticks
  if (age >= STALE_MS) return false
  // The number may be that of a process before this one, as in a container, where they are all the same.
  if (pid === process.pid) return Math.abs(Date.now() - process.uptime() * 1000 - started) < SAME_START_MS
  return isRunning(pid)
}

/** When a process began, by Linux, which tells it from every other of its number; `undefined` where nobody says. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name, in brackets, may hold anything.
    const [state, ...fields] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    // One that has ended, and whose parent has not asked how, is no more than a number.
    return state === 'Z' || state === 'X' ? '' : fields[18]
  } catch {
    return undefined
  }
}

/** Makes a file that is not there yet, whole or not at all. */
async function create(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx')
  try {
    await handle.writeFile(text)
  } catch (error) {
    // As on a full disk.
    await rm(file, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
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
