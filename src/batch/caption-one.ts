import type { EventEmitter } from 'node:events'
import { existsSync } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import type { CueLayoutOptions, PresetName } from '../captions/layout/options.ts'
import type { SpeakerNames } from '../captions/speakers.ts'
import { errorCode, OutputError } from '../errors.ts'
import type { FfmpegOptions } from '../ffmpeg/arguments.ts'
import type { Progress, RunSummary } from '../pipeline/progress.ts'
import { run, type Stage } from '../run.ts'
import { unwritable } from '../sinks/destination.ts'
import { fanOut } from '../sinks/fan-out.ts'
import { FileLock, withEnding } from '../sinks/file-lock.ts'
import { sinkOf } from '../sinks/formats.ts'
import { makeFolder, syncFile } from '../sinks/replacement.ts'
import type { Sink } from '../sinks/text-sink.ts'
import { fileSource } from '../sources/file.ts'
import { httpSource } from '../sources/http/source.ts'
import { toError } from '../stream-helpers.ts'
import { addressOf } from './inputs.ts'
import type { CaptionJob, CaptionOutput } from './plan.ts'

/** What has become of an input of {@link captionAll}. */
export type CaptionResult = CaptionDone | CaptionSkipped | CaptionStopped | CaptionFailed

/** What is known of an input in any case. */
export interface CaptionResultFacts {
  job: CaptionJob
  /** Files of it that this call has completed. */
  files: string[]
}

/** All of an input was captioned. */
export interface CaptionDone extends CaptionResultFacts {
  status: 'done'
  /** What was done; its `gaps` say what nobody heard. */
  summary: RunSummary
}

/** All outputs of an input were there already. */
export interface CaptionSkipped extends CaptionResultFacts {
  status: 'skipped'
}

/** An input was ended by `stop` before its own end; the next call makes it anew, or goes on with `resume`. */
export interface CaptionStopped extends CaptionResultFacts {
  status: 'stopped'
  /** What was done until then; absent where nothing was. */
  summary?: RunSummary
  /** Files with what was heard until then, which end in `.part`. */
  partFiles: string[]
}

/** An input could not be captioned. */
export interface CaptionFailed extends CaptionResultFacts {
  status: 'failed'
  error: Error
  /** Files with what was heard until then, which end in `.part`. */
  partFiles: string[]
}

export interface OneOptions {
  existing: 'refuse' | 'skip' | 'overwrite'
  resume: boolean
  stages: (job: CaptionJob) => readonly Stage[]
  source: Pick<FfmpegOptions, 'audioTrack' | 'language'>
  speakers?: SpeakerNames | undefined
  layout?: PresetName | Omit<CueLayoutOptions, 'speakers'> | undefined
  onBegin?: ((job: CaptionJob, stages: readonly EventEmitter[]) => unknown) | undefined
  onProgress?: ((job: CaptionJob, progress: Progress) => unknown) | undefined
}

interface Signals {
  signal: AbortSignal
  stop: AbortSignal
}

/** Where an output is until it is complete: nobody takes it for whole, and no output is ever called so. */
function partOf({ path: file }: CaptionOutput): string {
  return withEnding(file, '.part')
}

/** Where the checkpoint of an input is, while these are made. */
function checkpointOf([first]: readonly CaptionOutput[]): string {
  return withEnding(partOf(first!), '.checkpoint')
}

