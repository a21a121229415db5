import { setMaxListeners } from 'node:events'
import { errorCode } from '../errors.ts'
import { diarize } from '../transforms/diarize.ts'
import { resample } from '../transforms/resample.ts'
import type { CaptionAllOptions } from './caption-all.ts'
import { captionOne, type CaptionResult, exists, type OneOptions, wantedOf } from './caption-one.ts'
import { type CaptionInput, findInputs } from './inputs.ts'
import { type CaptionJob, planJobs } from './plan.ts'
import { follow, throwIfAborted } from '../stream-helpers.ts'

/** The work of `captionAll()`, for inputs and options that have been checked. */
export async function* captionEach(
  inputs: readonly CaptionInput[],
  options: CaptionAllOptions = {},
): AsyncGenerator<CaptionResult, void, undefined> {
  const { signal, stop, jobs: most = 1, continueOnError = false } = options
  const settings: OneOptions = {
    ...options,
    existing: options.existing ?? 'refuse',
    resume: options.resume ?? false,
    stages: options.stages ?? (() => [resample(), diarize()]),
    source: options.source ?? {},
  }
  throwIfAborted(signal)
  const jobs = await plan(inputs, options, settings)
  options.onPlan?.(jobs)
  // Signals of the user get one listener each, however many inputs there are.
  const abort = new AbortController()
  const end = new AbortController()
  // Each input has some on these, and Node would warn of the eleventh.
  setMaxListeners(0, abort.signal, end.signal)
  const forget = [follow(signal, abort), follow(stop, end)]
  const underWay = new Set<Promise<void>>()
  const finished: CaptionResult[] = []
  let wake = (): void => {}
  let next = 0
  let mayBegin = true
  const begin = (job: CaptionJob): void => {
    const work = captionOne(job, settings, { signal: abort.signal, stop: end.signal }).then((result) => {
      underWay.delete(work)
      finished.push(result)
      wake()
    })
    underWay.add(work)
  }
  try {
    for (;;) {
      while (mayBegin && !end.signal.aborted && underWay.size + finished.length < most) {
        const job = jobs[next++]
        if (job === undefined) break
        begin(job)
      }
      if (finished.length === 0 && underWay.size > 0) await new Promise<void>((resolve) => (wake = resolve))
      if (abort.signal.aborted) break
      const [result] = finished
      if (result === undefined) break
      if (result.status === 'failed' && (!continueOnError || concernsAll(result.error))) mayBegin = false
      // Its place is free only when it was taken.
      yield result
      finished.shift()
    }
  } finally {
    abort.abort()
    await Promise.all(underWay)
    for (const undo of forget) undo()
  }
  throwIfAborted(signal)
}

/** Inputs whose outputs are looked for at the same time. */
const LOOKED_FOR = 64

async function plan(
  inputs: readonly CaptionInput[],
  { outputDir, formats = ['srt'], signal }: CaptionAllOptions,
  settings: OneOptions,
): Promise<CaptionJob[]> {
  const isCaseSensitive = process.platform !== 'win32' && process.platform !== 'darwin'
  const jobs = planJobs(await findInputs(inputs), { outputDir, formats, isCaseSensitive })
  if (settings.existing === 'overwrite') return jobs
  const present: string[] = []
  for (let at = 0; at < jobs.length; at += LOOKED_FOR) {
    throwIfAborted(signal)
    const some = jobs.slice(at, at + LOOKED_FOR)
    const wanted = await Promise.all(some.map((job) => wantedOf(job, { existing: 'skip' }).catch(() => job.outputs)))
    for (const [index, job] of some.entries()) {
      const missing = wanted[index] ?? []
      job.isDone = missing.length === 0
      present.push(...job.outputs.filter((output) => !missing.includes(output)).map((output) => output.path))
    }
  }
  const [first] = present
  if (settings.existing === 'refuse' && first !== undefined) throw exists(first, present.length - 1)
  return jobs
}

/** What each input would fail with, and which may cost money or a ban each time. */
const COMMON = new Set([
  'INVALID_OPTION',
  'INVALID_REQUEST',
  'MISSING_API_KEY',
  'UNAUTHORIZED',
  'FFMPEG_NOT_FOUND',
  'MODEL_MISSING',
  'MODEL_UNUSABLE',
  'ENGINE_UNAVAILABLE',
  'INVALID_PIPELINE',
])

/** Whether the inputs to come would fail in the same way. */
function concernsAll(error: Error): boolean {
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  return COMMON.has(String(code)) || ['ENOSPC', 'EDQUOT', 'EROFS'].includes(String(errorCode(cause)))
}
