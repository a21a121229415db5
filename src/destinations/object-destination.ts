import { checkOptions, integer, invalidOption } from '../options.ts'
import type { DestinationFacts, DestinationOpening, DestinationWriter, OutputDestination } from './destination.ts'
import type { ObjectStore } from './object-store.ts'

/** Options of {@link objectDestination} and {@link s3Destination}. */
export interface ObjectDestinationOptions {
  /**
   * The fencing epoch of the writer, from 0 to 2^53 - 1: whoever gives the work to several processes counts it up each time.
   * A writer of a lower epoch than the highest that has opened the output is refused; of those of the same, the last has it.
   * @defaultValue one more than that of the writer before
   */
  epoch?: number
  /** What was written is committed after so many ms, from 100 to 600000, where nothing else has it committed. @defaultValue `5000` */
  commitInterval?: number
  /**
   * As many bytes, from 1024 to 16777216, are committed at once; a segment that has them stays as it is, smaller ones are merged with
   * those that follow. Up to 16 times as much is held in memory.
   * @defaultValue `262144`
   */
  segmentBytes?: number
}

const DEFAULT_INTERVAL = 5000

/** What refuses wrong values of {@link ObjectDestinationOptions}. */
export const objectChecks = {
  epoch: integer(0),
  commitInterval: integer(100, 600_000, 'ms'),
  segmentBytes: integer(1024, 16_777_216, 'bytes'),
}

/**
 * Writes an output into a store of objects: JSONL in segments that never change, and a manifest that lists them, which is put in
 * place of the one before by a conditional write.
 *
 * A commit is one new segment, then a new manifest; before that, readers see the text as it was. Where the manifest is that of
 * another writer by now, it fails with `OUTPUT_FENCED`. Small segments are merged with later ones, so that there are few of them
 * however long it lasts. Objects that no manifest lists any more are left: nothing is ever deleted.
 *
 * @throws {@link ConfigurationError} `INVALID_OPTION`
 */
export function objectDestination(store: ObjectStore, options: ObjectDestinationOptions = {}): OutputDestination {
  checkStore(store)
  checkOptions('objectDestination()', options, objectChecks)
  return new ObjectDestination(store, options)
}

/** Refuses what is no {@link ObjectStore}. @throws ConfigurationError `INVALID_OPTION` */
function checkStore(value: unknown): void {
  const { address, get, put } = (value ?? {}) as Partial<ObjectStore>
  if (typeof address === 'string' && address !== '' && typeof get === 'function' && typeof put === 'function') return
  throw invalidOption('store', 'an ObjectStore', value)
}

type SegmentedText = import('./segmented-text.ts').SegmentedText

/** An output in a store, which is only opened, read and written by what is loaded then. */
export class ObjectDestination implements OutputDestination {
  readonly address: string
  readonly commitInterval: number
  readonly #store: ObjectStore
  readonly #options: ObjectDestinationOptions
  #text: Promise<SegmentedText> | undefined

  constructor(store: ObjectStore, options: ObjectDestinationOptions) {
    this.address = store.address
    this.commitInterval = options.commitInterval ?? DEFAULT_INTERVAL
    this.#store = store
    this.#options = options
  }

  async open(opening: DestinationOpening): Promise<DestinationWriter> {
    return (await this.#load()).open(opening)
  }

  async facts(signal?: AbortSignal): Promise<DestinationFacts | undefined> {
    return (await this.#load()).facts(signal)
  }

  async *read(signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    yield* (await this.#load()).read(signal)
  }

  #load(): Promise<SegmentedText> {
    return (this.#text ??= import('./segmented-text.ts').then(({ SegmentedText: Text }) => {
      return new Text(this.#store, { ...this.#options, commitInterval: this.commitInterval })
    }))
  }
}
