import type { Job, Worker } from 'bullmq'
import { EventEmitter } from 'node:events'
import { hostname } from 'node:os'
import { DiarizeStreamError, isAbortError, type Warning } from '../errors.ts'
import { redact } from '../redact.ts'
import type { Gap, ReconnectingRecord } from '../stream/options.ts'
import { waitAtMost } from '../stream-helpers.ts'
import { isRefusal, SessionAdmissions } from './admission.ts'
import { environmentKey } from '../protocol/endpoint.ts'
import { firstLimit, followLoad } from './concurrency.ts'
import {
  endOfSlice,
  epochOf,
  factsOf,
  type FleetJob,
  type FleetJobFacts,
  type FleetProgress,
  type JobKind,
  jobKinds,
  mayPass,
  nextSlice,
  optionsAfter,
  retryDelay,
  streamMark,
} from './jobs.ts'
import type { ResolvedWorkOptions } from './options.ts'
import { dividePlaces, KeptPlaces } from './places.ts'
import { type JobOutcome, runJob } from './run-job.ts'
import { answered, patiently, type Store } from './store.ts'

/** Events of a {@link FleetWorker}. */
export interface FleetWorkerEvents {
  /** A job was begun, or gone on with. */
  begin: [FleetJobFacts]
  /** A job has come to its end; `stopped` is a slice of a live input, the next of which is queued. */
  done: [FleetJobFacts, JobOutcome]
  /** A job has failed. */
  failed: [FleetJobFacts, Error]
  /** A job was handed back, for another worker to go on with. */
  moved: [FleetJobFacts]
  /** The store took a job for lost, as where this process was blocked or cut off, so another has it: nothing of it is kept here. */
  lost: [FleetJobFacts]
  warning: [Warning]
}

/** What a worker has done since it began. */
export interface FleetCounts {
  /** Jobs, and slices of live inputs, that came to their end. */
  done: number
  /** Attempts that failed. */
  failed: number
  /** Jobs that were handed back, and that were lost to others. */
  moved: number
  lost: number
  /** Words that became final. */
  words: number
  /** Stretches of audio that nobody heard, and their length in ms. */
  gaps: number
  gapMs: number
  /** Sessions that the bucket let in, attempts to open one again, and refusals as one too many. */
  sessions: number
  reconnects: number
  refusals: number
}

/** Why a job is ended before its time; of a live input also that its next slice is queued. */
type Ending = 'handed back' | 'lost' | 'followed'

interface Running {
  job: Job<FleetJob>
  facts: FleetJobFacts
  abort: AbortController
  stop: AbortController
  ending: Ending | undefined
  /** When the lock was last known to be ours, in ms of `performance.now()`. */
  lockedAt: number
  progress: FleetProgress
}

/**
 * What BullMQ calls a lock is over after this part of our lock time; jobs without one are looked for as often as this, in ms or in
 * parts of it, and found the second time. With the second in which a worker asks, a job begins elsewhere within the lock time.
 */
const LOCK_SHARE = 0.8
const STALLED_MS = 2000
const STALLED_SHARE = 0.05
/** A worker asks for jobs at least as often, in s: one that was handed back in Redis wakes nobody. */
const ASK_S = 1
/** Whether places are divided as they should be is looked at as often, in ms; it is done when a job begins or ends, too. */
const PLACES_MS = 1000
/** The same trouble with the store is told as often, in ms. */
const TROUBLE_MS = 60_000
/** Commands of the whole fleet are looked for as often, in ms. */
const COMMANDS_MS = 1000
/** A job counts as lost here after this part of the lock time without a sign of the store, before another may begin it. */
const LOST_SHARE = 0.7
/** Clocks may differ by this part of the lock time: else another might begin a job before it counts as lost here. */
const CLOCK_SHARE = LOCK_SHARE - LOST_SHARE
/** Sessions a minute of a key of which nothing is known: those of a paid account of AssemblyAI. */
const SESSIONS_PER_MINUTE = 100
/** How long jobs may take to end when they are told to, in ms. */
const END_MS = 20_000
/** Longest reason of a failure that is kept, in characters. */
const LONGEST_REASON = 2000

