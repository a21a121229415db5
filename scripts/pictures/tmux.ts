import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

/** What a terminal is opened with. */
export interface TerminalOptions {
  columns: number
  rows: number
  cwd: string
  env?: Readonly<Record<string, string>>
}

/**
 * Runs a program and writes down how it ended, because tmux 3.3 forgets the status of about one program in ten on a
 * busy machine. A Ctrl-C is for the program: the shell, which gets it too, waits on.
 */
const noteStatus = 'trap : INT; "$@"; echo $? > "$0"'

/** A real terminal, of tmux, that nobody sees: it can be typed into, and its screen can be read. */
export class TmuxTerminal {
  readonly #socket = `diarize-stream-${randomUUID().slice(0, 8)}`
  readonly #directory: string

  private constructor(directory: string) {
    this.#directory = directory
  }

  /**
   * Opens a terminal and runs a program in it.
   *
   * @throws (rejects with) an error where tmux is missing.
   */
  static async open(program: readonly string[], options: TerminalOptions): Promise<TmuxTerminal> {
    const { columns, rows, cwd, env = {} } = options
    const terminal = new TmuxTerminal(await mkdtemp(path.join(tmpdir(), 'diarize-stream-terminal-')))
    const size = ['-x', String(columns), '-y', String(rows)]
    const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`])
    const start = ['new-session', '-d', ...size, '-c', cwd, ...variables]
    // The screen is to stay when the program has ended.
    await terminal.#tmux(
      'set-option',
      '-g',
      'remain-on-exit',
      'on',
      ';',
      ...start,
      'sh',
      '-c',
      noteStatus,
      terminal.#statusFile,
      ...program,
    )
    return terminal
  }

  /** Types a line, and the key Enter. */
  async type(line: string): Promise<void> {
    await this.#tmux('send-keys', '-l', line)
    await this.#tmux('send-keys', 'Enter')
  }

  /** Sends a key by its name, such as `C-c`. */
  async press(key: string): Promise<void> {
    await this.#tmux('send-keys', key)
  }

  /** The lines to be seen, with the codes of their colours where these are wanted; empty ones at the end are left out. */
  async screen(colours = false): Promise<string[]> {
    const text = await this.#tmux('capture-pane', '-p', ...(colours ? ['-e'] : []))
    return text.trimEnd().split('\n')
  }

  /** Exit code of the program, 128 and its number for a signal; `undefined` while it runs. */
  async exitCode(): Promise<number | undefined> {
    const status = await readFile(this.#statusFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    // The shell makes the file before it writes into it.
    return status.endsWith('\n') ? Number(status) : undefined
  }

  /** Closes the terminal, and ends what runs in it. */
  async close(): Promise<void> {
    await this.#tmux('kill-server')
    await rm(this.#directory, { recursive: true, force: true })
  }

  get #statusFile(): string {
    return path.join(this.#directory, 'status')
  }

  async #tmux(...args: string[]): Promise<string> {
    const env = { ...process.env, LANG: 'C.UTF-8', TMUX: '' }
    return (await promisify(execFile)('tmux', ['-L', this.#socket, '-f', '/dev/null', ...args], { env })).stdout
  }
}
