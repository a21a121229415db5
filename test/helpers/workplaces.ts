import { type ChildProcess, spawn } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { pack, root, userProject } from '../package/user-project.ts'
import type { GuideCommand } from './guide.ts'
import { madeOnce } from './made-once.ts'
import { ffmpeg } from './media.ts'

/** What of the clip is `talk.mp4` in the guides, in seconds: its first three turns. */
const CLIP_SECONDS = 10.2

/** What somebody has installed beside the package: the model in the box, and what examples need. */
const OTHERS = [
  'diarize-stream-model-en-tiny',
  'tsx',
  '@opentelemetry/api',
  '@opentelemetry/sdk-trace-base',
  'prism-media',
  'opusscript',
]

/** Ports that guides and examples name, which may be taken on the machine that runs the tests. */
const GUIDE_PORTS = ['8040', '8554', '8080']

/** A program that runs in a workplace. */
export interface Running {
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

/**
 * Folders such as somebody has who has installed the package as it is packed, with tsx, and has copied its examples and the
 * clip as `talk.mp4`. Nothing in them is of the checkout.
 */
export class Workplaces {
  readonly #material: string
  readonly #project: string
  readonly #running = new Set<ChildProcess>()

  private constructor(material: string, project: string) {
    this.#material = material
    this.#project = project
  }

  static async open(): Promise<Workplaces> {
    const made = await madeOnce('packed-project', async (folder) => {
      await userProject(folder, [await pack(folder)], OTHERS)
    })
    const material = await mkdtemp(join(tmpdir(), 'diarize-stream-workplaces-'))
    const clip = ['-i', join(root, 'demo', 'dialogue.mp4'), '-t', String(CLIP_SECONDS), '-c', 'copy']
    await ffmpeg(...clip, join(material, 'talk.mp4'))
    return new Workplaces(material, join(made, 'project'))
  }

  async close(): Promise<void> {
    // Where a test ran out of time, nothing of it goes on.
    for (const child of this.#running) this.#end(child)
    await rm(this.#material, { recursive: true, force: true })
  }

  /** A new one. */
  async make(name: string): Promise<string> {
    const folder = join(this.#material, name)
    await mkdir(folder)
    await symlink(join(this.#project, 'node_modules'), join(folder, 'node_modules'))
    await writeFile(join(folder, 'package.json'), '{ "type": "module", "private": true }\n')
    const examples = join(this.#project, 'node_modules', 'diarize-stream', 'examples')
    for (const file of await readdir(examples)) await copyFile(join(examples, file), join(folder, file))
    await copyFile(join(this.#material, 'talk.mp4'), join(folder, 'talk.mp4'))
    return folder
  }

  /** Runs commands of a guide one after the other, and calls `ran` after each; servers among them end after the last. */
  async follow(
    commands: readonly GuideCommand[],
    folder: string,
    ran: (command: GuideCommand, code: number | null, output: string) => void,
  ): Promise<void> {
    const free = await freePorts(GUIDE_PORTS.length)
    const withFreePorts = (script: string): string =>
      GUIDE_PORTS.reduce((text, port, i) => text.replaceAll(port, free[i] ?? port), script)
    const servers: ChildProcess[] = []
    try {
      for (const command of commands) {
        const running = this.start('sh', ['-c', withFreePorts(command.script)], folder)
        if (command.isServer) servers.push(running.child)
        if (command.isServer) await running.wrote(/\n/)
        const code = command.isServer ? 0 : await running.ended
        ran(command, code, running.printed.replaceAll(/^(?:note: no API key is set|npm warn).*\n/gm, ''))
      }
    } finally {
      for (const server of servers) this.#end(server)
    }
  }

  /** Starts an example of the workplace. */
  example(folder: string, name: string, ...args: readonly string[]): Running {
    return this.start(process.execPath, ['--import', 'tsx', name, ...args], folder)
  }

  /** Starts a program with no key, in a group of its own. */
  start(program: string, args: readonly string[], cwd: string): Running {
    const { ASSEMBLYAI_API_KEY: _, ...environment } = process.env
    const env = {
      ...environment,
      // The node that runs this runs the commands, too.
      PATH: [dirname(process.execPath), environment['PATH']].join(delimiter),
      npm_config_loglevel: 'error',
    }
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    this.#running.add(child)
    let printed = ''
    let out = ''
    let wake = (): void => {}
    let isOver = false
    const ended = new Promise<number | null>((resolve) =>
      child.once('close', (code) => {
        this.#running.delete(child)
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
        if (isOver) throw new Error(`${program} ${args.join(' ')} ended without ${pattern}:\n${printed}`)
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

  /** A shell and all that it has started are a group. */
  #end(child: ChildProcess): void {
    if (child.pid !== undefined && this.#running.delete(child)) process.kill(-child.pid, 'SIGKILL')
  }
}

/** Ports that nobody listens on just now. */
async function freePorts(count: number): Promise<string[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => String((server.address() as AddressInfo).port))
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
