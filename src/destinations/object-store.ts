/**
 * Objects that are put whole, and only where nobody else has put another: what {@link objectDestination} stands on. It tries again
 * itself what may pass, within bounds; an error that has `retryable: true` may pass still.
 */
export interface ObjectStore {
  /** What the output is called in messages and in checkpoints, without credentials, e.g. `s3://bucket/talk.jsonl`. */
  readonly address: string
  /**
   * Bytes of an object from `from` on, `length` at most; `undefined` where there is no such object. `name` is that of an object of
   * the output, such as `manifest.json`, or empty for the object that has the name of the output itself.
   */
  get(name: string, range: { from: number; length: number }, signal: AbortSignal): Promise<StoredBytes | undefined>
  /**
   * Puts an object in place of the one of that version, or where there is none: the new version; `undefined` where another is
   * there. Where it is not known whether it was put, as after an answer that was lost, it may be tried again: `undefined` then says
   * so, too.
   */
  put(name: string, bytes: Uint8Array, replaced: string | undefined, signal: AbortSignal): Promise<string | undefined>
}

/** Part of an object. */
export interface StoredBytes {
  bytes: Uint8Array
  /** Tells what is there from what was there before or will be: an ETag. */
  version: string
  /** Length of the whole object. */
  size: number
}
