import type { EventEmitter } from 'node:events'
import path from 'node:path'
import { type Readable, Writable } from 'node:stream'
import { addressOf } from '../batch/inputs.ts'
import { checkpointCopy, keepsNothing } from '../checkpoint/stages.ts'
import { isS3Address, s3Destination, s3Store } from '../destinations/s3.ts'
import type { Turn } from '../model.ts'
import { defined } from '../options.ts'
import type { Progress, RunSummary } from '../pipeline/progress.ts'
import { run, type Stage } from '../run.ts'
import type { SessionAdmission } from '../stream/options.ts'
import type { SinkTarget } from '../sinks/destination.ts'
import { fanOut } from '../sinks/fan-out.ts'
import { sinkOf } from '../sinks/formats.ts'
import type { Sink } from '../sinks/text-sink.ts'
import { fileSource } from '../sources/file.ts'
import { httpSource } from '../sources/http/source.ts'
import { diarize } from '../transforms/diarize.ts'
import type { DiarizeOptions } from '../transforms/diarize-options.ts'
import { resample } from '../transforms/resample.ts'
import { type FleetJob, type FleetOutput, isSliced, namedOutputs, streamOf } from './jobs.ts'
import type { JobOutputs, ObjectPlaces, OutputsTakeOver } from './job-outputs.ts'
import { areThere, LocalOutputs } from './local-outputs.ts'
import { hearingOptions } from './options.ts'

/** How a job is run. */
export interface JobRun {
  id: string
  /** Of all who were ever given the job, or one before it of the same stream, the highest. */
  epoch: number
  /** When the job was queued, which for a slice is about when it began. */
  queuedAt: Date
  /** Ends it on the spot; the checkpoint says where another goes on. */
  signal: AbortSignal
  /** Ends a live input where it is: the last words come, and another goes on from there. */
  stop: AbortSignal
  apiKey: DiarizeOptions['apiKey'] | undefined
  /** Is asked before each session. */
  admission: SessionAdmission
  onBegin: (stages: readonly EventEmitter[]) => void
  onProgress: (progress: Progress) => void
  /** Words of a final turn that was not revised. */
  onWords: (count: number, endMs: number) => void
}

/** What has become of a job. */
export interface JobOutcome {
  /** `stopped` is a live input that goes on in another job. */
  status: 'done' | 'skipped' | 'stopped'
  /** The files that it made; none where the same files go on in another job, or nothing was heard. */
  files: string[]
  summary?: RunSummary
}

/**
 * Hears an input, goes on where another worker stopped, and makes its files.
 *
 * @throws (rejects with) what `run()` does; OutputError `OUTPUT_FENCED` where another has been given the job since
 */
export async function runJob(job: FleetJob, context: JobRun): Promise<JobOutcome> {
  const { id, epoch, signal, stop } = context
  const outputs = namedOutputs(job, context.queuedAt)
  const isLive = job.slice !== undefined
  if (!isLive && job.existing === 'skip' && (await areComplete(outputs, signal)))
    return { status: 'skipped', files: [] }
  const hasOwnFiles = isLive && isSliced(job.outputs)
  const place = await takeOver({
    stream: streamOf(id),
    epoch,
    outputs,
    // What others made, or a stream before of which the queue knows nothing any more, cannot be heard again.
    ...(isLive &&
      job.existing === 'skip' && { otherNames: (attempt: number) => namedOutputs(job, context.queuedAt, attempt) }),
    directory: directoryOf(job.outputs),
    part: hasOwnFiles ? String(job.slice?.number) : 'all',
    isRecording: !isLive,
    makeSink: (output, target) => sinkFor(job, output, target),
    signal,
  })
  try {
    if (place.isDone) {
      // It was lost between its end and the word of it.
      if (!isLive) await place.remove()
      return { status: isLive ? 'stopped' : 'done', files: await filesOf(place, isLive, signal) }
    }
    const summary = await hearFurther(job, context, place).catch(async (error: Error) => {
      throw (signal.aborted ? undefined : await place.takenOver?.()) ?? error
    })
    signal.throwIfAborted()
    const goesOn = isLive && stop.aborted
    // Where nothing was heard any more, there is what others heard before.
    const isWhole = !goesOn || hasOwnFiles
    if (isWhole) await place.publish()
    if (!goesOn) await place.remove()
    const files = isWhole ? await filesOf(place, summary === undefined, signal) : []
    return { status: goesOn ? 'stopped' : 'done', files, ...defined({ summary }) }
  } finally {
    await place.close()
  }
}

/** The files that were given their names; a slice of which nobody heard anything, as while a station is off, has none. */
async function filesOf({ outputs }: JobOutputs, mayBeNone: boolean, signal: AbortSignal): Promise<string[]> {
  return mayBeNone && !(await areComplete(outputs, signal)) ? [] : outputs.map((output) => output.path)
}

