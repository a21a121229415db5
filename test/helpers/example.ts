import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll } from 'vitest'
import { ffmpeg } from './media.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

/** An example that runs. */
export interface RunningExample {
  child: ChildProcess
  /** What it has written so far, to either output. */
  readonly printed: string
  /** What it has written to standard output so far. */
  readonly out: string
  /** Resolves once it has written what `pattern` finds; rejects when it ends without. */
  wrote(pattern: RegExp): Promise<void>
  /** Its exit code. */
  ended: Promise<number | null>
}

/** Starts an example against the built package, as a user would, with nothing configured, in the folder `cwd`. */
export function startExample(name: string, args: readonly string[] = [], cwd = root): RunningExample {
  const { ASSEMBLYAI_API_KEY: _, ...env } = process.env
  const child = spawn(process.execPath, ['--import', loader, join(root, 'examples', name), ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  let out = ''
  let wake = (): void => {}
  let isOver = false
  const ended = new Promise<number | null>((resolve) =>
    child.once('close', (code) => {
      isOver = true
      wake()
      resolve(code)
    }),
  )
  child.stdout.on('data', (text: string) => (out += text))
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding('utf8').on('data', (text: string) => {
      printed += text
      wake()
    })
  }
  const wrote = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(printed)) {
      if (isOver) throw new Error(`${name} ended without ${pattern}:\n${printed}`)
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }
  return {
    child,
    ended,
    wrote,
    get printed() {
      return printed
    },
    get out() {
      return out
    },
  }
}

/** Runs an example to its end, and gives what it has written to standard output. */
export async function example(name: string, args: readonly string[] = [], cwd = root): Promise<string> {
  const running = startExample(name, args, cwd)
  const code = await running.ended
  if (code !== 0) throw new Error(`${name} ended with ${code}:\n${running.printed}`)
  return running.out
}

/** A folder with the first turns of the demo as a clip, made before the tests of a file and removed after them. */
export function clipFolder(): { folder: string; clip: string } {
  const made = { folder: '', clip: '' }
  beforeAll(async () => {
    made.folder = await mkdtemp(join(tmpdir(), 'diarize-stream-examples-'))
    made.clip = join(made.folder, 'clip.mp4')
    await ffmpeg('-i', join(root, 'demo', 'dialogue.mp4'), '-t', '8', '-c', 'copy', made.clip)
  })
  afterAll(() => rm(made.folder, { recursive: true, force: true }))
  return made
}