/** Where a worker finds what is new when all, or it by its name, are to be drained. */
function drainMarks(worker: string): string[] {
  return [drainMark(undefined), drainMark(worker)]
}

/** Where to put something new for a worker to be drained, or for all of them. */
export function drainMark(worker: string | undefined): string {
  return worker === undefined ? 'drain' : `drain:${worker}`
}

/** Takes jobs of a fleet and does them, some at a time, until it is drained; `Fleet.work()` makes it. */
export class FleetWorker extends EventEmitter<FleetWorkerEvents> {
  /** Name of the worker, as `status()` shows it. */
  readonly name: string
  /** What it has done so far. */
  readonly counts: Readonly<FleetCounts>
  readonly #counts: FleetCounts = {
    done: 0,
    failed: 0,
    moved: 0,
    lost: 0,
    words: 0,
    gaps: 0,
    gapMs: 0,
    sessions: 0,
    reconnects: 0,
    refusals: 0,
  }
  readonly #store: Store
  readonly #options: ResolvedWorkOptions
  readonly #workers: Readonly<Record<JobKind, Worker<FleetJob>>>
  /** Most jobs at a time, of both kinds. */
  #limit: number
  /** As it was at first: programs that are started later need not have it. */
  readonly #environmentKey = environmentKey()
  readonly #running = new Map<string, Running>()
  readonly #kept = new KeptPlaces()
  readonly #tidy: (() => void)[] = []
  /** The last commands before it began. */
  readonly #known: readonly (string | undefined)[]
  /** What was told of the store of late: BullMQ asks one that is away some hundred times a second. */
  readonly #troubles = new Set<string>()
  readonly #troubled = (error: Error): void => {
    const message = redact(error.message)
    if (this.#troubles.has(message)) return
    this.#troubles.add(message)
    this.emit('warning', { code: 'STORE_TROUBLE', message })
  }
  #hasToldOfEngine = false
  #drained: Promise<void> | undefined
  #wake = (): void => {}
  /** Resolves when it begins to be drained; several may wait. */
  readonly #draining = new Promise<void>((resolve) => (this.#wake = resolve))

  /** @internal */
  static async begin(store: Store, options: ResolvedWorkOptions): Promise<FleetWorker> {
    await answered(store.checkClock(options.lockTime * CLOCK_SHARE))
    const name = options.name ?? `${hostname()}-${process.pid}`
    const known = drainMarks(name).map((mark) => store.read(mark))
    const worker = new FleetWorker(store, options, name, await Promise.all(known))
    try {
      // BullMQ never asks again for a connection that it did not get at first.
      await answered(Promise.all(jobKinds.map((kind) => worker.#workers[kind].waitUntilReady())))
    } catch (error) {
      await worker.drain()
      throw error
    }
    worker.#takeJobs()
    return worker
  }

  private constructor(
    store: Store,
    options: ResolvedWorkOptions,
    name: string,
    known: readonly (string | undefined)[],
  ) {
    super()
    this.#store = store
    this.#options = options
    this.name = name
    this.#known = known
    this.counts = this.#counts
    for (const event of ['done', 'failed', 'moved', 'lost'] as const) this.on(event, () => (this.#counts[event] += 1))
    const { lockTime, maxCrashes, concurrency } = options
    const isLocal = options.apiKey === undefined && this.#environmentKey === undefined
    this.#limit = concurrency === 'auto' ? firstLimit(isLocal) : concurrency
    const open = (kind: JobKind): Worker<FleetJob> => {
      const worker = store.worker(kind, (job, token, signal) => this.#process(job, token, signal), {
        name: this.name,
        concurrency: this.#limit,
        lockDuration: Math.round(lockTime * LOCK_SHARE),
        stalledInterval: Math.min(STALLED_MS, Math.round(lockTime * STALLED_SHARE)),
        maxStalledCount: maxCrashes,
        drainDelay: ASK_S,
        runRetryDelay: 1000,
        settings: { backoffStrategy: retryDelay },
      })
      worker.on('error', this.#troubled)
      worker.on('lockRenewalFailed', (ids: string[]) => ids.forEach((id) => this.#lose(id)))
      worker.on('locksRenewed', ({ jobIds }: { jobIds: string[] }) => this.#renewed(jobIds))
      return worker
    }
    this.#workers = { live: open('live'), recording: open('recording') }
  }

  #takeJobs(): void {
    const { concurrency, lockTime, reportEvery } = this.#options
    for (const kind of jobKinds) this.#workers[kind].run().catch(this.#troubled)
    const setLimit = (limit: number): void => {
      this.#limit = limit
      this.#divide()
    }
    if (concurrency === 'auto') this.#tidy.push(followLoad(this.#limit, () => this.#running.size, setLimit))
    this.#every(PLACES_MS, () => this.#divide())
    this.#every(Math.max(50, lockTime / 20), () => this.#loseForgotten())
    this.#every(TROUBLE_MS, () => this.#troubles.clear())
    this.#every(COMMANDS_MS, () => this.#followCommands())
    this.#every(reportEvery, () => this.#report())
  }

  /** Jobs that are under way. */
  get jobs(): readonly (FleetJobFacts & { progress: FleetProgress })[] {
    return [...this.#running.values()].map(({ facts, progress }) => ({ ...facts, progress }))
  }

  /** Resolves when it is drained, whoever asked for that. */
  async ended(): Promise<void> {
    await this.#draining
    await this.#drained
  }

  /** Takes no more jobs, hands those under way back, for others to go on with, and lets go of the store. */
  drain(): Promise<void> {
    this.#drained ??= this.#drain()
    this.#wake()
    return this.#drained
  }

  /** The same as {@link drain}: `await using worker = await fleet.work()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.drain()
  }

  async #drain(): Promise<void> {
    const each = (act: (worker: Worker<FleetJob>) => Promise<unknown>): Promise<unknown> =>
      Promise.all(jobKinds.map((kind) => act(this.#workers[kind]).catch(this.#troubled)))
    await each((worker) => worker.pause(true))
    for (const running of this.#running.values()) this.#handBack(running)
    // It ends when the jobs have; what hangs is taken over by others when its lock is over.
    await each((worker) => waitAtMost(END_MS, worker.close()))
    for (const undo of this.#tidy) undo()
  }

  /** Jobs that are not about to end. */
  get #lasting(): Running[] {
    return [...this.#running.values()].filter(({ ending }) => ending === undefined)
  }

  #divide(): void {
    const live = this.#lasting.filter(isLive).length + this.#kept.count
    if (this.#drained === undefined) dividePlaces(this.#workers, this.#limit, live)
  }

  /** Hands the recording that was begun last back where there are too many jobs, as where a live input came: it goes on elsewhere. */
  #makeRoom(): void {
    const all = this.#lasting
    const last = all.findLast((running) => !isLive(running))
    if (all.length > this.#limit && last !== undefined) this.#handBack(last)
  }

  #handBack(running: Running): void {
    running.ending ??= 'handed back'
    if (!isLive(running)) {
      running.abort.abort(endedBy('handed back'))
      return
    }
    // The last words of what is live are never heard again.
    running.stop.abort()
    const timer = setTimeout(() => running.abort.abort(endedBy('handed back')), this.#options.drainTime)
    running.abort.signal.addEventListener('abort', () => clearTimeout(timer))
    this.#tidy.push(() => clearTimeout(timer))
  }

  #every(ms: number, act: () => unknown): void {
    let isBusy = false
    const timer = setInterval(() => {
      if (isBusy) return
      isBusy = true
      // What goes wrong with the store is told by its own events.
      void Promise.resolve(act())
        .catch(() => {})
        .finally(() => (isBusy = false))
    }, ms)
    this.#tidy.push(() => clearInterval(timer))
  }

  #renewed(ids: readonly string[]): void {
    const now = performance.now()
    for (const id of ids) {
      const running = this.#running.get(id)
      if (running !== undefined) running.lockedAt = now
    }
  }

  /** The store may take a job for lost without our hearing of it, where this process was blocked or cut off. */
  #loseForgotten(): void {
    const now = performance.now()
    const longest = this.#options.lockTime * LOST_SHARE
    for (const [id, { lockedAt }] of this.#running) if (now - lockedAt > longest) this.#lose(id)
  }

  #lose(id: string): void {
    const running = this.#running.get(id)
    if (running === undefined || running.ending === 'lost') return
    running.ending = 'lost'
    running.abort.abort(endedBy('lost'))
    this.emit('lost', running.facts)
  }

  async #followCommands(): Promise<void> {
    for (const [index, mark] of drainMarks(this.name).entries()) {
      if ((await this.#store.read(mark)) !== this.#known[index]) void this.drain()
    }
  }

  async #report(): Promise<void> {
    const all = [...this.#running.values()]
    await Promise.all(all.map(({ job, progress }) => job.updateProgress({ ...progress }).catch(() => {})))
  }

  async #process(job: Job<FleetJob>, token: string | undefined, signal: AbortSignal | undefined): Promise<unknown> {
    const id = job.id ?? ''
    const running: Running = {
      job,
      facts: { ...factsOf(job), epoch: epochOf(job) },
      abort: new AbortController(),
      stop: new AbortController(),
      ending: undefined,
      lockedAt: performance.now(),
      progress: { doneMs: 0, words: 0, gaps: 0 },
    }
    signal?.addEventListener('abort', () => running.abort.abort(endedBy('handed back')), { once: true })
    this.#running.set(id, running)
    if (isLive(running)) this.#kept.give()
    this.#divide()
    this.emit('begin', running.facts)
    // It was on its way when this worker was told to end.
    if (this.#drained === undefined) this.#makeRoom()
    else this.#handBack(running)
    try {
      const outcome = await this.#run(job, running)
      if (running.ending === 'handed back' && outcome.status === 'stopped') return await this.#move(job, token, running)
      if (outcome.status === 'stopped') await this.#enqueueNext(job, running)
      this.emit('done', running.facts, outcome)
      return { status: outcome.status, files: outcome.files, gaps: outcome.summary?.gaps.length ?? 0 }
    } catch (error) {
      if (error instanceof this.#store.bullmq.WaitingError) throw error
      // Others begin it when its lock is over: one that was away takes a failure for an attempt, and has the job wait ever longer.
      if (running.ending === 'lost') throw new this.#store.bullmq.WaitingError()
      if (running.ending === 'handed back' && isAbortError(error)) return await this.#move(job, token, running)
      throw this.#failed(running, error as Error)
    } finally {
      // It may have been given to this worker anew, where it was lost.
      if (this.#running.get(id) === running) this.#running.delete(id)
      if (isLive(running) && running.ending !== 'followed') this.#kept.add()
      this.#divide()
    }
  }

  async #run(job: Job<FleetJob>, running: Running): Promise<JobOutcome> {
    const { data } = job
    const next = data.slice === undefined ? undefined : nextSlice(job.id ?? '', data)
    // Lost between the two steps of its end.
    const isFollowed = async (id: string): Promise<boolean> => (await this.#store.present([id])).has(id)
    if (next !== undefined && (await patiently(() => isFollowed(next.id), running.abort.signal)))
      return { status: 'done', files: [] }
    const { progress, facts, abort, stop } = running
    const queuedAt = new Date(job.timestamp)
    const end = data.slice === undefined ? undefined : endOfSlice(job.timestamp, data.slice.length)
    const key = this.#keyFor(data)
    const admissions = this.#admissionsOf(data, key)
    const timer = end === undefined ? undefined : setTimeout(() => stop.abort(), end)
    try {
      return await runJob(data, {
        id: facts.id,
        epoch: facts.epoch,
        queuedAt,
        signal: abort.signal,
        stop: stop.signal,
        apiKey: key,
        admission: async (opening) => {
          await admissions.admit(opening)
          this.#counts.sessions += 1
        },
        onBegin: (stages) => this.#follow(stages, running, admissions),
        onProgress: ({ audioMs, doneMs, totalMs }) => {
          progress.doneMs = doneMs
          if (data.slice !== undefined) progress.lagMs = Math.max(0, audioMs - doneMs)
          if (totalMs !== undefined) progress.totalMs = totalMs
        },
        onWords: (count) => {
          progress.words += count
          this.#counts.words += count
        },
      })
    } catch (error) {
      if (isRefusal(error as Error)) this.#refused(admissions)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** The key of the environment goes to AssemblyAI only. */
  #keyFor({ hearing }: FleetJob): ResolvedWorkOptions['apiKey'] {
    return this.#options.apiKey ?? (hearing.url === undefined ? this.#environmentKey : undefined)
  }

  /** The bucket that all workers of the queue share. */
  #admissionsOf({ hearing }: FleetJob, key: unknown): SessionAdmissions {
    const { sessionsPerMinute } = this.#options
    const bucket = { perMinute: sessionsPerMinute ?? SESSIONS_PER_MINUTE, grows: sessionsPerMinute === undefined }
    return new SessionAdmissions(this.#store, hearing.url ?? 'assemblyai', key, bucket)
  }

  #follow(stages: readonly EventEmitter[], { progress, facts }: Running, admissions: SessionAdmissions): void {
    for (const stage of stages) {
      stage.on('reconnecting', ({ error }: ReconnectingRecord) => {
        this.#counts.reconnects += 1
        if (isRefusal(error)) this.#refused(admissions)
      })
      stage.on('warning', ({ code, message }: Warning) => {
        // Which engine hears is the same for all that say nothing of it.
        if (code === 'EMBEDDED_ENGINE' && this.#hasToldOfEngine) return
        this.#hasToldOfEngine ||= code === 'EMBEDDED_ENGINE'
        this.emit('warning', { code, message: `${facts.input}: ${message}`, id: facts.id })
      })
    }
    stages.at(-1)?.on('gap', ({ start, end }: Gap) => {
      progress.gaps += 1
      this.#counts.gaps += 1
      this.#counts.gapMs += end - start
    })
  }

  #refused(admissions: SessionAdmissions): void {
    this.#counts.refusals += 1
    void admissions.refused().catch(() => {})
  }

  /** Hands a job back to the queue. */
  async #move(job: Job<FleetJob>, token: string | undefined, { facts, progress }: Running): Promise<never> {
    await job.updateProgress({ ...progress }).catch(() => {})
    try {
      await job.moveToWait(token)
      this.emit('moved', facts)
    } catch {
      // It is another's when its lock is over, which is not renewed any more.
      this.#lose(facts.id)
    }
    throw new this.#store.bullmq.WaitingError()
  }

  async #enqueueNext(job: Job<FleetJob>, running: Running): Promise<void> {
    const next = nextSlice(job.id ?? '', job.data)
    running.ending ??= 'followed'
    this.#kept.add()
    const opts = { ...optionsAfter(job), jobId: next.id }
    await patiently(async () => {
      await this.#store.queues.live.add('caption', next.data, opts)
      // After the job, so that what the mark names is there at any moment.
      await this.#store.write(streamMark(next.id), next.id)
    }, running.abort.signal)
  }

  /** What is told to the store of a failure: whether another attempt may help, and why it failed. */
  #failed({ facts }: Running, error: Error): Error {
    // The outputs say so sooner than the store does.
    if ((error as { code?: unknown }).code === 'OUTPUT_FENCED') this.emit('lost', facts)
    else this.emit('failed', facts, error)
    const code = error instanceof DiarizeStreamError ? `${error.code}: ` : ''
    const reason = `${code}${redact(error.message)}`.slice(0, LONGEST_REASON)
    if (mayPass(error)) return new Error(reason)
    return new this.#store.bullmq.UnrecoverableError(reason)
  }
}

function isLive({ facts }: Running): boolean {
  return facts.slice !== undefined
}

function endedBy(ending: 'handed back' | 'lost'): Error {
  const why = ending === 'handed back' ? 'the job is handed back' : 'the job is not held any more'
  return Object.assign(new Error(why), { name: 'AbortError' })
}
