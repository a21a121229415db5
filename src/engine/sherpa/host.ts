import path from 'node:path'
import { EngineError } from '../../errors.ts'
import type { Recogniser, SpeakerModel } from '../parts.ts'
import type { RecogniserFiles, SpeakerFile } from '../models/installed.ts'
import { verifyFiles } from '../models/verify.ts'
import { PackageMissing, ProcessEnded, SherpaProcess } from './process.ts'
import { SherpaRecogniser } from './recogniser.ts'
import { SherpaSpeakers } from './speakers.ts'

/** Longest time to load a model, in ms; the largest take some seconds. */
const loadLimit = 120_000

/** A host has one model of each kind. */
type Kind = 'recogniser' | 'speakers'

/** A process and who uses it. */
interface Shared {
  process: SherpaProcess
  users: number
  nextStream: number
  loading: Map<Kind, Promise<unknown>>
}

/** The share that a recogniser or a speaker model has in a process. */
export interface Lease {
  readonly process: SherpaProcess
  /** A number that nobody else's stream has. */
  readonly stream: number
  /** Whether nobody else uses the process. */
  readonly isLast: boolean
  /** Gives the share back; the process ends with the last one. Resolves when it has, or at once. */
  release(): Promise<void>
}

/**
 * Opens a recogniser, and a speaker model, for each session of one engine; always the same two. All that are open at a
 * time share one process, and so one copy of the weights, which are most of its memory; a session more costs a stream. It
 * begins with the first and ends with the last. One that has died fails those who use it, and the next to open gets a new
 * one.
 */
export class SherpaHost {
  #shared: Shared | undefined

  /**
   * Opens a recogniser.
   *
   * @throws EngineError `ENGINE_UNAVAILABLE` where the package is missing, `MODEL_UNUSABLE` where the model is not what
   * it was, or ends the process.
   */
  async openRecogniser(model: RecogniserFiles): Promise<Recogniser> {
    await verifyFiles(model.folder, Object.values(model.files))
    const lease = this.#lease()
    await this.#load('recogniser', lease, model, (process) =>
      process.call('loadRecogniser', { files: model.files }, loadLimit),
    )
    return new SherpaRecogniser(lease, model.onlyCapitals)
  }

  /**
   * Opens a speaker model.
   *
   * @throws EngineError as {@link openRecogniser} does.
   */
  async openSpeakers(model: SpeakerFile): Promise<SpeakerModel> {
    await verifyFiles(model.folder, [model.file])
    const lease = this.#lease()
    const { size } = await this.#load('speakers', lease, model, (process) =>
      process.call('loadSpeakers', { file: model.file }, loadLimit),
    )
    return new SherpaSpeakers(lease, size, model.threshold)
  }

  #lease(): Lease {
    if (this.#shared === undefined || this.#shared.process.ended) {
      this.#shared = { process: new SherpaProcess(), users: 0, nextStream: 0, loading: new Map() }
    }
    const shared = this.#shared
    shared.users++
    let released: Promise<void> | undefined
    const release = async (): Promise<void> => {
      shared.users--
      if (shared.users > 0) return
      if (this.#shared === shared) this.#shared = undefined
      await shared.process.close()
    }
    return {
      process: shared.process,
      stream: shared.nextStream++,
      get isLast() {
        return shared.users === 1
      },
      release: () => (released ??= release()),
    }
  }

  /** Has a model loaded, once for all who share the process. */
  async #load<T>(
    kind: Kind,
    lease: Lease,
    { name, folder }: { name: string; folder: string },
    load: (process: SherpaProcess) => Promise<T>,
  ): Promise<T> {
    // A new lease always belongs to the present process.
    const { loading } = this.#shared!
    const known = loading.get(kind) ?? load(lease.process)
    loading.set(kind, known)
    try {
      return (await known) as T
    } catch (error) {
      loading.delete(kind)
      await lease.release()
      throw loadFailure(error, name, folder)
    }
  }
}

function loadFailure(error: unknown, name: string, folder: string): EngineError {
  if (error instanceof PackageMissing) {
    return new EngineError(
      'ENGINE_UNAVAILABLE',
      `the model ${name} needs the npm package sherpa-onnx-node, which is missing or has no binary for this platform ` +
        `(${error.message}). Install it in the project: npm install sherpa-onnx-node; or use PocketSphinx: ` +
        "backend: 'pocketsphinx', on the command line --engine local --model pocketsphinx",
      { cause: error },
    )
  }
  const log = error instanceof ProcessEnded ? error.log : ''
  return new EngineError(
    'MODEL_UNUSABLE',
    `the model${path.isAbsolute(name) ? '' : ` ${name}`} in ${folder} cannot be loaded: ${(error as Error).message}` +
      `${log && ` after it wrote: ${lastLine(log)}`}. A file of it is damaged or of another kind; replace it (of a ` +
      'pulled model: delete the folder and pull it again), or choose another: diarize-stream models list',
    { cause: error, folder, ...(log && { stderr: log }) },
  )
}

function lastLine(log: string): string {
  return log.split('\n').at(-1)!.slice(-300)
}
