import type { Job, JobType } from 'bullmq'
import { randomUUID } from 'node:crypto'
import type { CaptionInput } from '../batch/inputs.ts'
import type { Warning } from '../errors.ts'
import { defined, refusedOption } from '../options.ts'
import {
  factsOf,
  type FleetJob,
  type FleetProgress,
  jobKinds,
  kindOf,
  optionsAfter,
  planFleetJobs,
  queuedAfter,
  type QueuedJob,
  streamMark,
  streamOf,
} from './jobs.ts'
import {
  checkAddOptions,
  type FleetAddOptions,
  type FleetOptions,
  type FleetWorkOptions,
  resolveFleetOptions,
  resolveWorkOptions,
} from './options.ts'
import { serveMetrics } from './metrics.ts'
import { openStore, type Store } from './store.ts'
import { drainMark, FleetWorker } from './worker.ts'

/** What {@link Fleet.add} has done. */
export interface FleetAdded {
  /** Ids of the jobs, in the order of the inputs. */
  ids: string[]
  /** How many of them were added; the others had been there, with the same input and options, whatever became of them. */
  added: number
}

/** A job that is under way. */
export interface FleetActiveJob {
  id: string
  /** A path, or an address without credentials. */
  input: string
  labels: Readonly<Record<string, string>>
  /** Number of the slice of a live input. */
  slice?: number
  /** Worker that has it. */
  worker?: string
  /** Since when, ISO 8601. */
  since?: string
  /** How often its worker was lost. */
  crashes: number
  progress?: FleetProgress
}

/** A job that has failed. */
export interface FleetFailedJob {
  id: string
  /** A path, or an address without credentials. */
  input: string
  labels: Readonly<Record<string, string>>
  /** Code and message of what went wrong. */
  reason: string
  /** When, ISO 8601. */
  failedAt?: string
  attempts: number
}

/** How a fleet is doing. */
export interface FleetStatus {
  store: 'redis' | 'postgres'
  queue: string
  /** Jobs by what has become of them; `delayed` ones are tried again later. */
  counts: { waiting: number; active: number; delayed: number; completed: number; failed: number }
  /** Those under way, at most 200. */
  active: FleetActiveJob[]
  /** Those that failed last, at most 20. */
  failed: FleetFailedJob[]
}

/** Jobs that are put into the store at a time. */
const BATCH = 100
const MOST_ACTIVE = 200
const MOST_FAILED = 20
/** Completed jobs are remembered for a week, in s: so long the same is not done again. */
const REMEMBERED_S = 604_800
/** A live input is tried again and again: it may be off at night. */
const LIVE_ATTEMPTS = 1_000_000
const ATTEMPTS = 5
/** Failed jobs that are listed at a time. */
const LISTED = 100

/**
 * Opens a fleet: many machines that caption many inputs, by a queue in Redis or PostgreSQL. It needs the package `bullmq`, and
 * `ioredis` or `pg`.
 *
 * ```ts
 * await using fleet = await openFleet({ store: 'redis://localhost' })
 * await fleet.add(['videos/'], { output: '/mnt/captions/{folder}/{name}.{format}', formats: ['srt', 'jsonl'] })
 * const worker = await fleet.work()
 * ```
 *
 * @throws (rejects with) {@link ConfigurationError} `INVALID_OPTION`, also where a package is missing; {@link FleetError}
 * `STORE_UNREACHABLE`
 */
export async function openFleet(options: FleetOptions): Promise<Fleet> {
  const resolved = resolveFleetOptions(options)
  return new Fleet(await openStore(resolved), resolved.queue)
}

/** A queue of inputs that many processes caption; {@link openFleet} makes it. */
export class Fleet {
  readonly #store: Store
  readonly #queue: string
  readonly #workers = new Set<FleetWorker>()

  /** @internal */
  constructor(store: Store, queue: string) {
    this.#store = store
    this.#queue = queue
  }

  /** What keeps the store from being relied on, such as a Redis that may throw jobs away. */
  warnings(): Promise<Warning[]> {
    return this.#asked(() => this.#store.troubles())
  }

