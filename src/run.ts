import type { EventEmitter } from 'node:events'
import type { Progress, RunSummary } from './pipeline/progress.ts'
import { cancellable } from './stream-helpers.ts'

export type { Progress, RunSummary, Truncation } from './pipeline/progress.ts'

/** Options of {@link run}. */
export interface RunOptions {
  /** Aborts the whole pipeline: it rejects with an `AbortError` once every stage has closed. */
  signal?: AbortSignal
  /**
   * Ends the source early when it fires: the rest completes as if the input had ended there, so that the last words come
   * and files are whole. Where not one sample had been read yet, that is the error `NO_AUDIO`.
   */
  stop?: AbortSignal
  /**
   * Called while there is progress, four times a second at most and about once for audio that comes live, and once more
   * after success; never while a promise it gave before is pending. What it throws, or rejects with, fails the run.
   */
  onProgress?: (progress: Progress) => unknown
  /**
   * A file that is kept beside the outputs while the run lasts, so that it can go on where it was killed: how far all
   * outputs have come, by what speakers are known, and which input it is. Where the file is there already, the run goes on
   * from it, with the same times, orders of turns and speakers; words that are written are not written again. A live source
   * says by a `gap` what was missed. After success it is deleted; after `stop` it stays. It is readable by its owner alone,
   * as it holds what was said last, and, where `voices` of `diarize()` knows them, voices, which are biometric data.
   *
   * The source must be a file, or one of `httpSource()`, `rtspSource()` and `microphoneSource()`, each sink one of this
   * library that writes to a file, and nothing may stand between `diarize()` and the sink. See `docs/resume.md`.
   * @defaultValue none
   */
  checkpoint?: string
  /**
   * Whether Node prints a line, once in a process, that says which engine runs and how progress can be followed: where
   * standard error is a terminal, and neither `onProgress` nor a listener of `session` tells it anyway.
   * @defaultValue `true`
   */
  notice?: boolean
}

/**
 * A stage as a function, as `pipeline()` of Node takes them: of what comes in, an async generator makes what goes out; an
 * async function at the end takes it all. `signal` fires when the pipeline ends before its time.
 */
export type StageFunction = (
  // oxlint-disable-next-line no-explicit-any -- what comes in is known to the user, not to us
  source: AsyncIterable<any>,
  options: { signal: AbortSignal },
) => AsyncIterable<unknown> | Promise<unknown>

/** A stage of a pipeline: any Node stream, or a function. */
export type Stage = NodeJS.ReadableStream | NodeJS.WritableStream | NodeJS.ReadWriteStream | StageFunction

/** What a pipeline begins with: a stream, anything that can be iterated, or a function that gives such. */
export type Source =
  | NodeJS.ReadableStream
  | AsyncIterable<unknown>
  | Iterable<unknown>
  | (() => AsyncIterable<unknown> | Iterable<unknown>)

/**
 * Runs stages as one pipeline, and settles only when every one of them has closed, whether it succeeded, failed or
 * was aborted: no child process, socket or file of theirs is open any more. A stage that has not closed 10 seconds
 * after the others, or a generator that does not return within one second, is no longer waited for; the outcome stays
 * the same.
 *
 * ```ts
 * await run(fileSource('talk.mp4'), resample(), diarize(), srtSink('talk.srt'), { signal })
 * ```
 *
 * The stages may also be given as an array, with the options after it. Functions stand for stages as in `pipeline()`.
 * Progress and summary are of the stages that are given: those inside of another stream, such as that of Node's `compose()`,
 * cannot be seen, and count for nothing.
 *
 * @param stages - a source, any number of Transforms, and a Writable; then, where needed, the {@link RunOptions}.
 * @returns what was done, and which milliseconds are missing.
 * @throws (rejects with) {@link ConfigurationError} `INVALID_PIPELINE` where the stages do not fit together; else with
 * the error of the stage that failed.
 */
export async function run(
  ...stages: [Source, ...Stage[]] | [Source, ...Stage[], RunOptions | undefined]
): Promise<RunSummary>
export async function run(stages: readonly (Source | Stage)[], options?: RunOptions): Promise<RunSummary>
export async function run(...given: readonly unknown[]): Promise<RunSummary> {
  const stages = held(given)
  const known = stages.flat().filter((stage) => typeof (stage as Partial<EventEmitter> | null)?.on === 'function')
  // What one fails with before the pipeline takes it over, the pipeline tells.
  const wait = (): void => {}
  for (const stage of known as EventEmitter[]) stage.on('error', wait)
  const { runPipeline } = await import('./pipeline/pipeline.ts')
  const outcome = runPipeline(stages)
  for (const stage of known as EventEmitter[]) stage.off('error', wait)
  return outcome
}

/** The stages; where a web stream is the first, it is read from now on: Node cancels the body of a Response that is collected before. */
function held(stages: readonly unknown[]): readonly unknown[] {
  const [first, ...others] = stages
  if (Array.isArray(first) && first[0] instanceof ReadableStream) return [held(first), ...others]
  return first instanceof ReadableStream && !first.locked ? [cancellable(first), ...others] : stages
}
