import { type ChildProcess, spawn } from 'node:child_process'
import { pipeline, type Readable } from 'node:stream'
import { ffmpegEnvironment } from '../ffmpeg/find.ts'
import { FfmpegLog } from '../ffmpeg/log.ts'

/** Time FFmpeg gets to end after SIGTERM before it is killed, in milliseconds. */
const GRACE_MS = 2000
/** The longest line that is read of what it prints, in characters. */
const LONGEST_LINE = 65_536

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
  unfinished: readonly string[]
  onLine?: (line: string) => void
}

export interface FfmpegResult {
  code: number | null
  /** The last lines of what it printed on standard error, free of credentials. */
  tail: string
}

/** Has FFmpeg make a file. Rejects with the reason of `signal`, or where it cannot be started. */
export function runFfmpeg({ ffmpeg, args, cwd, signal, stdin, unfinished, onLine }: FfmpegTask): Promise<FfmpegResult> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason as Error)
    const child = spawn(process.execPath, ['-e', KEEPER, '--', JSON.stringify(unfinished), ffmpeg, ...args], {
      windowsHide: true,
      ...(cwd && { cwd }),
      // Options that are meant for us, such as that of a debugger, are none of its business.
      env: { ...ffmpegEnvironment(), NODE_OPTIONS: '' },
      stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'ipc'],
    })
    let kept: number | undefined
    child.once('message', (pid) => (kept = Number(pid)))
    // Why it read no more is told by its exit code.
    if (stdin !== undefined && child.stdin !== null) pipeline(stdin, child.stdin, () => {})
    const log = new FfmpegLog(() => {})
    let rest = ''
    let force: NodeJS.Timeout | undefined
    const stop = (): void => {
      force = endChild(child)
    }
    signal?.addEventListener('abort', stop, { once: true })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => log.push(text))
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = (lines.pop() ?? '').slice(-LONGEST_LINE)
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
    child.once('exit', (_code, cause) => {
      // Whoever killed only what stands between must not leave FFmpeg behind.
      if (cause !== null && kept !== undefined && kept > 0) killQuietly(kept)
    })
    child.once('close', (code) => {
      tidy()
      log.end()
      if (signal?.aborted === true) reject(signal.reason as Error)
      else resolve({ code, tail: log.tail })
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
