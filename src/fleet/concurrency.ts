import { availableParallelism, cpus } from 'node:os'
import { performance } from 'node:perf_hooks'

/** What a worker knows of the load when it decides how many jobs it takes. */
export interface Load {
  /** Most jobs at a time, as it was decided last. */
  limit: number
  /** Jobs that are under way. */
  active: number
  /** Share of the time of all processors of the machine that is used, whoever uses it, 0 to 1. */
  processors: number
  /** The same of the one thread that all jobs share: it renews their locks. */
  thread: number
}

/** Below these there is room for more, above them there is too much. */
const ROOM = { processors: 0.7, thread: 0.5 }
const MUCH = { processors: 0.92, thread: 0.8 }
const GROWTH = 0.25
const MOST = 100
const LOOK_MS = 5000

/** How many jobs there may be from now on. Those under way are never ended; there are fewer as they end. */
export function nextLimit({ limit, active, processors, thread }: Load): number {
  if (processors > MUCH.processors || thread > MUCH.thread) return Math.max(1, Math.min(limit, active) - 1)
  if (active < limit || processors > ROOM.processors || thread > ROOM.thread) return limit
  return Math.min(MOST, limit + Math.max(1, Math.floor(limit * GROWTH)))
}

/** How many there are at first: engines on this machine use two processors or more each. */
export function firstLimit(isLocal: boolean, processors = availableParallelism()): number {
  return Math.max(1, isLocal ? Math.floor(processors / 2) : processors)
}

/** Measures the load of this machine, and calls `set` with a new limit where there is one. */
export function followLoad(first: number, active: () => number, set: (limit: number) => void): () => void {
  let limit = first
  let before = times()
  let thread = performance.eventLoopUtilization()
  const timer = setInterval(() => {
    const now = times()
    const total = now.total - before.total
    const processors = total === 0 ? 0 : 1 - (now.idle - before.idle) / total
    const next = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(next, thread)
    ;[before, thread] = [now, next]
    const wanted = nextLimit({ limit, active: active(), processors, thread: utilization })
    if (wanted === limit) return
    limit = wanted
    set(limit)
  }, LOOK_MS).unref()
  return () => clearInterval(timer)
}

function times(): { idle: number; total: number } {
  let [idle, total] = [0, 0]
  for (const { times: each } of cpus()) {
    idle += each.idle
    total += each.user + each.nice + each.sys + each.idle + each.irq
  }
  return { idle, total }
}
