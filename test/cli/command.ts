import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'

/** The command as it is built. */
export const main = path.resolve(import.meta.dirname, '../../dist/cli/main.js')

/** A run of the command. */
export interface CommandRun {
  child: ChildProcess
  /** What it has written so far. */
  readonly out: string
  readonly err: string
  /** Its exit code. */
  ended: Promise<number | null>
  /** Resolves once it has written `text`, to either output; rejects when it ends without. */
  wrote(text: string): Promise<void>
}

/** Starts the command, with no key but the one in `env`; `detached` makes it a group of processes of its own. */
export function startCommand(
  argv: readonly string[],
  env: Record<string, string> = {},
  { detached = false }: { detached?: boolean } = {},
): CommandRun {
  const child = spawn(process.execPath, [main, ...argv], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached,
    env: { ...process.env, ASSEMBLYAI_API_KEY: '', ...env },
  })
  let out = ''
  let err = ''
  child.stdin.on('error', () => {})
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const wrote = async (text: string): Promise<void> => {
    let isOver = false
    void ended.then(() => (isOver = true))
    while (!`${out}\n${err}`.includes(text)) {
      if (isOver) throw new Error(`it ended without '${text}':\n${out}\n${err}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  return {
    child,
    ended,
    wrote,
    get out() {
      return out
    },
    get err() {
      return err
    },
  }
}

/** Runs the command to its end, without anything on its standard input. */
export async function command(...argv: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const running = startCommand(argv)
  running.child.stdin?.end()
  const code = await running.ended
  return { code, out: running.out, err: running.err }
}

/** The options with which the command asks a server of ours, whose key lies in `folder`. */
export function asking(url: string, folder: string, key = 'any-key'): string[] {
  const file = path.join(folder, 'key')
  writeFileSync(file, `${key}\n`)
  return ['--url', url, '--api-key-file', file]
}
