import type { Worker } from 'bullmq'
import type { JobKind } from './jobs.ts'

/** What is used here of a worker of BullMQ, which takes `concurrency` jobs at a time, at least 1. */
export type JobTaker = Pick<Worker, 'concurrency' | 'isPaused' | 'isRunning' | 'pause' | 'resume'>

/**
 * Divides the places of a worker: live inputs can have each of them, and recordings those that are left, so that no live input
 * waits for a recording.
 *
 * @param limit - how many places there are.
 * @param live - how many live inputs have one.
 */
export function dividePlaces(workers: Readonly<Record<JobKind, JobTaker>>, limit: number, live: number): void {
  give(workers.live, limit)
  give(workers.recording, limit - live)
}

function give(worker: JobTaker, places: number): void {
  if (places < 1) {
    void worker.pause(true)
    return
  }
  const hasMore = places > worker.concurrency
  worker.concurrency = places
  // One that was paused may have ended; one that has all it could take looks for more only when one of its jobs ends.
  if (hasMore && !worker.isPaused()) void worker.pause(true)
  if (worker.isPaused() || !worker.isRunning()) void worker.resume()
}

/** So long a place is kept, in ms. */
const KEPT_MS = 3000

/**
 * Places of live inputs that have ended, kept for their next slices, or attempts. Else a recording would be begun in such a place,
 * and handed back when the live input goes on.
 */
export class KeptPlaces {
  /** Until when each is kept, in ms of `performance.now()`. */
  #until: number[] = []

  add(): void {
    this.#until.push(performance.now() + KEPT_MS)
  }

  /** Gives one, if there is any, to a live input that begins. */
  give(): void {
    this.#until.shift()
  }

  get count(): number {
    const now = performance.now()
    this.#until = this.#until.filter((until) => until > now)
    return this.#until.length
  }
}
