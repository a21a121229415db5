import { rm } from 'node:fs/promises'
import path from 'node:path'
import { CheckpointError, ConfigurationError } from '../errors.ts'
import { FileLock } from '../sinks/file-lock.ts'
import { replaceFile } from '../sinks/private-file.ts'
import { canSeek, seekTo } from '../stage.ts'
import type { Gap } from '../stream/options.ts'
import {
  type Checkpoint,
  checkInput,
  checkStages,
  formatCheckpoint,
  maxCheckpointBytes,
  mismatch,
  type Place,
  readCheckpoint,
  sha256,
} from './checkpoint.ts'
import { CheckpointRecorder } from './recorder.ts'
import {
  beginning,
  checkpointCopy,
  type IdentifiedSource,
  inputIdentity,
  inputLost,
  keepsNothing,
  type ResumableHearing,
  resumableHearing,
  type ResumableOutput,
  resumableOutput,
  targetSinks,
} from './stages.ts'
import { TurnRecord, turnsOf } from './turn-record.ts'

type AnyStage = object & { emit?: (event: string, ...args: unknown[]) => boolean }

type ResumableSource = IdentifiedSource & Required<Pick<IdentifiedSource, typeof inputIdentity>>

/** What of a run takes part in its checkpoint. */
interface Parts {
  source: ResumableSource
  hearing: ResumableHearing
  /** What it was told. */
  options: string
  /** Index of the stage that makes turns. */
  at: number
  outputs: readonly ResumableOutput[]
  /** Where else checkpoints are kept. */
  copies: readonly ((checkpoint: string) => Promise<void>)[]
}

/** Keeps the checkpoint of a run: goes on from the one that is there, saves, and deletes it after success. */
export class Checkpointing {
  /** Stands behind the stage of this number. */
  readonly at: number
  readonly recorder: CheckpointRecorder
  /** Audio that nobody heard in the runs before this one. */
  readonly gaps: readonly Gap[]
  readonly #file: string
  /** Keeps other runs away; absent where no file can be made beside it. */
  readonly #lock: FileLock | undefined
  readonly #parts: Parts
  readonly #stages: Checkpoint['stages']
  readonly #record: TurnRecord
  readonly #warn: (message: string) => void
  #isTooLarge = false
  #saving: Promise<void> | undefined
  #isClosed = false

  private constructor(
    { file, lock }: { file: string; lock: FileLock | undefined },
    parts: Parts,
    before: Checkpoint | undefined,
    warn: (message: string) => void,
  ) {
    this.#file = file
    this.#lock = lock
    this.#parts = parts
    this.#warn = warn
    this.#stages = stagesOf(parts)
    this.#record = new TurnRecord(before)
    this.at = parts.at
    this.gaps = before?.gaps ?? []
    this.recorder = new CheckpointRecorder({
      record: this.#record,
      gaps: this.gaps,
      sinks: parts.outputs.length,
      hasMore: () => {
        const { live, learned } = parts.hearing.state()
        return live || (learned?.size ?? 0) > 0
      },
      interval: Math.max(0, ...parts.outputs.map(({ interval = 0 }) => interval)),
      snapshot: (gaps, isLast) => this.#snapshot(gaps, isLast),
    })
  }

  /**
   * Goes on from the checkpoint in `given`, where there is one; else one is written now.
   *
   * @throws CheckpointError; ConfigurationError `INVALID_PIPELINE` where the stages cannot go on; OutputError
   */
  static async open(given: string, stages: readonly AnyStage[]): Promise<Checkpointing> {
    const file = path.resolve(given)
    const parts = await partsOf(stages)
    const itself = parts.outputs.find((output) => output.path === file)
    if (itself !== undefined)
      throw invalid(`${file} is written by ${itself.name}; give the checkpoint a file of its own`)
    const lock = await FileLock.take(file).catch((error: unknown) => {
      throw inUse(file, error)
    })
    try {
      const there = await readCheckpoint(file)
      // One of before there was any audio holds nothing to go on from, and its input may have been mended since.
      const before = there !== undefined && holdsNothing(there) ? undefined : there
      const warn = (message: string): void => {
        const last = stages.at(-1)
        last?.emit?.('warning', { code: 'CHECKPOINT_NOT_SAVED', message, file })
      }
      const checkpointing = new Checkpointing({ file, lock }, parts, before, warn)
      if (before === undefined) {
        for (const output of parts.outputs) await output.begin?.(there?.outputs[output.path] !== undefined)
        await checkpointing.#snapshot([])(new Map())
      } else await checkpointing.#resumeFrom(before)
      return checkpointing
    } catch (error) {
      await lock?.release()
      throw error
    }
  }