  /**
   * Adds a job for each input: files, folders, lists and addresses, as {@link captionAll} takes them, and those of cameras. What
   * was added before with the same options is not added again, but recordings that are done where `existing` is `'overwrite'`.
   *
   * @throws (rejects with) {@link ConfigurationError} `INVALID_OPTION`; {@link InputError} where a list cannot be read, or there
   * is no input
   */
  async add(inputs: readonly CaptionInput[], options: FleetAddOptions = {}): Promise<FleetAdded> {
    if (!Array.isArray(inputs) || inputs.length === 0) {
      throw refusedOption('inputs', 'add() needs an array with at least one input')
    }
    checkAddOptions(options)
    const ids: string[] = []
    let added = 0
    let some: QueuedJob[] = []
    const flush = async (): Promise<void> => {
      added += await this.#asked(() => this.#addSome(some, options))
      some = []
    }
    for (const job of await planFleetJobs(inputs, options)) {
      ids.push(job.id)
      if (some.push(job) === BATCH) await flush()
    }
    if (some.length > 0) await flush()
    return { ids, added }
  }

  /** Asks the store, whose errors are told as those of a store. */
  async #asked<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    try {
      return await ask()
    } catch (error) {
      throw this.#store.failure(error)
    }
  }

  async #addSome(jobs: readonly QueuedJob[], { attempts }: FleetAddOptions): Promise<number> {
    const present = await this.#presentOf(jobs)
    const again = await this.#forgetFinished(jobs.filter(({ id, data }) => present.has(id) && isMadeAgain(data)))
    const fresh = jobs.filter(({ id }) => !present.has(id) || again.has(id))
    const made = fresh.map(({ id, priority, data }) => ({
      name: 'caption',
      data,
      opts: {
        jobId: id,
        ...(again.has(id) && { timestamp: again.get(id)! }),
        priority,
        attempts: attempts ?? (data.slice === undefined ? ATTEMPTS : LIVE_ATTEMPTS),
        backoff: { type: 'fleet' },
        removeOnComplete: { age: REMEMBERED_S },
        stackTraceLimit: 1,
      },
    }))
    for (const kind of jobKinds) {
      const some = made.filter(({ data }) => kindOf(data) === kind)
      if (some.length > 0) await this.#store.enqueue(kind, some)
    }
    return fresh.length
  }

  /** Those of which there is the job, or a later one of the same stream. */
  async #presentOf(jobs: readonly QueuedJob[]): Promise<Set<string>> {
    const present = await this.#store.present(jobs.map(({ id }) => id))
    // BullMQ forgets slices that are done, while their stream goes on.
    const forgotten = jobs.filter(({ id, data }) => kindOf(data) === 'live' && !present.has(id))
    const last = await Promise.all(forgotten.map(({ id }) => this.#store.read(streamMark(id))))
    const later = await this.#store.present(last.filter((id) => id !== undefined))
    return new Set([...present, ...[...later].map(streamOf)])
  }

  /** Removes jobs that have come to their end. @returns which, and from when on each may be queued again. */
  async #forgetFinished(jobs: readonly QueuedJob[]): Promise<Map<string, number>> {
    const forgotten = new Map<string, number>()
    for (const { id } of jobs) {
      const job = (await this.#store.queues.recording.getJob(id)) as Job<FleetJob> | undefined
      if (job === undefined || !((await job.isCompleted()) || (await job.isFailed()))) continue
      await job.remove()
      forgotten.set(id, queuedAfter(job))
    }
    return forgotten
  }

  /**
   * Begins to do the jobs of the queue, until the worker is drained.
   *
   * @throws (rejects with) {@link ConfigurationError} `INVALID_OPTION`; {@link FleetError} `STORE_UNREACHABLE`
   */
  async work(options: FleetWorkOptions = {}): Promise<FleetWorker> {
    const resolved = resolveWorkOptions(options)
    const worker = await this.#asked(() => FleetWorker.begin(this.#store, resolved))
    this.#workers.add(worker)
    void worker.ended().then(() => this.#workers.delete(worker))
    if (options.metrics === undefined) return worker
    try {
      const metrics = await serveMetrics(worker, options.metrics, () => this.#counts())
      void worker.ended().then(() => metrics.close())
      return worker
    } catch (error) {
      await worker.drain()
      throw error
    }
  }

  /** How the fleet is doing. */
  async status(): Promise<FleetStatus> {
    const [counts, active, failed] = await this.#asked(() =>
      Promise.all([this.#counts(), this.#jobs('active', MOST_ACTIVE), this.#jobs('failed', MOST_FAILED)]),
    )
    return {
      store: this.#store.kind,
      queue: this.#queue,
      counts,
      active: active.map(activeJob),
      failed: failed.map(failedJob),
    }
  }

  /** Jobs in a state, those of live inputs first, at most `most`. */
  async #jobs(state: JobType, most: number): Promise<Job<FleetJob>[]> {
    const lists = await Promise.all(jobKinds.map((kind) => this.#store.queues[kind].getJobs(state, 0, most - 1)))
    return lists.flat().filter(isThere).slice(0, most)
  }

  async #counts(): Promise<FleetStatus['counts']> {
    const kinds: JobType[] = ['wait', 'prioritized', 'active', 'delayed', 'completed', 'failed']
    const each = await Promise.all(jobKinds.map((kind) => this.#store.queues[kind].getJobCounts(...kinds)))
    const sum = (...states: JobType[]): number =>
      each.reduce((total, counts) => states.reduce((part, state) => part + (counts[state] ?? 0), total), 0)
    return {
      waiting: sum('wait', 'prioritized'),
      active: sum('active'),
      delayed: sum('delayed'),
      completed: sum('completed'),
      failed: sum('failed'),
    }
  }

  /**
   * Puts failed jobs back into the queue, as if they had never been tried; they go on from their checkpoints.
   *
   * @param ids - which; all where none is given.
   * @returns how many.
   */
  retry(ids?: readonly string[]): Promise<number> {
    return this.#asked(() => this.#retrySome(ids))
  }

  async #retrySome(ids: readonly string[] | undefined): Promise<number> {
    let count = 0
    for (const id of ids ?? (await this.#failedIds())) {
      for (const kind of jobKinds) {
        const job = (await this.#store.queues[kind].getJob(id)) as Job<FleetJob> | undefined
        if (job !== undefined && (await job.isFailed())) count += await this.#retryOne(job)
      }
    }
    return count
  }

  /** All of them before one is put back: it may have failed again before the others are. */
  async #failedIds(): Promise<Set<string>> {
    const ids = new Set<string>()
    for (const kind of jobKinds) {
      for (let from = 0; ; from += LISTED) {
        const some = await this.#store.queues[kind].getJobs('failed', from, from + LISTED - 1)
        for (const job of some.filter(isThere)) ids.add(job.id ?? '')
        if (some.length < LISTED) break
      }
    }
    return ids
  }

  /** The store counts crashes for ever, so a job that had too many of them is made anew. */
  async #retryOne(job: Job<FleetJob>): Promise<number> {
    if (job.stalledCounter === 0) {
      await job.retry('failed', { resetAttemptsMade: true })
      return 1
    }
    const { id = '', name, data } = job
    const { delay: _delay, ...opts } = optionsAfter(job)
    await job.remove()
    await this.#store.queues[kindOf(data)].add(name, data, { ...opts, jobId: id })
    return 1
  }

  /**
   * Has workers drained: they take no more jobs, hand theirs back, and end.
   *
   * @param worker - name of the one that is to be drained; all where none is given. Those that begin later are not concerned.
   */
  async drain(worker?: string): Promise<void> {
    await this.#asked(() => this.#store.write(drainMark(worker), randomUUID()))
  }

  /** Drains the workers of this object, and lets go of the store. */
  async close(): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.drain()))
    await this.#store.close()
  }

  /** The same as {@link close}: `await using fleet = await openFleet(options)`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Whether an input that is done is to be done once more; what is live is not done while it goes on. */
function isMadeAgain(data: FleetJob): boolean {
  return data.existing === 'overwrite' && kindOf(data) === 'recording'
}

/** A job may have been removed since it was listed. */
function isThere(job: Job | undefined): job is Job<FleetJob> {
  return job !== undefined
}

function activeJob(job: Job<FleetJob>): FleetActiveJob {
  const { processedBy, processedOn, progress, stalledCounter } = job
  return {
    ...factsOf(job),
    ...defined({ worker: processedBy }),
    ...(processedOn !== undefined && { since: new Date(processedOn).toISOString() }),
    crashes: stalledCounter,
    ...(typeof progress === 'object' && { progress: progress as FleetProgress }),
  }
}

function failedJob(job: Job<FleetJob>): FleetFailedJob {
  const { failedReason, finishedOn, attemptsMade } = job
  return {
    ...factsOf(job),
    reason: failedReason,
    ...(finishedOn !== undefined && { failedAt: new Date(finishedOn).toISOString() }),
    attempts: attemptsMade,
  }
}
