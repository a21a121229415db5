import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { SherpaAnswer, SherpaCalls } from './messages.ts'

const entry = fileURLToPath(new URL('../../../bin/engine-process.js', import.meta.url))

/** How much of what the process wrote to its standard error is kept, in characters from the end. */
const logLength = 4000

/** The process ended, or did not answer in time. */
export class ProcessEnded extends Error {
  /** What it wrote last. */
  readonly log: string

  constructor(message: string, log: string) {
    super(message)
    this.log = log
  }
}

/** The npm package is not there, or has no binary for this platform. */
export class PackageMissing extends Error {}

interface Waiting {
  resolve(output: unknown): void
  reject(error: Error): void
  timer: NodeJS.Timeout
}

/**
 * A process of its own for sherpa-onnx, since a model file that it cannot read ends the process that loads it. Calls are
 * answered in order; waiting for the answer is the back-pressure.
 */
export class SherpaProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  readonly #waiting = new Map<number, Waiting>()
  #id = 0
  #log = ''
  #end: ProcessEnded | undefined

  constructor() {
    const child = fork(entry, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // Without the flags of this process, among them those of a debugger, whose port is taken.
      execArgv: ['--expose-gc'],
      env: environment(),
    })
    this.#child = child
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log = (this.#log + text).slice(-logLength)
    })
    child.stderr?.on('error', () => {})
    child.on('message', (answer: SherpaAnswer) => this.#answered(answer))
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) => {
        // One with an id runs; what failed then is a message or a signal to it.
        if (child.pid !== undefined) return
        this.#ended(`could not be started: ${error.message}`)
        resolve()
      })
      // Its last words are read by the time of `close`.
      child.once('close', (code, signal) => {
        this.#ended(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`)
        resolve()
      })
    })
  }

  /** Whether it can no longer be asked anything. */
  get ended(): boolean {
    return this.#end !== undefined
  }

  /**
   * Has the process do something.
   *
   * @param limit - longest time in ms; the process is ended where it takes longer.
   * @throws {@link ProcessEnded}, {@link PackageMissing}, or an Error with what the process said.
   */
  call<Name extends keyof SherpaCalls>(
    name: Name,
    input: SherpaCalls[Name]['input'],
    limit: number,
  ): Promise<SherpaCalls[Name]['output']> {
    if (this.#end !== undefined) return Promise.reject(this.#end)
    const id = this.#id++
    return new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#ended(`did not answer within ${limit / 1000} s`)
        this.#child.kill('SIGKILL')
      }, limit)
      this.#waiting.set(id, { resolve, reject, timer })
      // A message that cannot be sent means that the process has ended, which `close` tells.
      this.#child.send({ id, name, input }, () => {})
    }) as Promise<SherpaCalls[Name]['output']>
  }

  /** Ends the process, whatever it is doing; resolves when it is gone. It holds nothing that could be lost. */
  async close(): Promise<void> {
    this.#ended('is closed')
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  #answered(answer: SherpaAnswer): void {
    const waiting = this.#waiting.get(answer.id)
    if (waiting === undefined) return
    this.#waiting.delete(answer.id)
    clearTimeout(waiting.timer)
    if ('output' in answer) waiting.resolve(answer.output)
    else waiting.reject(new (answer.error.missing ? PackageMissing : Error)(answer.error.message))
  }

  #ended(how: string): void {
    if (this.#end !== undefined) return
    this.#end = new ProcessEnded(`the process that runs the model ${how}`, this.#log.trim())
    for (const waiting of this.#waiting.values()) {
      clearTimeout(waiting.timer)
      waiting.reject(this.#end)
    }
    this.#waiting.clear()
  }
}

/** The environment without what the process has no use for. */
function environment(): NodeJS.ProcessEnv {
  const { ASSEMBLYAI_API_KEY: _key, NODE_OPTIONS: _options, ...rest } = process.env
  return rest
}
