import { type ChildProcess, spawn } from 'node:child_process'
import { pipeline, type Readable } from 'node:stream'
import { childEnvironment } from '../child-environment.ts'
import { FfmpegLog } from '../ffmpeg/log.ts'

/** Time FFmpeg gets to end after SIGTERM before it is killed, in milliseconds. */
const GRACE_MS = 2000
/** Most of what it prints that is kept, in characters. */
const MOST_PRINTED = 65_536

/** How FFmpeg is run. */
export interface FfmpegTask {
  ffmpeg: string
  args: readonly string[]
  /** The directory it runs in. */
  cwd?: string
  signal?: AbortSignal | undefined
  /** What it reads on its standard input. */
  stdin?: Readable | undefined
  /** Called with each line of its standard output. */
  onLine?: (line: string) => void
}

/** How a run of FFmpeg ended. */
export interface FfmpegResult {
  /** Exit code; `null` if it was killed. */
  code: number | null
  /** The beginning of what it printed on standard error. */
  printed: string
  /** The last lines of that, free of credentials. */
  tail: string
}

/**
 * Runs FFmpeg to its end.
 *
 * @throws (rejects with) the reason of `signal` once the process is gone, or the error of a process that cannot be started.
 */
export function runFfmpeg({ ffmpeg, args, cwd, signal, stdin, onLine }: FfmpegTask): Promise<FfmpegResult> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason as Error)
    const env = { ...childEnvironment(), AV_LOG_FORCE_NOCOLOR: '1' }
    const child = spawn(ffmpeg, args, {
      env,
      stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      windowsHide: true,
      ...(cwd && { cwd }),
    })
    // Why it read no more is told by its exit code.
    if (stdin !== undefined && child.stdin !== null) pipeline(stdin, child.stdin, () => {})
    const log = new FfmpegLog(() => {})
    let printed = ''
    let unfinished = ''
    let force: NodeJS.Timeout | undefined
    const stop = (): void => {
      force = endChild(child)
    }
    signal?.addEventListener('abort', stop, { once: true })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log.push(text)
      printed = (printed + text).slice(0, MOST_PRINTED)
    })
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (unfinished + text).split('\n')
      unfinished = (lines.pop() ?? '').slice(-MOST_PRINTED)
      for (const line of lines) onLine?.(line)
    })
    const tidy = (): void => {
      clearTimeout(force)
      signal?.removeEventListener('abort', stop)
    }
    child.once('error', (error) => {
      if (child.pid !== undefined) return
      tidy()
      reject(error)
    })
    child.once('close', (code) => {
      tidy()
      log.end()
      if (signal?.aborted === true) reject(signal.reason as Error)
      else resolve({ code, printed, tail: log.tail })
    })
  })
}

function endChild(child: ChildProcess): NodeJS.Timeout {
  child.kill('SIGTERM')
  return setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
}
