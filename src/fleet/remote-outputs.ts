import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Checkpoint, formatCheckpoint, maxCheckpointBytes, parseCheckpoint } from '../checkpoint/checkpoint.ts'
import { mayPass, put, unwritable } from '../destinations/segmented-text.ts'
import type { ObjectStore } from '../destinations/object-store.ts'
import { CheckpointError, OutputError } from '../errors.ts'
import { defined } from '../options.ts'
import { run } from '../run.ts'
import type { SinkTarget } from '../sinks/destination.ts'
import { replaceFile } from '../sinks/private-file.ts'
import { jsonlSource } from '../sources/jsonl.ts'
import {
  checkpointOf,
  fenced,
  freeOutputs,
  type JobOutputs,
  type ObjectPlaces,
  type OutputsTakeOver,
} from './job-outputs.ts'
import type { FleetOutput } from './jobs.ts'
import { checkpointFor } from './local-outputs.ts'

/** What is known of a stream, as it stands in the store: one object, put in place of the one before by who knows that only. */
interface StreamState {
  /** Who was given the job last. */
  epoch: number
  writer: string
  /** Number of the writer's version: an answer may be lost. */
  sequence: number
  /** Part of the stream of which the JSONL is whole, and captions are made or being made. */
  done?: string
  /** How far the stream has come; absent where it begins anew. */
  checkpoint?: string
  /** What the outputs of the part are called that is done, or else being made; absent where the stream is over. */
  outputs?: readonly FleetOutput[] | undefined
}

const STATE = 'state.json'
const STATE_FORMAT = 'diarize-stream fleet stream'
/** A checkpoint as JSON has it may have twice as many bytes. */
const MOST_STATE_BYTES = 2 * maxCheckpointBytes + 10_000
/** How often something is put where others may have put something else meanwhile. */
const ATTEMPTS = 10

/**
 * The outputs of a job as objects, for workers that share no disk. While the input is heard, its JSONL grows at its place, in segments
 * and with a manifest, of which the highest epoch is the holder; how far the stream has come is one more object. When it is whole,
 * the other formats are made of the JSONL, and put as plain objects.
 */
export class RemoteOutputs implements JobOutputs {
  readonly #given: OutputsTakeOver
  readonly #places: ObjectPlaces
  readonly #store: ObjectStore
  readonly #folder: string
  #state: StreamState
  #version: string
  #before: Checkpoint | undefined

  private constructor(
    given: OutputsTakeOver,
    places: ObjectPlaces,
    { store, state, version, folder }: { store: ObjectStore; state: StreamState; version: string; folder: string },
  ) {
    this.#given = given
    this.#places = places
    this.#store = store
    this.#state = state
    this.#version = version
    this.#folder = folder
  }

  /**
   * Makes `epoch` the one that counts: whoever was given the job before can save nothing any more.
   *
   * @throws (rejects with) OutputError `OUTPUT_FENCED`, `OUTPUT_UNWRITABLE`; CheckpointError
   */
  static async takeOver(given: OutputsTakeOver, places: ObjectPlaces): Promise<RemoteOutputs> {
    const store = places.storeAt(`${given.directory}/.${given.stream}.fleet`)
    const { state, version } = await claim(store, given)
    const known = knownOutputs(state, given)
    const named = known ?? (await freeOutputs(given, (output) => isThere(output, given.signal, places)))
    const folder = await mkdtemp(path.join(tmpdir(), 'diarize-stream-'))
    const own = { ...given, outputs: named }
    const outputs = new RemoteOutputs(own, places, { store, state, version, folder })
    try {
      // Before anything has these names, which a successor would take for those of others.
      if (known === undefined && given.otherNames !== undefined) {
        await outputs.#save(state.checkpoint === undefined ? {} : { checkpoint: state.checkpoint })
      }
      if (outputs.isDone) await outputs.#makeCaptions()
      else if (state.checkpoint !== undefined) {
        const text = state.checkpoint
        outputs.#before = await checkpointOf(given, () => parseCheckpoint(text, `${store.address}/${STATE}`))
      }
      return outputs
    } catch (error) {
      await outputs.close()
      throw error
    }
  }

