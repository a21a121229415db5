/** One piece of work; the next starts when it has settled. */
type Job = () => Promise<void> | void

/** Least weight of a job in ms, so that commands and empty messages are bounded too. */
const LEAST_WEIGHT = 20

/** What a {@link WorkQueue} reports. */
export interface WorkQueueListener {
  /** More than the limit is waiting: take no more in. */
  full(): void
  /** Half of the limit or less is waiting again. */
  drained(): void
  /** A job threw or rejected; the queue has stopped. */
  failed(error: unknown): void
}

/**
 * Does what a client asked for, in order and one after another: the engine takes audio at its own speed, and commands
 * between two pieces of audio stay between them. Each job has a weight in ms of audio; what waits is bounded by the
 * caller, who is told when it is too much.
 */
export class WorkQueue {
  readonly #limitMs: number
  readonly #listener: WorkQueueListener
  #jobs: { weight: number; job: Job }[] = []
  #waitingMs = 0
  #full = false
  #state: 'gathering' | 'idle' | 'working' | 'stopped' = 'gathering'

  /** @param limitMs - milliseconds of audio that may wait before `full` is reported. */
  constructor(limitMs: number, listener: WorkQueueListener) {
    this.#limitMs = limitMs
    this.#listener = listener
  }

  /** Milliseconds of audio that wait, with the piece in work. */
  get waitingMs(): number {
    return this.#waitingMs
  }

  /** Adds a job worth `weightMs` milliseconds of audio; 0 for a command. */
  push(weightMs: number, job: Job): void {
    if (this.#state === 'stopped') return
    const weight = Math.max(weightMs, LEAST_WEIGHT)
    this.#jobs.push({ weight, job })
    this.#waitingMs += weight
    if (!this.#full && this.#waitingMs > this.#limitMs) {
      this.#full = true
      this.#listener.full()
    }
    this.#wake()
  }

  /** Starts working; before it, jobs only gather. */
  start(): void {
    if (this.#state !== 'gathering') return
    this.#state = 'idle'
    this.#wake()
  }

  /** Forgets everything that waits; the job in work ends, and its failure is no longer reported. */
  stop(): void {
    this.#state = 'stopped'
    this.#jobs = []
  }

  #wake(): void {
    if (this.#state !== 'idle' || this.#jobs.length === 0) return
    this.#state = 'working'
    void this.#work()
  }

  async #work(): Promise<void> {
    try {
      await this.#workOff()
    } catch (error) {
      if (this.#isStopped()) return
      this.stop()
      this.#listener.failed(error)
      return
    }
    if (this.#isStopped()) return
    this.#state = 'idle'
    this.#wake()
  }

  #isStopped(): boolean {
    return this.#state === 'stopped'
  }

  async #workOff(): Promise<void> {
    for (let next = this.#jobs.shift(); next !== undefined; next = this.#jobs.shift()) {
      await next.job()
      this.#waitingMs -= next.weight
      if (this.#full && this.#waitingMs <= this.#limitMs / 2) {
        this.#full = false
        if (!this.#isStopped()) this.#listener.drained()
      }
      // An engine that computes in this thread would otherwise keep sockets and timers waiting.
      await new Promise<void>((resolve) => {
        setImmediate(resolve)
      })
    }
  }
}
