import { ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { ffmpegEnvironment } from './find.ts'
import { toError } from '../stream-helpers.ts'
import { FfmpegLog, type InputFacts, type ProcessEnd } from './log.ts'

/** Time FFmpeg gets to end after SIGTERM before it is killed, in milliseconds. */
const GRACE_MS = 2000

/** Time after SIGKILL until a process is given up that the system does not end, in milliseconds. */
const LAST_WAIT_MS = 3000

/** Time from the first output until FFmpeg has said what its input is, in milliseconds; it says so before. */
const FACTS_WAIT_MS = 2000

/** How a process is set up. */
export interface FfmpegProcessOptions {
  /** The binary. */
  ffmpeg: string
  args: string[]
  /** Whether the process gets a stdin to read from. */
  readsBytes: boolean
  /** Called with lines of stderr that mean trouble. */
  onTrouble: (line: string) => void
  /** Called once, before there is audio, with what FFmpeg says of its input. */
  onInput?: (facts: InputFacts) => void
  /** Called once: when the process has ended and all of its output has been read, or when it could not be started. */
  onEnd: (end: ProcessEnd) => void
}

/** One run of FFmpeg, from its start to the moment it is gone. Always drains stderr. */
export class FfmpegProcess {
  readonly log: FfmpegLog
  readonly #child: ChildProcess | undefined

  constructor({ ffmpeg, args, readsBytes, onTrouble, onInput, onEnd }: FfmpegProcessOptions) {
    this.log = new FfmpegLog(onTrouble, onInput)
    const child = start(ffmpeg, args, readsBytes)
    if (!(child instanceof ChildProcess)) {
      process.nextTick(onEnd, { code: null, signal: null, spawnError: child })
      return
    }
    this.#child = child
    let told = false
    const tell = (end: ProcessEnd): void => {
      if (told) return
      told = true
      onEnd(end)
    }
    child.on('error', (error) => {
      // A process that has an id is running: what failed is only a signal to it.
      if (child.pid === undefined) tell({ code: null, signal: null, spawnError: error })
    })
    child.once('close', (code, signal) => tell({ code, signal }))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.log.push(text))
    child.stderr?.once('end', () => this.log.end())
    // One that says less than others is not waited for.
    child.stdout?.once('readable', () => {
      const patience = setTimeout(() => this.log.told(), FACTS_WAIT_MS)
      child.once('close', () => clearTimeout(patience))
    })
    // Broken pipes are no news: that the process ended, and how, says its exit code.
    for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.on('error', () => {})
  }

  /** What the process writes; `undefined` if it could not be started. */
  get output(): Readable | undefined {
    return this.#child?.stdout ?? undefined
  }

  /**
   * Hands bytes to the process. `taken` is called when they have left, or at once if the process reads no more: what it
   * has no use for is dropped.
   */
  write(bytes: Buffer, taken: () => void): void {
    const stdin = this.#child?.stdin
    if (stdin?.writable) stdin.write(bytes, () => taken())
    else taken()
  }

  /** Says that no more bytes will come. */
  endInput(): void {
    if (this.#child?.stdin?.writable) this.#child.stdin.end()
  }

  /** Ends the process, by force if need be. `stopped` is called when it is gone, at the latest after five seconds. */
  stop(stopped: () => void): void {
    const child = this.#child
    // One that could not be started has no number.
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      this.#closePipes()
      stopped()
      return
    }
    const finish = (): void => {
      clearTimeout(force)
      clearTimeout(giveUp)
      this.#closePipes()
      stopped()
    }
    const force = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
    const giveUp = setTimeout(finish, GRACE_MS + LAST_WAIT_MS)
    child.once('exit', finish)
    child.stdin?.destroy()
    child.stdout?.destroy()
    child.kill('SIGTERM')
  }

  /** A process of the process may still hold the other ends. */
  #closePipes(): void {
    for (const pipe of [this.#child?.stdin, this.#child?.stdout, this.#child?.stderr]) pipe?.destroy()
  }
}

function start(ffmpeg: string, args: string[], readsBytes: boolean): ChildProcess | Error {
  try {
    const env = ffmpegEnvironment()
    return spawn(ffmpeg, args, { env, stdio: [readsBytes ? 'pipe' : 'ignore', 'pipe', 'pipe'], windowsHide: true })
  } catch (error) {
    return toError(error)
  }
}
