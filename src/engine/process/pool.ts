import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { RecogniserModel } from '../models/model.ts'
import { waitAtMost } from '../../stream-helpers.ts'
import { CrashingUtterance } from '../parts.ts'
import { Vocabulary } from '../words/hotwords.ts'
import { callFailure, loadFailure } from './failure.ts'
import { ProcessEnded, SherpaProcess } from './process.ts'
import type { SherpaCalls, TokenResult } from './sherpa.ts'

/** Longest time to load a model, in ms; the largest take some seconds. */
const loadLimit = 120_000
/** Longest time for one utterance, in ms. */
const decodeLimit = 120_000
/** An idle process above `bytes`, and twice what it was with the model loaded, is replaced: memory never shrinks. */
export const memoryLimit = { bytes: 700_000_000 }
/** Waits before a process is started again after one has died, in ms, by how many have died since the last success. */
const restartDelays = [0, 250, 1000, 4000]

/** Deaths since the last success after which an utterance is no longer tried, whatever its process died of. */
const maxDeaths = 8

/** A partial that would take longer than this, by what the last decodes took, is left out, in ms: a final may wait for it. */
const partialLimit = 1500
/** What a decode costs beside its audio, as so much audio, in ms. */
const decodeOverhead = 1500

export type Urgency = 'final' | 'partial'

interface Job {
  input: SherpaCalls['decode']['input']
  resolve(result: TokenResult | undefined): void
  reject(error: Error): void
  /** Whether anybody still waits for it. */
  isWanted(): boolean
  isUrgent(): boolean
  hasCrashed: boolean
}

interface Worker {
  process: SherpaProcess
  busy: boolean
  /** Resident memory with the model loaded, in bytes. */
  loaded: number
  streams: number
}

/** The processes, of one thread each, that recognise with one model. What one dies of is tried once more. */
export class RecogniserPool {
  readonly model: RecogniserModel
  readonly maxProcesses: number
  /** Whether it is loaded to listen for hotwords. */
  readonly hotwords: boolean
  readonly #nodePath: string | undefined
  readonly #checked: Promise<void>
  #workers: Worker[] = []
  #starting: Promise<void> | undefined
  #jobs: Job[] = []
  #deaths = 0
  /** Time that the last decode took for each ms of audio. */
  #pace = 0
  #failure: Error | undefined
  #closed = false
  #close!: () => void
  readonly #closing = new Promise<void>((resolve) => (this.#close = resolve))
  #vocabulary: Vocabulary | undefined

  /** @param checked - resolves once the files of the model have been found to be whole. */
  constructor(
    model: RecogniserModel,
    checked: Promise<void>,
    maxProcesses: number | undefined,
    nodePath: string | undefined,
    hotwords = false,
  ) {
    this.model = model
    this.hotwords = hotwords
    this.maxProcesses = maxProcesses ?? availableParallelism()
    this.#checked = checked
    this.#nodePath = nodePath
  }

  /** The vocabulary of the model. Throws where its file cannot be read. */
  get vocabulary(): Vocabulary {
    this.#vocabulary ??= new Vocabulary(readFileSync(this.model.files['tokens']!, 'utf8'))
    return this.#vocabulary
  }