  /** The run was told to end before its input does: what it hears of a recording then is cut off, and heard again later. */
  stop(): void {
    if (this.#parts.hearing.state().live) return
    this.recorder.freeze()
    this.#parts.hearing.leave()
  }

  /** The run has succeeded. Deletes the checkpoint where it came to the end of its input, and nobody cut that short meanwhile. */
  async finish(isComplete: boolean): Promise<void> {
    await this.recorder.saved
    await this.#checkLock()
    if (!isComplete || (this.#parts.source[inputLost]?.() ?? 0) > 0) return
    await rm(this.#file, { force: true })
    for (const output of this.#parts.outputs) await output.forget?.()
  }

  /** Lets others have the checkpoint, however the run has ended, once what is being saved is there. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#saving?.catch(() => {})
    await this.#lock?.release()
  }

  /** @throws (rejects with) CheckpointError `CHECKPOINT_IN_USE` where another run has taken it over */
  async #checkLock(): Promise<void> {
    await this.#lock?.check().catch((error: unknown) => {
      throw inUse(this.#file, error)
    })
  }

  async #resumeFrom(before: Checkpoint): Promise<void> {
    const { source, hearing, outputs } = this.#parts
    const check = (): void => checkInput(before, source[inputIdentity](sha256), this.#file)
    checkStages(before, this.#stages, this.#file)
    check()
    const turns = turnsOf(before)
    for (const output of outputs) await this.#checkOutput(output, before.outputs[output.path])
    for (const output of outputs) await output.resumeFrom(before.outputs[output.path] ?? beginning, turns)
    const seek = (ms: number): number => (before.canSeek === true ? (source[seekTo]?.(ms, check) ?? 0) : 0)
    await hearing.resumeFrom({ ...before, check, seek })
  }

  /** Refuses a file that has become shorter than what is not written again. */
  async #checkOutput(output: ResumableOutput, place: Place = beginning): Promise<void> {
    const { bytes } = place
    const size = await output.size(place)
    if (size >= bytes) return
    const what = `${output.path} has been cut off or removed (it has ${size} bytes, and had ${bytes} or more)`
    throw mismatch(this.#file, 'outputs', what, 'put it back as it was')
  }

  /** What is known now, to be saved when all sinks hold it. */
  #snapshot(gaps: readonly Gap[], isLast = false): (places: ReadonlyMap<string, Place>) => Promise<void> {
    const { source, hearing, outputs } = this.#parts
    const known = { ...this.#record.state, ...hearing.state(), gaps, savedAt: Date.now(), stages: this.#stages }
    const isSeekable = source[canSeek]?.() === true
    return async (places) => {
      const all = outputs.map((output) => [output.path, places.get(output.path) ?? beginning] as const)
      const text = formatCheckpoint({
        ...known,
        ...(isSeekable && { canSeek: true }),
        ...(isLast && known.live && { ended: true }),
        input: source[inputIdentity](sha256),
        outputs: Object.fromEntries(all),
      })
      if (Buffer.byteLength(text) > maxCheckpointBytes) return this.#tellTooLarge()
      await this.#checkLock()
      if (this.#isClosed) return
      this.#saving = replaceFile(this.#file, text)
      await this.#saving
      for (const copy of this.#parts.copies) await copy(text)
      this.#record.forgetBefore(Math.min(...all.map(([, place]) => place.order)))
    }
  }

  #tellTooLarge(): void {
    if (this.#isTooLarge) return
    this.#isTooLarge = true
    const message =
      `the checkpoint ${this.#file} would be larger than ${maxCheckpointBytes} bytes, so it stays as it is: a run that goes on ` +
      'from it hears again what came since'
    this.#warn(message)
  }
}

function holdsNothing({ reachedMs, turns, startedAt }: Checkpoint): boolean {
  return reachedMs === 0 && turns.length === 0 && startedAt === undefined
}

function stagesOf({ options: heard, outputs }: Parts): Checkpoint['stages'] {
  const all = outputs.map(({ name, path: file, options }) => [`${name} ${file}`, sha256(options)])
  return Object.fromEntries([['diarize()', sha256(heard)], ...all]) as Checkpoint['stages']
}

/** @throws ConfigurationError `INVALID_PIPELINE` */
async function partsOf(stages: readonly AnyStage[]): Promise<Parts> {
  const source = stages[0] as IdentifiedSource
  if (source[inputIdentity] === undefined) {
    throw invalid(
      'its source cannot be opened again: give it fileSource() of a file, httpSource(), rtspSource() or microphoneSource()',
    )
  }
  const at = stages.findIndex((stage) => resumableHearing in stage)
  if (at < 0) throw invalid('it needs diarize(); transcribe() begins anew, and a transcript needs none')
  if (at !== stages.length - 2)
    throw invalid('nothing may stand between diarize() and the sink, as nobody knows what that holds')
  const hearing = (stages[at] as { [resumableHearing]: ResumableHearing })[resumableHearing]
  const { options, obstacle } = await hearing.check()
  if (obstacle !== undefined) throw invalid(obstacle)
  const last = stages.at(-1)!
  return {
    source: source as ResumableSource,
    hearing,
    options,
    at,
    outputs: outputsOf(last),
    copies: targetsOf(last).flatMap(
      (sink) => (sink as { [checkpointCopy]?: Parts['copies'][number] })[checkpointCopy] ?? [],
    ),
  }
}

function targetsOf(sink: AnyStage): readonly AnyStage[] {
  if (!(targetSinks in sink)) return [sink]
  return (sink as { [targetSinks]: readonly AnyStage[] })[targetSinks].flatMap(targetsOf)
}

function outputsOf(last: AnyStage): ResumableOutput[] {
  return targetsOf(last).flatMap(outputOf)
}

function outputOf(sink: AnyStage): ResumableOutput[] {
  if (keepsNothing in sink) return []
  const output = (sink as { [resumableOutput]?: ResumableOutput })[resumableOutput]
  if (output === undefined)
    throw invalid(
      'each sink must be one of this library, and write to a file, which can be cut off, or to a destination; docxSink() writes its file at the end',
    )
  return [output]
}

/** The error for a checkpoint that another run has. */
function inUse(file: string, cause: unknown): CheckpointError {
  const { pid } = cause as { pid: number }
  const message = `process ${pid} runs with the checkpoint ${file}; wait until it has ended, or end it: then the same call goes on`
  return new CheckpointError('CHECKPOINT_IN_USE', message, { file, pid, retryable: true, cause })
}

function invalid(why: string): ConfigurationError {
  return new ConfigurationError('INVALID_PIPELINE', `run() cannot keep a checkpoint: ${why}`)
}