/** Captions one input. Never rejects: what goes wrong is its result. */
export async function captionOne(job: CaptionJob, options: OneOptions, signals: Signals): Promise<CaptionResult> {
  const files: string[] = []
  const partFiles = (): string[] => job.outputs.map(partOf).filter((part) => existsSync(part))
  const locks: FileLock[] = []
  let isCut = false
  try {
    if (job.trouble !== undefined) throw job.trouble
    if ((await wantedOf(job, options)).length === 0) {
      // A run that was killed between the last rename and the release of its locks is never gone through again.
      for (const output of job.outputs) await FileLock.removeLeft(path.resolve(output.path))
      return { status: 'skipped', job, files }
    }
    for (const output of job.outputs) await lock(output, locks)
    // Another process may have made them, up to now.
    const wanted = await wantedOf(job, options)
    if (wanted.length === 0) return { status: 'skipped', job, files }
    // One of another run is of other parts than those that are made now.
    if (!options.resume) await rm(checkpointOf(wanted), { force: true })
    if (signals.stop.aborted) return { status: 'stopped', job, files, partFiles: [] }
    signals.signal.throwIfAborted()
    const source = openSource(job.input, options.source)
    const onStop = (): void => {
      isCut = !source.readableEnded && !source.destroyed
    }
    signals.stop.addEventListener('abort', onStop, { once: true })
    let summary: RunSummary
    try {
      summary = await runJob(job, source, wanted, options, signals)
    } finally {
      signals.stop.removeEventListener('abort', onStop)
    }
    if (isCut) return { status: 'stopped', job, files, summary, partFiles: partFiles() }
    for (const output of wanted) await sync(partOf(output))
    for (const output of wanted) {
      await publish(output, options)
      files.push(output.path)
    }
    // Where it was told to end when it had come to its end, it is there still.
    if (options.resume) await rm(checkpointOf(wanted), { force: true })
    return { status: 'done', job, files, summary }
  } catch (thrown) {
    const error = toError(thrown)
    const hadNothing = isCut && errorCode(error) === 'NO_AUDIO'
    if (hadNothing) return { status: 'stopped', job, files, partFiles: partFiles() }
    return { status: 'failed', job, files, error, partFiles: partFiles() }
  } finally {
    for (const one of locks) await one.release()
  }
}

/** Waits for nothing before `run()` listens: a sink whose file cannot be opened, as any stage, says so at once. */
function runJob(
  job: CaptionJob,
  source: Readable,
  wanted: readonly CaptionOutput[],
  options: OneOptions,
  signals: Signals,
): Promise<RunSummary> {
  const { speakers, layout, onProgress, resume } = options
  const built: unknown[] = [source]
  const sinks: Sink[] = []
  try {
    built.push(...options.stages(job))
    const recording = path.parse(wanted[0]?.path ?? '').name
    for (const output of wanted) sinks.push(sinkOf(output.format, partOf(output), { speakers, layout, recording }))
    built.push(fanOut(...sinks))
    options.onBegin?.(job, built.filter(isEmitter))
  } catch (error) {
    for (const stage of [...built, ...sinks]) (stage as Partial<Readable>).destroy?.()
    throw error
  }
  return run(built as Stage[], {
    ...signals,
    ...(resume && { checkpoint: checkpointOf(wanted) }),
    ...(onProgress !== undefined && { onProgress: (progress: Progress) => onProgress(job, progress) }),
  })
}

function isEmitter(stage: unknown): stage is EventEmitter {
  return typeof (stage as Partial<EventEmitter> | null)?.on === 'function'
}

function openSource(input: string, options: OneOptions['source']): Readable {
  return addressOf(input) === undefined ? fileSource(input, options) : httpSource(input, options)
}

/** The outputs of a job that are to be made. @throws (rejects with) OutputError `OUTPUT_EXISTS` */
export async function wantedOf(
  { outputs }: Pick<CaptionJob, 'outputs'>,
  { existing }: Pick<OneOptions, 'existing'>,
): Promise<readonly CaptionOutput[]> {
  if (existing === 'overwrite') return outputs
  const there = await Promise.all(outputs.map((output) => isThere(output.path)))
  const present = outputs.find((_output, index) => there[index])
  if (existing === 'refuse' && present !== undefined) throw exists(present.path)
  return outputs.filter((_output, index) => there[index] !== true)
}

async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file)
    return true
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return false
    throw unwritable(file, error)
  }
}

export function exists(file: string, more = 0): OutputError {
  const others = more > 0 ? `, and ${more} more` : ''
  const message = `${file} is there already${others}; have such outputs skipped, or have them overwritten`
  return new OutputError('OUTPUT_EXISTS', message, { target: file })
}

/** Keeps other processes of this library from writing an output, or its part, until it is in its place. */
async function lock({ path: file }: CaptionOutput, locks: FileLock[]): Promise<void> {
  try {
    await makeFolder(path.dirname(file))
    const taken = await FileLock.take(path.resolve(file))
    if (taken !== undefined) locks.push(taken)
  } catch (error) {
    throw unwritable(file, error)
  }
}

/** Has what was written on the disk before its name says that it is complete. */
async function sync(file: string): Promise<void> {
  await syncFile(file).catch((error: unknown) => {
    throw unwritable(file, error)
  })
}

async function publish(output: CaptionOutput, { existing }: OneOptions): Promise<void> {
  if (existing !== 'overwrite' && (await isThere(output.path))) throw exists(output.path)
  await rename(partOf(output), output.path).catch((error: unknown) => {
    throw unwritable(output.path, error)
  })
}