const s3: ObjectPlaces = {
  storeAt: (address) => s3Store(address),
  destinationAt: (address, epoch) => s3Destination(address, epoch === undefined ? {} : { epoch }),
}

function areRemote([first]: readonly FleetOutput[]): boolean {
  return first !== undefined && isS3Address(first.path)
}

async function takeOver(given: OutputsTakeOver): Promise<JobOutputs> {
  if (!areRemote(given.outputs)) return LocalOutputs.takeOver(given)
  const { RemoteOutputs } = await import('./remote-outputs.ts')
  return RemoteOutputs.takeOver(given, s3)
}

async function areComplete(outputs: readonly FleetOutput[], signal: AbortSignal): Promise<boolean> {
  if (!areRemote(outputs)) return areThere(outputs)
  const { areComplete: areAll } = await import('./remote-outputs.ts')
  return areAll(outputs, signal, s3)
}

/** Hears it from where another stopped; `undefined` where it was ended before there was any audio. */
async function hearFurther(job: FleetJob, context: JobRun, place: JobOutputs): Promise<RunSummary | undefined> {
  try {
    return await hear(job, context, place)
  } catch (error) {
    const { code, difference } = error as { code?: unknown; difference?: unknown }
    if (job.slice !== undefined && context.stop.aborted && code === 'NO_AUDIO') return undefined
    const isOther = code === 'CHECKPOINT_MISMATCH' && difference === 'input'
    if (job.slice !== undefined || !(isOther || code === 'CHECKPOINT_UNREADABLE')) throw error
    // The recording has been replaced since, or the checkpoint is damaged: nothing that was made is shown to anybody yet.
    await place.beginAnew()
    return hear(job, context, place)
  }
}

async function hear(
  job: FleetJob,
  { signal, stop, apiKey, admission, onBegin, onProgress, onWords }: JobRun,
  place: JobOutputs,
): Promise<RunSummary> {
  const stages: unknown[] = []
  const sinks: Sink[] = []
  try {
    stages.push(await openSource(job))
    stages.push(resample(), diarize({ ...(await diarizeOptions(job, apiKey)), admission }))
    for (const { output, target } of place.targets()) sinks.push(sinkFor(job, output, target))
    const output = fanOut(
      ...sinks,
      wordCounter(onWords, (text) => place.keep(text)),
    )
    // A file that cannot be opened is told of at once, and run() listens later: it rejects with that.
    output.once('error', () => {})
    stages.push(output)
    await place.prepare(sinks)
    onBegin(stages as EventEmitter[])
  } catch (error) {
    for (const stage of [...stages, ...sinks]) (stage as Readable).destroy()
    throw error
  }
  return run(stages as Stage[], {
    signal,
    ...(job.slice !== undefined && { stop }),
    checkpoint: place.checkpoint,
    notice: false,
    onProgress,
  })
}

function sinkFor({ speakers, layout }: FleetJob, { format, path: file }: FleetOutput, target: SinkTarget): Sink {
  return sinkOf(format, target, { speakers, layout, recording: path.parse(file).name })
}

async function openSource({ input, source, slice }: FleetJob): Promise<Readable> {
  if (/^rtsps?:/i.test(input))
    return (await import('../sources/rtsp/source.ts')).rtspSource(input, { ...source, transport: 'auto' })
  if (addressOf(input) === undefined) return fileSource(input, source)
  // Not every station says that it is one: what is taken for a file is heard from its beginning again, up to where it was.
  return httpSource(input, slice === undefined ? source : { ...source, live: true })
}

async function diarizeOptions({ hearing, slice }: FleetJob, apiKey: JobRun['apiKey']): Promise<DiarizeOptions> {
  // Sources fill with silence what they miss; what only comes late would be cut in two by more of it, in the middle of a word.
  const live = { live: true, keepAlive: 'off' } as const
  const options = { ...hearingOptions(hearing, apiKey), ...(slice !== undefined && live) }
  if (hearing.local === undefined) return options
  const { embeddedEngine } = await import('../engine/embedded.ts')
  return { ...options, engine: embeddedEngine(hearing.local) }
}

/** The folder of the outputs, as far as it is the same for all slices. */
function directoryOf([first]: readonly FleetOutput[]): string {
  const parts = path.dirname(first?.path ?? '').split(path.sep)
  const at = parts.findIndex((part) => part.includes('{'))
  return (at < 0 ? parts : parts.slice(0, at)).join(path.sep) || path.sep
}

/** A sink that counts words as they become final, and keeps nothing but checkpoints. */
function wordCounter(onWords: JobRun['onWords'], keep: (checkpoint: string) => Promise<void>): Writable {
  const counter = new Writable({
    objectMode: true,
    highWaterMark: 16,
    write(turn: Turn, _encoding, done) {
      if (turn.endOfTurn && turn.revision === 0) onWords(turn.words.length, turn.end)
      done()
    },
  })
  return Object.assign(counter, { [keepsNothing]: true, [checkpointCopy]: keep })
}
