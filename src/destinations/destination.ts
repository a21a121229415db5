/**
 * Where a sink writes that is no file of this machine: what {@link s3Destination} and {@link objectDestination} give, or one of
 * your own. What is written there is JSONL, as {@link jsonlSink} makes it; captions are made of that, whenever they are wanted.
 *
 * Of all writers that were opened one is the holder, by its epoch; every other is refused with `OUTPUT_FENCED` when it wants to
 * commit, so that a process that was taken for dead and is not cannot spoil what its successor writes.
 */
export interface OutputDestination {
  /** What it is called in messages and in checkpoints: an address that always means the same output, without credentials. */
  readonly address: string
  /** How often a checkpoint may have it commit, at most, in ms. */
  readonly commitInterval: number
  /**
   * Makes a writer the holder, for its epoch, and keeps so many bytes of what is there.
   *
   * @throws (rejects with) {@link OutputError} `OUTPUT_FENCED` where a writer of a higher epoch has it, `OUTPUT_UNWRITABLE`
   */
  open(options: DestinationOpening): Promise<DestinationWriter>
  /** What is there; `undefined` where nothing is. @throws (rejects with) {@link InputError} `INPUT_UNREADABLE` */
  facts(signal?: AbortSignal): Promise<DestinationFacts | undefined>
  /**
   * The text as it was committed last.
   *
   * @throws (rejects with) {@link InputError} `INPUT_NOT_FOUND`, `INPUT_UNREADABLE`, `INPUT_NOT_MEDIA`
   */
  read(signal?: AbortSignal): AsyncIterable<Uint8Array>
}

/** How an output is opened. */
export interface DestinationOpening {
  /** Bytes of the committed text that stay, from its beginning: whole lines. 0 begins anew. */
  keep: number
  /** Gives up waiting for whatever it waits for. */
  signal: AbortSignal
}

/** What is known of an output. */
export interface DestinationFacts {
  /** Length of the committed text. */
  bytes: number
  /** Epoch of the writer that holds it, or held it last. */
  epoch: number
  /** Whether it was written to its end. */
  isComplete: boolean
}

/** Writes an output. Calls do not overlap. After a failure every further one fails, but for `close()`. */
export interface DestinationWriter {
  readonly epoch: number
  /** Length of the text, also of what is not committed yet. */
  readonly bytes: number
  /**
   * Takes whole lines, which are committed soon, by time or size, or with the next `commit()`. Resolves when more may come.
   *
   * @throws (rejects with) {@link OutputError} `OUTPUT_FENCED`, `OUTPUT_UNWRITABLE`
   */
  append(text: string): Promise<void>
  /** Resolves when all that was taken is there for every reader, and stays. @throws (rejects with) as `append()` */
  commit(): Promise<void>
  /** Commits, and says that nothing follows. @throws (rejects with) as `append()` */
  complete(): Promise<void>
  /** Lets go. What was committed stays, what was not is lost. */
  close(): Promise<void>
}

/** Whether a value is an {@link OutputDestination}. */
export function isDestination(value: unknown): value is OutputDestination {
  const { address, open, read, facts } = (value ?? {}) as Partial<OutputDestination>
  return typeof address === 'string' && [open, read, facts].every((method) => typeof method === 'function')
}
