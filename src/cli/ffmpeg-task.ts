import { type ChildProcess, spawn } from 'node:child_process'
import { pipeline, type Readable } from 'node:stream'
import { ffmpegEnvironment } from '../ffmpeg/find.ts'
import { FfmpegLog } from '../ffmpeg/log.ts'

/** Time FFmpeg gets to end after SIGTERM before it is killed, in milliseconds. */
const GRACE_MS = 2000
/** Most of what it prints that is kept, in characters. */
const MOST_PRINTED = 65_536

/** Stands between us and an FFmpeg that would not notice our death: kills it then, and removes what is unfinished. */
const KEEPER = `
const { spawn } = require('node:child_process')
const [removed, command, ...args] = process.argv.slice(1)
const child = spawn(command, args, { stdio: 'inherit', windowsHide: true })
const end = (code) => {
  for (const path of JSON.parse(removed)) {
    try {
      require('node:fs').rmSync(path, { recursive: true, force: true })
    } catch {}
  }
  process.exit(code)
}
let isLost = false
const lose = () => {
  isLost = true
  child.kill('SIGKILL')
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
child.on('error', () => process.exit(127))
child.on('exit', (code) => (isLost ? end(1) : process.exit(code ?? 1)))
process.on('disconnect', lose)
process.on('message', lose)
if (process.connected) process.send(child.pid ?? 0, () => {})
else lose()
`

export interface FfmpegTask {
  ffmpeg: string
  args: readonly string[]
  cwd?: string
  signal?: AbortSignal | undefined
  /** What it reads on its standard input. */
  stdin?: Readable | undefined
  /** What is removed if we are killed, files and directories; FFmpeg then ends, too. */
  unfinished?: readonly string[] | undefined
  onLine?: (line: string) => void
}

export interface FfmpegResult {
  code: number | null
  /** The beginning of what it printed on standard error. */
  printed: string
  /** The last lines of that, free of credentials. */
  tail: string
}

/** Runs FFmpeg to its end. Rejects with the reason of `signal`, or where it cannot be started. */
export function runFfmpeg({
  ffmpeg,
  args,
  cwd,
  signal,
  stdin,
  unfinished: files,
  onLine,
}: FfmpegTask): Promise<FfmpegResult> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason as Error)
    const env = ffmpegEnvironment()
    const input = stdin === undefined ? 'ignore' : 'pipe'
    const options = { windowsHide: true, ...(cwd && { cwd }) }
    const child =
      files === undefined
        ? spawn(ffmpeg, args, { ...options, env, stdio: [input, 'pipe', 'pipe'] })
        : spawn(process.execPath, ['-e', KEEPER, '--', JSON.stringify(files), ffmpeg, ...args], {
            ...options,
            // Options that are meant for us, such as that of a debugger, are none of its business.
            env: { ...env, NODE_OPTIONS: '' },
            stdio: [input, 'pipe', 'pipe', 'ipc'],
          })
    let kept: number | undefined
    child.once('message', (pid) => (kept = Number(pid)))
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
    // One that hangs would outlive us; where something stands between, that sees to it.
    const kill = (): void => void child.kill('SIGKILL')
    if (files === undefined) process.once('exit', kill)
    const tidy = (): void => {
      process.off('exit', kill)
      clearTimeout(force)
      signal?.removeEventListener('abort', stop)
    }
    child.once('error', (error) => {
      if (child.pid !== undefined) return
      tidy()
      reject(error)
    })
    child.once('exit', (_code, cause) => {
      // Whoever killed only what stands between must not leave FFmpeg behind.
      if (cause !== null && kept !== undefined && kept > 0) killQuietly(kept)
    })
    child.once('close', (code) => {
      tidy()
      log.end()
      if (signal?.aborted === true) reject(signal.reason as Error)
      else resolve({ code, printed, tail: log.tail })
    })
  })
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

function endChild(child: ChildProcess): NodeJS.Timeout {
  // Node gives no 'close' where the channel is closed by us.
  if (child.connected) child.send('end', () => {})
  else child.kill('SIGTERM')
  return setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
}