  /** Resolves once a process has loaded the model; rejects with an EngineError where none can. */
  async ready(): Promise<void> {
    if (this.#starting !== undefined || this.#workers.length === 0) await this.#start()
  }

  /**
   * Decodes an utterance; `undefined` for a partial without a free process. Rejects with {@link CrashingUtterance},
   * too.
   */
  decode(
    input: Job['input'],
    urgency: Urgency,
    isWanted = (): boolean => true,
    isUrgent = (): boolean => false,
  ): Promise<TokenResult | undefined> {
    if (this.#closed) return Promise.resolve(undefined)
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const isFree = this.#jobs.length === 0 && this.#workers.some(({ busy, process }) => !busy && !process.ended)
    if (urgency === 'partial' && (!isFree || this.#pace * decodeMs(input) > partialLimit))
      return Promise.resolve(undefined)
    return new Promise((resolve, reject) => {
      this.#jobs.push({ input, resolve, reject, isWanted, isUrgent, hasCrashed: false })
      this.#work()
    })
  }

  /** The process with the fewest streams, for one more; it is to be given back by `release`. */
  async lease(): Promise<{ process: SherpaProcess; release: () => void }> {
    const fewest = (): Worker | undefined => {
      this.#forgetEnded()
      return this.#workers.toSorted((a, b) => a.streams - b.streams)[0]
    }
    await this.#starting
    while (!this.#closed && (fewest()?.streams ?? 1) > 0 && this.#workers.length < this.maxProcesses)
      await this.#start()
    const worker = fewest()
    if (worker === undefined) throw callFailure(new Error('it has no process'))
    worker.streams++
    let isReleased = false
    return {
      process: worker.process,
      release: () => {
        if (!isReleased) worker.streams--
        isReleased = true
      },
    }
  }

  /** Ends all processes; what is being decoded comes to nothing. */
  async close(): Promise<void> {
    this.#closed = true
    this.#close()
    for (const job of this.#jobs.splice(0)) job.resolve(undefined)
    await Promise.all(this.#workers.splice(0).map(({ process }) => process.close()))
    // One that was about to start finds out that it is no longer wanted.
    await this.#starting?.catch(() => {})
  }

  /** Gives waiting utterances to free processes, and starts another where several wait. */
  #work(): void {
    this.#forgetEnded()
    const unwanted = this.#jobs.filter((job) => !job.isWanted())
    for (const job of unwanted) job.resolve(undefined)
    this.#jobs = this.#jobs.filter((job) => !unwanted.includes(job))
    for (const worker of this.#workers) {
      if (this.#jobs.length === 0) return
      if (worker.busy) continue
      const urgent = this.#jobs.findIndex((job) => job.isUrgent())
      void this.#run(worker, this.#jobs.splice(Math.max(urgent, 0), 1)[0]!)
    }
    const wanted = this.#workers.length === 0 ? 1 : 2
    if (this.#jobs.length >= wanted && this.#workers.length < this.maxProcesses) this.#start().catch(() => {})
  }

  /** One that died while it had nothing to do, or only streams, died of no utterance. */
  #forgetEnded(): void {
    this.#workers = this.#workers.filter(({ busy, process }) => busy || !process.ended)
  }

  async #run(worker: Worker, job: Job): Promise<void> {
    worker.busy = true
    const startedAt = performance.now()
    try {
      job.resolve(await worker.process.call('decode', job.input, decodeLimit))
      this.#pace = (performance.now() - startedAt) / decodeMs(job.input)
      this.#deaths = 0
    } catch (error) {
      if (this.#closed) job.resolve(undefined)
      else if (!(error instanceof ProcessEnded)) job.reject(callFailure(error))
      else if (job.hasCrashed && error.inCall) job.reject(new CrashingUtterance(error.message, { cause: error }))
      else if (this.#deaths >= maxDeaths) job.reject(callFailure(error))
      else this.#jobs.unshift({ ...job, hasCrashed: job.hasCrashed || error.inCall })
    }
    worker.busy = false
    const { process } = worker
    if (process.ended) this.#deaths++
    const isLarge = process.memory > Math.max(memoryLimit.bytes, 2 * worker.loaded)
    if (process.ended || (isLarge && worker.streams === 0)) {
      this.#workers = this.#workers.filter((other) => other !== worker)
      await process.close()
    }
    if (!this.#closed) this.#work()
  }

  /** Starts one more process; one at a time. Where none is left, everything that waits for one fails with it. */
  #start(): Promise<void> {
    this.#starting ??= this.#startNow().then(
      () => {
        this.#starting = undefined
        this.#failure = undefined
        if (!this.#closed) this.#work()
      },
      (error: Error) => {
        this.#starting = undefined
        if (this.#workers.length === 0) {
          this.#failure = error
          for (const job of this.#jobs.splice(0)) job.reject(error)
        }
        throw error
      },
    )
    return this.#starting
  }

  /** What is killed from outside while it loads is started once more. */
  async #startNow(isRetry = false): Promise<void> {
    await Promise.race([this.#checked, this.#closing])
    const wait = restartDelays[Math.min(this.#deaths, restartDelays.length - 1)]!
    if (wait > 0) await waitAtMost(wait, this.#closing)
    if (this.#closed) return
    const process = new SherpaProcess(this.#nodePath)
    const worker: Worker = { process, busy: true, loaded: 0, streams: 0 }
    this.#workers.push(worker)
    try {
      await process.call('loadRecogniser', { model: this.model, hotwords: this.hotwords }, loadLimit)
      worker.busy = false
      worker.loaded = process.memory
    } catch (error) {
      this.#workers = this.#workers.filter((other) => other !== worker)
      await process.close()
      if (!isRetry && error instanceof ProcessEnded && error.wasKilled) return await this.#startNow(true)
      throw loadFailure(error, this.model)
    }
  }
}

function decodeMs({ samples }: Job['input']): number {
  return samples.length / 16 + decodeOverhead
}