  get isDone(): boolean {
    return this.#state.done === this.#given.part
  }

  get outputs(): readonly FleetOutput[] {
    return this.#given.outputs
  }

  get checkpoint(): string {
    return path.join(this.#folder, 'checkpoint')
  }

  targets(): { output: FleetOutput; target: SinkTarget }[] {
    const { outputs, epoch } = this.#given
    return outputs
      .filter(({ format }) => format === 'jsonl')
      .map((output) => ({ output, target: this.#places.destinationAt(output.path, epoch) }))
  }

  async prepare(sinks: readonly object[]): Promise<void> {
    if (this.#before === undefined) return
    const checkpoint = checkpointFor(this.#before, sinks, (file) => file)
    this.#before = undefined
    await replaceFile(this.checkpoint, formatCheckpoint(checkpoint))
  }

  async keep(checkpoint: string): Promise<void> {
    await this.#save({ checkpoint })
  }

  async publish(): Promise<void> {
    const { checkpoint } = this.#state
    for (const output of this.#jsonl()) await this.#complete(output, checkpoint)
    // From here on whoever is given the job makes the captions, of the same text.
    await this.#save({ done: this.#given.part, ...defined({ checkpoint }) })
    await this.#makeCaptions()
  }

  async beginAnew(): Promise<void> {
    await rm(this.checkpoint, { force: true })
    await this.#save({})
  }

  async remove(): Promise<void> {
    await this.#save({ outputs: undefined })
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 })
  }

  #jsonl(): readonly FleetOutput[] {
    return this.#given.outputs.filter(({ format }) => format === 'jsonl')
  }

  /** What was heard by others, and of which nothing was heard any more, is not complete yet. */
  async #complete(output: FleetOutput, checkpoint: string | undefined): Promise<void> {
    const { epoch, signal } = this.#given
    const destination = this.#places.destinationAt(output.path, epoch)
    const facts = await destination.facts(signal)
    if (facts === undefined || facts.isComplete) return
    const known = checkpoint === undefined ? undefined : parseCheckpoint(checkpoint, this.#store.address)
    // What one before has written since its checkpoint is not certain.
    const keep = facts.epoch === epoch ? facts.bytes : (known?.outputs[output.path]?.bytes ?? 0)
    const writer = await destination.open({ keep, signal })
    try {
      await writer.complete()
    } finally {
      await writer.close()
    }
  }

  async #makeCaptions(): Promise<void> {
    const { outputs, makeSink, signal } = this.#given
    const [jsonl] = this.#jsonl()
    if (jsonl === undefined) return
    const source = this.#places.destinationAt(jsonl.path)
    // Where nothing was ever heard, there is nothing.
    if ((await source.facts(signal)) === undefined) return
    for (const output of outputs) {
      if (output.format === 'jsonl') continue
      const file = path.join(this.#folder, `captions.${output.format}`)
      await run([jsonlSource(source), makeSink(output, file)], { signal, notice: false })
      const bytes = await readFile(file)
      await this.#assertCurrent()
      await putWhole(this.#places.storeAt(output.path), bytes, signal)
      await rm(file, { force: true })
    }
  }

  async #assertCurrent(): Promise<void> {
    const found = await readState(this.#store, this.#given.signal)
    if (found?.state?.writer !== this.#state.writer) throw fenced(this.#given, found?.state?.epoch)
  }

  /** Puts what is known of the stream in place of what this writer had put. @throws OutputError `OUTPUT_FENCED` */
  async #save(facts: Pick<StreamState, 'done' | 'checkpoint' | 'outputs'>): Promise<void> {
    const { epoch, writer, sequence } = this.#state
    const { signal } = this.#given
    const state = { epoch, writer, sequence: sequence + 1, outputs: this.#given.outputs, ...facts }
    let version = await put(this.#store, STATE, formatState(state), this.#version, signal)
    if (version === undefined) {
      const found = await readState(this.#store, signal)
      // It is this one, and the answer was lost.
      if (found?.state?.writer !== writer || found.state.sequence !== state.sequence) {
        throw fenced(this.#given, found?.state?.epoch)
      }
      version = found.version
    }
    this.#state = state
    this.#version = version
  }
}

/** What the outputs of this part are called already; `undefined` where it is to be named. */
function knownOutputs({ done, outputs, checkpoint }: StreamState, given: OutputsTakeOver) {
  if (given.otherNames === undefined) return given.outputs
  if (done !== undefined && done !== given.part) return undefined
  // What is not done is gone on with, also where the queue lost its data, and counts parts anew.
  return outputs ?? (checkpoint === undefined && done === undefined ? undefined : given.outputs)
}

async function isThere(
  { format, path: address }: FleetOutput,
  signal: AbortSignal,
  places: ObjectPlaces,
): Promise<boolean> {
  const found =
    format === 'jsonl'
      ? await places.destinationAt(address).facts(signal)
      : await get(places.storeAt(address), '', 1, signal)
  return found !== undefined
}

/** Whether all outputs of a job are there, and its JSONL is whole. */
export async function areComplete(
  outputs: readonly FleetOutput[],
  signal: AbortSignal,
  places: ObjectPlaces,
): Promise<boolean> {
  for (const output of outputs) {
    const facts = output.format === 'jsonl' ? await places.destinationAt(output.path).facts(signal) : undefined
    if (!(facts?.isComplete ?? (await isThere(output, signal, places)))) return false
  }
  return true
}

/** Puts this worker's epoch in place of those before. */
async function claim(store: ObjectStore, given: OutputsTakeOver): Promise<{ state: StreamState; version: string }> {
  const { epoch, signal } = given
  const writer = randomUUID()
  for (let attempt = 1; ; attempt++) {
    const found = await readState(store, signal)
    const before = found?.state
    // An answer that was lost may have told of this.
    if (found !== undefined && before?.writer === writer) return { state: before, version: found.version }
    if (before !== undefined && before.epoch >= epoch) throw fenced(given, before.epoch)
    const state = { ...before, epoch, writer, sequence: 0 }
    const version = await put(store, STATE, formatState(state), found?.version, signal)
    if (version !== undefined) return { state, version }
    if (attempt === ATTEMPTS) throw unwritable(store.address, new Error('others put it there again and again'))
  }
}

async function readState(
  store: ObjectStore,
  signal: AbortSignal,
): Promise<{ state: StreamState | undefined; version: string } | undefined> {
  const found = await get(store, STATE, MOST_STATE_BYTES, signal)
  if (found === undefined) return undefined
  try {
    const { format, ...state } = JSON.parse(Buffer.from(found.bytes).toString()) as StreamState & { format?: string }
    if (format !== STATE_FORMAT || !Number.isSafeInteger(state.epoch)) throw new Error('it is none of a fleet')
    return { state, version: found.version }
  } catch (cause) {
    const message = `${store.address}/${STATE} cannot be read: ${(cause as Error).message}; delete it, and the job begins anew`
    throw new CheckpointError('CHECKPOINT_UNREADABLE', message, { file: `${store.address}/${STATE}`, cause })
  }
}

function formatState(state: StreamState): Uint8Array {
  return Buffer.from(`${JSON.stringify({ format: STATE_FORMAT, ...state })}\n`)
}

/** Puts an object, whatever was there. */
async function putWhole(store: ObjectStore, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const there = await get(store, '', 1, signal)
    if ((await put(store, '', bytes, there?.version, signal)) !== undefined) return
    // It is this one, and the answer was lost.
    const present = await get(store, '', bytes.length + 1, signal)
    if (present !== undefined && Buffer.compare(present.bytes, bytes) === 0) return
  }
  throw unwritable(store.address, new Error('others put it there again and again'))
}

async function get(store: ObjectStore, name: string, length: number, signal: AbortSignal) {
  signal.throwIfAborted()
  return store.get(name, { from: 0, length }, signal).catch((error: unknown) => {
    throw signal.aborted ? error : unreachable(store.address, error)
  })
}

/** It is read in order to write. */
function unreachable(target: string, cause: unknown): OutputError {
  const message = `cannot look for ${target}: ${(cause as Error).message}`
  return new OutputError('OUTPUT_UNWRITABLE', message, { target, cause, retryable: mayPass(cause) })
}
