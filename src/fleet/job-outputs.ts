import type { Checkpoint } from '../checkpoint/checkpoint.ts'
import type { OutputDestination } from '../destinations/destination.ts'
import type { ObjectStore } from '../destinations/object-store.ts'
import { CheckpointError, OutputError } from '../errors.ts'
import type { SinkTarget } from '../sinks/destination.ts'
import type { Sink } from '../sinks/text-sink.ts'
import type { FleetOutput } from './jobs.ts'

/** The outputs of a job while a worker has it: files that all workers share, or objects. */
export interface JobOutputs {
  /** Whether all was made before; then nothing is to be done. */
  readonly isDone: boolean
  /** The outputs as they are called at last, which is certain when they have been published. */
  readonly outputs: readonly FleetOutput[]
  /** Where the checkpoint of the run is to be. */
  readonly checkpoint: string
  /** What is written while the input is heard. */
  targets(): readonly { output: FleetOutput; target: SinkTarget }[]
  /** Puts the predecessor's checkpoint where the run goes on from it, with the sinks of {@link targets}. */
  prepare(sinks: readonly object[]): Promise<void>
  /** Keeps a checkpoint that was saved where other machines find it. */
  keep(checkpoint: string): Promise<void>
  /**
   * Gives what is whole its names.
   *
   * @throws (rejects with) OutputError `OUTPUT_FENCED` where another has the job, `OUTPUT_UNWRITABLE`
   */
  publish(): Promise<void>
  /** The refusal where another has been given the job since, and may have removed what is written to; absent where each write says so. */
  takenOver?(): Promise<Error | undefined>
  /** Forgets what was made so far. */
  beginAnew(): Promise<void>
  /** The stream is over: forgets how far it had come. */
  remove(): Promise<void>
  /** Lets go of what is on this machine. */
  close(): Promise<void>
}

/** How the outputs of a job are taken over. */
export interface TakeOver {
  /** Tells the stream from others that write to the same folder. */
  stream: string
  /** Of all who were ever given the job, this one's is the highest, until another is given it. */
  epoch: number
  /** The outputs as they are called at last, where these names are free, or may be taken from what has them. */
  outputs: readonly FleetOutput[]
  /** What else they may be called, by the number of the attempt, from 1; absent where they are written over what is there. */
  otherNames?: (attempt: number) => readonly FleetOutput[]
  /** Where the folder for the work is made. */
  directory: string
  /** Which part of the stream it is; the same for all where they write the same files. */
  part: string
  /** Whether it can be heard again from its beginning, so that a damaged checkpoint need not end it. */
  isRecording: boolean
}

/** How the outputs of a job are taken over, wherever they are. */
export interface OutputsTakeOver extends TakeOver {
  /** Makes the sink of an output. */
  makeSink: (output: FleetOutput, target: SinkTarget) => Sink
  signal: AbortSignal
}

/** Where objects are, by their addresses. */
export interface ObjectPlaces {
  storeAt(address: string): ObjectStore
  destinationAt(address: string, epoch?: number): OutputDestination
}

/** The first names of outputs of which none is in use. */
export async function freeOutputs(
  { outputs, otherNames }: Pick<TakeOver, 'outputs' | 'otherNames'>,
  isThere: (output: FleetOutput) => Promise<boolean>,
): Promise<readonly FleetOutput[]> {
  let some = outputs
  for (let attempt = 1; otherNames !== undefined; attempt++) {
    const there = await Promise.all(some.map((output) => isThere(output)))
    if (!there.includes(true)) break
    some = otherNames(attempt)
  }
  return some
}

/** The checkpoint that `read` gives; none where it is damaged, and the stream can be heard again from its beginning. */
export async function checkpointOf(
  { isRecording }: Pick<TakeOver, 'isRecording'>,
  read: () => Checkpoint | undefined | Promise<Checkpoint | undefined>,
): Promise<Checkpoint | undefined> {
  try {
    return await read()
  } catch (error) {
    if (isRecording && error instanceof CheckpointError) return undefined
    throw error
  }
}

/** The refusal where another has the job, with a higher epoch, if that is known. */
export function fenced(
  { outputs, epoch }: Pick<TakeOver, 'outputs' | 'epoch'>,
  holder: number | undefined,
): OutputError {
  const target = outputs[0]?.path ?? ''
  const message = `${target} is made by another worker now (epoch ${holder}, and this one has ${epoch}); nothing more is written here`
  const currentEpoch = holder === undefined ? {} : { currentEpoch: holder }
  return new OutputError('OUTPUT_FENCED', message, { target, epoch, ...currentEpoch })
}
