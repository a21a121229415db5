import { type ChildProcess, fork, type ForkOptions } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { EngineError } from '../../errors.ts'
import { childEnvironment } from '../../redact.ts'
import type { SherpaAnswer, SherpaCalls } from './sherpa.ts'

/** In CommonJS, as bundlers make it, nothing has an address: the process then says that it finds no file. */
const { url: here } = import.meta as { url?: string }
const script = 'bin/engine-process.js'
const entry =
  here === undefined ? path.join('diarize-stream', script) : fileURLToPath(new URL(`../../../${script}`, here))

/** How much of what the process wrote to its standard error is kept, in characters from the end. */
const logLength = 4000

/** The process ended, or did not answer in time. */
export class ProcessEnded extends Error {
  readonly log: string = ''
  /** Whether it had begun to listen. */
  readonly hadStarted: boolean = true
  /** Whether something from outside ended it, as a system does that is short of memory: no model can. */
  readonly wasKilled: boolean = false
  /** Whether it ended in the call that failed, not before it. */
  readonly inCall: boolean = false
  /** Whether it was ended because it did not answer, which says nothing of the model. */
  readonly wasLate: boolean = false

  constructor(
    message: string,
    facts: Partial<Pick<ProcessEnded, 'log' | 'hadStarted' | 'wasKilled' | 'inCall' | 'wasLate'>> = {},
  ) {
    super(message)
    Object.assign(this, facts)
  }
}

/** The npm package is not there, or has no binary that runs here. */
export class PackageMissing extends Error {}

/** The system did not let the process read or write a file. */
export class FileRefused extends Error {}

function failureOf({ message, missing, code }: Extract<SherpaAnswer, { error: unknown }>['error']): Error {
  if (missing) return new PackageMissing(message)
  return code === undefined ? new Error(message) : new FileRefused(message)
}

interface Waiting {
  resolve(output: unknown): void
  reject(error: Error): void
  timer: NodeJS.Timeout
  begun: boolean
}

/** sherpa-onnx in a process of its own, since it ends the process that loads a file it cannot read. */
export class SherpaProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  readonly #waiting = new Map<number, Waiting>()
  #id = 0
  #log = ''
  #end: ProcessEnded | undefined
  /** Resident memory at the last answer, in bytes. */
  memory = 0

  /** @param nodePath - the Node.js that runs it. @throws EngineError where this process runs in none. */
  constructor(nodePath: string | undefined = process.env['DIARIZE_STREAM_NODE']) {
    // Made by the process where it needs one, and removed by it; where it dies before that, from here.
    const scratch = path.join(tmpdir(), `diarize-stream-${randomUUID()}`)
    const child = started(scratch, {
      execPath: nodeFor(nodePath),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // Without the flags of this process, among them those of a debugger, whose port is taken. Where all processors are
      // busy, V8 would let a young generation of tens of megabytes gather.
      execArgv: ['--max-semi-space-size=1'],
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
        this.#ended(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`, {
          wasKilled: signal === 'SIGKILL',
        })
        rm(scratch, { recursive: true, force: true }).then(resolve, () => resolve())
      })
    })
  }

  get ended(): boolean {
    // Between its exit and `close` the process is gone, and its last words are still being read.
    const { exitCode, signalCode } = this.#child
    return this.#end !== undefined || exitCode !== null || signalCode !== null
  }

  /** Has the process do something, in `limit` ms at most. @throws {@link ProcessEnded}, {@link PackageMissing} */
  call<Name extends keyof SherpaCalls>(
    name: Name,
    input: SherpaCalls[Name]['input'],
    limit: number,
  ): Promise<SherpaCalls[Name]['output']> {
    if (this.#end !== undefined) return Promise.reject(this.#end)
    const id = this.#id++
    return new Promise<unknown>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#ended(`did not answer within ${limit / 1000} s`, { wasLate: true })
        this.#child.kill('SIGKILL')
      }, limit)
      this.#waiting.set(id, { resolve, reject, timer, begun: false })
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
    this.memory = answer.memory
    const waiting = this.#waiting.get(answer.id)
    if (waiting === undefined) return
    if ('begun' in answer) return void (waiting.begun = true)
    this.#waiting.delete(answer.id)
    clearTimeout(waiting.timer)
    if ('output' in answer) waiting.resolve(answer.output)
    else waiting.reject(failureOf(answer.error))
  }

  #ended(how: string, why: Partial<Pick<ProcessEnded, 'wasKilled' | 'wasLate'>> = {}): void {
    if (this.#end !== undefined) return
    // The first that it says is how much memory it has.
    const message = `the process that runs the model ${how}`
    const facts = { log: this.#log.trim(), hadStarted: this.memory > 0, ...why }
    this.#end = new ProcessEnded(message, facts)
    for (const waiting of this.#waiting.values()) {
      clearTimeout(waiting.timer)
      waiting.reject(new ProcessEnded(message, { ...facts, inCall: waiting.begun }))
    }
    this.#waiting.clear()
  }
}

/** What runs this process instead of a plain Node.js, which alone can run a script as it is. */
function otherRuntime(): string | undefined {
  if (process.versions['electron'] !== undefined) return 'Electron'
  try {
    const sea = createRequire(import.meta.url)('node:sea') as { isSea(): boolean }
    return sea.isSea() ? 'a single executable' : undefined
  } catch {
    // The first versions of Node 20 have no such module.
    return undefined
  }
}

/** Some paths Node refuses at once: below a file, say. @throws EngineError */
function started(scratch: string, options: ForkOptions): ChildProcess {
  try {
    return fork(entry, [scratch], options)
  } catch (error) {
    const message = `the engine on this machine needs a process of its own, run by Node.js 20 or newer: ${(error as Error).message} (${options.execPath}); name one by the option nodePath of embeddedEngine, or in DIARIZE_STREAM_NODE`
    throw new EngineError('ENGINE_UNAVAILABLE', message, { cause: error })
  }
}

/** @throws EngineError where there is none, or none that can be talked to. */
function nodeFor(named: string | undefined): string {
  // What its fork() sends to Node.js, nobody there can read, and the other way round.
  if (process.versions['bun'] !== undefined) {
    const message =
      'the engine on this machine needs a Node.js, and Bun cannot talk to one: run `diarize-stream serve` by Node.js, and give its address as url'
    throw new EngineError('ENGINE_UNAVAILABLE', message)
  }
  if (named !== undefined && process.versions['deno'] !== undefined) {
    const message =
      'Deno runs the engine on this machine itself, and cannot talk to a Node.js: leave out the option nodePath of ' +
      'embeddedEngine, and DIARIZE_STREAM_NODE in the environment'
    throw new EngineError('ENGINE_UNAVAILABLE', message)
  }
  if (named !== undefined) return named
  const other = otherRuntime()
  if (other === undefined) return process.execPath
  throw new EngineError(
    'ENGINE_UNAVAILABLE',
    `the engine needs a Node.js of its own, and this process is run by ${other}: name one by the option nodePath of ` +
      'embeddedEngine, or in DIARIZE_STREAM_NODE',
  )
}

/** Bytes from which on memory goes back to the system when it is freed: the heap would keep the holes of long utterances. */
const largeAllocation = 131_072

/** The environment without what the process has no use for, and with an allocator that keeps its memory level. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, ...rest } = childEnvironment()
  if (process.platform !== 'linux') return rest
  const bytes = String(largeAllocation)
  // glibc raises both limits by itself, up to 32 MB, where they are not set.
  return { ...rest, MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: bytes, MALLOC_TRIM_THRESHOLD_: bytes }
}
